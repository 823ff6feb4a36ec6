"""Korean tales, told the way a grandmother might tell them, with a probability for every word.

Each tale has a hero who lives somewhere (`opening`), one of ten plots (a lost treasure, an errand past a wild beast, a
kindness repaid, a riddle, a storm, a gift, a night visitor, a bet with a goblin, a seed, a cure) and a closing line.

How a choice is made. The plots are written in Korean with slots in braces, and `Tale.say` speaks them one eojeol (what
stands between two spaces) after another. `{WALK}`, in capitals, is chosen anew each time from the list of that name.
`{thing}`, in small letters, is one of the cast: chosen where it first comes, remembered, and the same ever after;
`{thing2}` is another one from the same list. So an early choice comes back later, and a reader can know it beforehand.

How particles agree. Korean marks a noun's part in the sentence with a particle that often has two forms, one for nouns
that end in a consonant and one for those that end in a vowel: 곰이, 여우가. `{thing|이/가}` takes the one that fits.
A noun and its particle are one word, so they are chosen together, and a list of nouns becomes `Options` of eojeols.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from gptcore.stories.source import Choose, Options

PARTICLES = ("은/는", "이/가", "을/를", "과/와", "으로/로", "아/야", "이라는/라는")  # after a consonant / after a vowel


def particle(noun: str, pair: str) -> str:
    """`noun` with the form of `pair` that fits its last sound; 으로/로 counts a final ㄹ as a vowel.

    >>> particle("곰", "이/가"), particle("여우", "이/가"), particle("산골", "으로/로")
    ('곰이', '여우가', '산골로')
    """
    after_consonant, after_vowel = pair.split("/")
    final = (ord(noun[-1]) - ord("가")) % 28  # Unicode lists syllables by initial, vowel and final; 0 is no final
    is_rieul = final == 8
    return noun + (after_vowel if final == 0 or (is_rieul and pair == "으로/로") else after_consonant)


def table(text: str) -> dict[str, tuple[str, ...]]:
    """The lists of a text like "name: one / two /" and, indented, "three / four", the likeliest items first.

    >>> table("sky: blue / grey /\\n    black")
    {'sky': ('blue', 'grey', 'black')}
    """
    entries = re.split(r"\n(?=\w)", text.strip())
    named = (entry.split(":", 1) for entry in entries)
    return {name: tuple(item.strip() for item in items.split("/")) for name, items in named}


HEROES = table("""
pets: 보리 / 콩이 / 머루 / 밤톨이 / 달래 / 솔이 / 방울이 / 몽실이 / 다래 / 초롱이 / 누리 / 아롱이 / 단비 / 뭉치 / 두리 /
    동동이 / 나리 / 마루 / 구름이 / 별이 / 다솜이 / 꼬미 / 산들이
boys: 돌쇠 / 복동이 / 바우 / 막둥이 / 삼돌이 / 만복이 / 억쇠 / 칠복이 / 개똥이 / 순돌이 / 석이 / 쇠돌이 / 덕이
girls: 순이 / 분이 / 옥이 / 금순이 / 꽃분이 / 연이 / 복실이 / 달님이 / 송이 / 언년이 / 은실이 / 고은이
animals: 토끼 / 너구리 / 여우 / 다람쥐 / 곰 / 고슴도치 / 사슴 / 오소리 / 두꺼비 / 생쥐 / 노루 / 거북이 / 수달 / 족제비 /
    두더지 / 염소 / 고양이 / 강아지 / 송아지 / 당나귀 / 청설모 / 산양 / 망아지 / 고라니 / 남생이 / 오리 / 거위 / 돼지
adults: 나무꾼 / 농부 / 대장장이 / 어부 / 선비 / 옹기장이 / 목수 / 뱃사공 / 심마니 / 석수장이 / 이야기꾼 / 악사 /
    산지기 / 도공 / 마부 / 화공
youths: 총각 / 소년 / 도령 / 꼬마 / 목동 / 사내아이
maidens: 처녀 / 소녀 / 아가씨 / 여자아이
""")

# The cast: nouns that a tale may remember.
CAST = table("""
place: 산골 / 감나무골 / 바닷가 / 솔숲 / 언덕 / 강가 / 골짜기 / 밤나무골 / 시냇가 / 산기슭 / 두메 / 갯마을 / 달맞이골 /
    들판 / 대나무골 / 호숫가 / 까치골 / 섬마을 / 나루터 / 살구골 / 물레방아골 / 느티나무골 / 안개골 / 노루골 /
    돌담마을 / 버들골 / 복사골 / 옹달샘골 / 바람골 / 배나무골 / 꽃마을 / 두루미골 / 윗마을 / 연못가 / 대추나무골 /
    매화골
thing: 피리 / 복주머니 / 꽃신 / 부채 / 거울 / 은비녀 / 북 / 호리병 / 옥반지 / 방울 / 노리개 / 빗 / 붓 / 삿갓 / 구슬 /
    연 / 바구니 / 벼루 / 목도리 / 짚신 / 지팡이 / 놋그릇 / 표주박 / 팽이 / 보자기 / 퉁소 / 장구 / 버선 / 탈 / 나막신 /
    베개 / 가락지 / 은수저 / 털모자 / 골무 / 꽹과리 / 찻잔 / 종
present: 부채 / 지팡이 / 목도리 / 버선 / 찻잔 / 거울 / 베개 / 놋그릇 / 빗 / 은수저 / 방석 / 털모자 / 담요 / 벼루 /
    화로 / 짚신 / 등잔 / 돋보기 / 누비옷 / 이불 / 꽃병 / 주전자 / 병풍
food: 시루떡 / 곶감 / 주먹밥 / 인절미 / 군밤 / 송편 / 고구마 / 홍시 / 옥수수 / 감자 / 약과 / 엿 / 대추 / 쑥떡 / 강정 /
    부침개 / 백설기 / 누룽지 / 산딸기 / 도토리묵 / 만두 / 꿀떡 / 복숭아 / 호두 / 두부 / 살구 / 앵두 / 수수떡 / 찰떡 /
    메밀묵 / 잣 / 자두 / 화전 / 오디 / 가래떡 / 참외
soup: 팥죽 / 떡국 / 호박죽 / 수제비 / 국수 / 미역국 / 잣죽 / 시래깃국 / 국밥 / 콩죽 / 된장국 / 만둣국 / 감잣국
spot: 느티나무 / 우물 / 장독대 / 돌다리 / 감나무 / 물레방아 / 정자 / 외양간 / 빨래터 / 장승 / 헛간 / 돌담 / 방앗간 /
    버드나무 / 서당 / 꽃밭 / 주막 / 은행나무 / 대장간 / 솟대 / 원두막 / 징검다리 / 텃밭 / 허수아비 / 닭장 / 콩밭 /
    짚더미 / 사립문 / 배추밭 / 살구나무 / 대문 / 굴뚝
wild: 바위 / 폭포 / 옹달샘 / 소나무 / 동굴 / 참나무 / 돌탑 / 연못 / 고목 / 그루터기 / 벼랑 / 너럭바위 / 억새밭 /
    단풍나무 / 대숲 / 약수터 / 갈대밭 / 칡덩굴 / 산신각 / 바위굴 / 진달래밭 / 전나무
side: 뒤 / 옆 / 앞 / 곁
elder: 할머니 / 어머니 / 외할머니 / 할아버지 / 아버지 / 이모 / 고모 / 외할아버지 / 스승님 / 삼촌 / 훈장님 / 작은어머니 /
    큰아버지
helper: 까치 / 제비 / 참새 / 부엉이 / 두루미 / 까마귀 / 나비 / 비둘기 / 꾀꼬리 / 반딧불이 / 종달새 / 올빼미 / 잠자리 /
    딱따구리 / 귀뚜라미 / 뻐꾸기 / 꿀벌 / 무당벌레 / 꿩 / 메뚜기 / 풍뎅이 / 박새 / 뜸부기
beast: 호랑이 / 늑대 / 멧돼지 / 표범 / 살쾡이 / 승냥이 / 스라소니 / 불곰 / 들개
hunter: 사냥꾼 / 포수 / 산신령 / 장군 / 사냥개 / 용 / 도깨비 / 사자 / 구렁이
judge: 원님 / 사또 / 부자 영감 / 대감 / 훈장 / 정승 / 도사 / 진사 / 구두쇠 영감 / 노인 / 만물장수
built: 지붕 / 돌담 / 외양간 / 울타리 / 헛간 / 굴뚝 / 부엌 / 오두막 / 담벼락 / 곳간 / 닭장 / 원두막 / 사랑채 / 대문 /
    처마
neighbour: 옆집 할머니 / 앞집 아저씨 / 뒷집 아주머니 / 윗집 할아버지 / 아랫집 새댁 / 물장수 / 건넛집 영감 /
    주막 아주머니 / 방앗간 아저씨 / 서당 아이들 / 꼭대기 집 형제 / 기와집 마님 / 떡집 아주머니
tool: 볏짚 / 망치 / 통나무 / 새끼줄 / 톱 / 널빤지 / 사다리 / 진흙 / 괭이 / 삽 / 못 / 대나무 / 지게 / 도끼 / 기왓장 /
    수레 / 대패 / 기둥 / 싸리나무 / 멍석 / 돌멩이 / 가마니
vendor: 엿장수 / 소금 장수 / 비단 장수 / 그릇 장수 / 방물장수 / 짚신 장수 / 떡장수 / 갓 장수 / 약장수 / 나물 장수 /
    생선 장수 / 쌀장수 / 붓 장수 / 참빗 장수
stranger: 나그네 / 할아버지 / 스님 / 할머니 / 봇짐장수 / 선비 / 노인 / 아주머니 / 방랑 시인 / 떠돌이 / 악사 / 길손 /
    약초꾼
treasure: 엽전 / 금돈 / 쌀 / 떡 / 은돈 / 비단 / 구슬 / 한과 / 보석 / 솜옷 / 콩 / 알밤 / 보리쌀 / 곶감 / 진주
contest: 씨름 / 팔씨름 / 달리기 / 줄다리기 / 윷놀이 / 제기차기 / 숨바꼭질 / 닭싸움 / 널뛰기 / 팽이치기 / 연날리기 /
    활쏘기 / 높이뛰기 / 떡 먹기 / 투호 / 공기놀이 / 비석치기 / 그림자밟기 / 노래
crop: 호박 / 수박 / 참외 / 오이 / 가지 / 고추 / 강낭콩 / 옥수수 / 완두 / 여주 / 녹두
herb: 산삼 / 약수 / 영지버섯 / 더덕 / 석청 / 도라지 / 오미자 / 당귀 / 불로초 / 구기자 / 하수오 / 칡뿌리 / 백도라지
""")

# What is chosen anew each time. A list X+ is used instead of X where someone speaks politely to the hero.
WORDS = table("""
AREA: 조용한 / 아늑한 / 양지바른 / 물 맑은 / 외딴 / 햇살 고운 / 경치 좋은 / 바람 시원한 / 꽃이 많은 / 멀고 먼 /
    안개 자욱한 / 별이 잘 보이는 / 새소리 고운 / 눈이 많이 오는 / 포근한 / 인적 드문 / 노을 고운 / 공기 맑은 /
    달빛 고운 / 한가로운
TRAIT: 마음씨 고운 / 꾀 많은 / 부지런한 / 착한 / 겁 많은 / 씩씩한 / 영리한 / 호기심 많은 / 장난기 많은 / 인정 많은 /
    상냥한 / 웃음 많은 / 정직한 / 눈치 빠른 / 수줍음 많은 / 의젓한 / 노래 잘하는 / 슬기로운 / 재주 많은 / 느긋한 /
    덩치 큰 / 정 많은 / 당찬 / 순한 / 꼼꼼한 / 엉뚱한 / 말수 적은 / 먹성 좋은 / 목소리 고운 / 눈이 동그란
OFTEN: 날마다 / 아침마다 / 틈만 나면 / 해만 뜨면 / 하루도 빠짐없이 / 언제나 / 심심할 때면 / 늘
DAY: 봄비가 보슬보슬 내리던 날, / 바람이 쌩쌩 불던 날, / 햇살이 따스하던 날, / 안개가 자욱하던 날, /
    꽃잎이 하늘하늘 날리던 날, / 매미가 맴맴 울던 날, / 단풍이 곱게 물든 날, / 낙엽이 우수수 지던 날, /
    나비가 팔랑팔랑 날던 날, / 소나기가 지나간 날, / 무지개가 뜬 날, / 아지랑이가 아른거리던 날, / 제비가 돌아온 날, /
    진달래가 활짝 핀 날, / 뭉게구름이 뜬 날, / 장이 서던 날, / 벼가 누렇게 익은 날, / 들국화가 피던 날, /
    살구꽃이 피던 날, / 산들바람이 불던 날, / 하늘이 유난히 파란 날,
NIGHT: 달이 휘영청 밝은 밤, / 눈보라가 치던 밤, / 별이 총총한 밤, / 비가 주룩주룩 내리던 밤, /
    부엉이가 부엉부엉 울던 밤, / 귀뚜라미가 귀뚤귀뚤 울던 밤, / 바람이 윙윙 불던 밤, / 달도 없이 캄캄한 밤, /
    함박눈이 소복소복 쌓이던 밤, / 개구리가 개굴개굴 울던 밤, / 은하수가 흐르던 밤, / 천둥이 우르릉거리던 밤, /
    밤안개가 깔린 밤, / 반딧불이 반짝이던 밤,
LOOK: 작은 / 예쁜 / 반짝이는 / 귀한 / 고운 / 신기한 / 자그마한 / 아담한 / 멋진 / 알록달록한 / 보기 드문 / 윤이 나는 /
    앙증맞은 / 값진 / 눈부신 / 탐나는 / 곱디고운 / 정성껏 만든 / 향기로운
HUMBLE: 낡은 / 오래된 / 손때 묻은 / 작은 / 빛바랜 / 수수한 / 투박한 / 자그마한 / 정든 / 닳고 닳은
WALK: 터벅터벅 / 부지런히 / 타박타박 / 성큼성큼 / 조심조심 / 씩씩하게 / 사뿐사뿐 / 느릿느릿 / 뚜벅뚜벅 / 쉬엄쉬엄 /
    휘적휘적 / 묵묵히 / 총총 / 바삐 / 천천히 / 자박자박 / 살금살금
RUN: 한달음에 / 허둥지둥 / 쏜살같이 / 헐레벌떡 / 부랴부랴 / 단숨에 / 후다닥 / 서둘러 / 바람처럼 / 재빨리 / 정신없이 /
    냅다 / 급히 / 신나게
HOME: 한달음에 / 콧노래를 부르며 / 신나게 / 바람처럼 / 싱글벙글 / 단숨에 / 휘파람을 불며 / 어깨를 쭉 펴고 / 쏜살같이 /
    덩실덩실 / 춤추듯
SEARCHED: 샅샅이 / 꼼꼼히 / 구석구석 / 몇 번이고 / 두루두루 / 빠짐없이 / 기웃기웃 / 찬찬히
CAME: 다가와 / 지나가다 / 나타나 / 고개를 갸웃하며 / 가까이 와서 / 걸음을 멈추고 / 빤히 쳐다보며 / 빼꼼 나타나 /
    쭈뼛쭈뼛 다가와
LEAD: 그때 / 마침 / 바로 그때 / 한참 뒤 / 때마침 / 얼마 안 있어
SAW: 보았어." / 봤단다." / 본 것 같아." / 분명히 보았어." / 아까 봤어."
SAW+: 보았어요." / 봤답니다." / 본 것 같아요." / 분명히 보았어요." / 아까 봤어요."
SURE_ENOUGH: 정말로 / 아니나 다를까 / 가서 보니 / 과연 / 신기하게도
THANKS: 고마워, / 정말 고마워, / 네 덕분이야, / 큰 신세를 졌구나, / 너밖에 없구나, / 이 은혜 잊지 않을게,
SUDDENLY: 갑자기 / 난데없이 / 별안간 / 느닷없이 / 어디선가
FIERCE: 커다란 / 무시무시한 / 배고픈 / 사나운 / 집채만 한 / 눈이 부리부리한 / 심술궂은 / 송곳니가 뾰족한 / 험상궂은
GROWL: 거기 서라! / 이놈! / 옳지, 잘 만났다! / 꼼짝 마라! / 으르렁! / 배고파 죽겠다! / 게 섰거라! / 크르렁!
HAND_OVER: 내놓아라!" / 이리 다오!" / 당장 내놓아라!" / 나한테 넘겨라!" / 몽땅 내놓아라!" / 두고 가거라!"
CALMLY: 침착하게 / 꾀를 내어 / 태연하게 / 방긋 웃으며 / 또박또박 / 큰 소리로 / 씩씩하게 / 숨을 고르고 / 공손히 /
    차분하게
STARVED: 바싹 여위어 / 몹시 굶주려 / 배를 움켜쥐고 / 눈물을 글썽이고 / 덜덜 떨고 / 뼈만 앙상하게 남아
HURT: 길을 잃은 / 다리를 다친 / 비에 젖은 / 웅덩이에 빠진 / 배를 곯은 / 오들오들 떠는 / 가시덤불에 갇힌 / 병이 든 /
    지쳐 쓰러진 / 외톨이가 된 / 바람에 날려 온 / 돌 틈에 낀
HUNGRY: 배고픈 / 몹시 지친 / 비쩍 마른 / 기운 없는 / 추위에 떠는 / 다리를 다친 / 풀 죽은 / 먼 길을 온
POOR: 저런, 가엾어라!" / 아이고, 딱해라!" / 쯧쯧, 얼마나 힘들까!" / 이런, 큰일 났구나!" / 걱정 마라!" /
    어쩌다 이랬니?"
BOWED: 고개를 숙이며 / 눈물을 글썽이며 / 꾸벅 절하며 / 기운을 차리고 / 떠나면서 / 날개를 파닥이며 / 몇 번이나
PROMISE: 이 은혜는 꼭 갚을게." / 평생 잊지 않을게." / 언젠가 꼭 도와줄게." / 다시 찾아올게, 약속해." /
    힘들 때 날 불러."
PROMISE+: 이 은혜는 꼭 갚을게요." / 평생 잊지 않을게요." / 언젠가 꼭 도와드릴게요." / 다시 찾아올게요, 약속해요." /
    힘들 때 절 부르세요."
LATER: 며칠 뒤 / 얼마 뒤 / 한 달 뒤 / 이듬해 / 몇 해 뒤 / 보름 뒤 / 해가 바뀌고 / 그로부터 한참 뒤 /
    까맣게 잊고 지내던 어느 날,
BEFORE_ALL: 모두를 불러 놓고 / 잔치를 열고 / 장터에 나와 / 대청에 앉아 / 정자에 올라 / 큰 소리로 / 수염을 쓸며
THOUGHT: 곰곰이 생각하더니 / 눈을 감고 생각하더니 / 하늘을 쳐다보더니 / 무릎을 탁 치더니 / 빙그레 웃더니 /
    손을 번쩍 들더니
WELL_DONE: 옳거니, 맞았다!" / 허허, 영특하구나!" / 참으로 슬기롭구나!" / 내가 졌다!" / 그렇지, 바로 그거다!" /
    과연 대단하구나!"
NODDING: 껄껄 웃으며 / 무릎을 탁 치며 / 고개를 끄덕이며 / 수염을 쓰다듬으며 / 혀를 내두르며 / 손뼉을 치며 / 두말없이 /
    흐뭇해하며
STORM: 비바람이 몰아치더니 / 폭우가 쏟아지더니 / 회오리바람이 불더니 / 벼락이 치더니 / 우박이 쏟아지더니 /
    장대비가 퍼붓더니 / 눈이 산더미처럼 쌓이더니 / 큰물이 밀려오더니 / 돌풍이 휘몰아치더니 / 눈보라가 치더니
CRASH: 와르르 / 폭삭 / 우지끈 / 우르르 / 쿵 하고 / 맥없이 / 순식간에
HEARING: 그 소식을 듣고 / 날이 밝자 / 딱하게 여긴 / 그 소리에 놀란 / 한걸음에 달려온
CHEER: 힘을 냅시다!" / 걱정 마세요!" / 자, 시작해 볼까요?" / 영차, 영차!" / 같이 하면 금방이지요!" / 우리가 있잖아요!"
TOGETHER: 힘을 모아 / 땀을 뻘뻘 흘리며 / 노래를 부르며 / 소매를 걷어붙이고 / 손발을 척척 맞추어 / 해가 지도록 /
    쉬지 않고 / 뚝딱뚝딱 / 웃고 떠들며 / 부지런히
DAYS: 사흘 / 하루 / 이틀 / 나흘 / 닷새 / 이레 / 열흘 / 보름
HOT: 따끈한 / 뜨끈한 / 구수한 / 김이 모락모락 나는 / 맛있는 / 푸짐한 / 정성 어린 / 뜨거운
SWAP: 바꾸자꾸나." / 바꾸지 않겠니?" / 바꾸면 어떻겠니?" / 바꾸자."
SWAP+: 바꿉시다." / 바꾸지 않겠소?" / 바꾸면 어떻겠소?" / 바꾸세."
WISHED: 갖고 싶어 하시던 / 늘 바라시던 / 몇 해째 벼르시던 / 장날마다 구경만 하시던 / 두고두고 말씀하시던
SHABBY: 지친 / 허름한 차림의 / 낯선 / 배고픈 / 지팡이를 짚은 / 짐을 잔뜩 진 / 다리를 저는 / 맨발의 / 봇짐을 멘 /
    먼지를 뒤집어쓴 / 힘없는 / 얼굴이 해쓱한
IN_NEED: 길을 잃었는데 / 날이 저물었는데 / 갈 곳이 없는데 / 다리가 아픈데
SHELTER: 재워 주겠니?" / 묵어갈 수 있을까?" / 쉬어 가도 되겠니?" / 신세를 져도 될까?"
SHELTER+: 재워 주십시오." / 묵어갈 수 있을까요?" / 쉬어 가도 되겠습니까?" / 신세를 져도 될까요?"
KINDLY: 반갑게 / 기꺼이 / 얼른 / 따뜻하게 / 두말없이 / 친절하게 / 웃는 얼굴로 / 정답게
SHARING: 사이좋게 / 도란도란 / 맛있게 / 오순도순 / 배불리 / 정답게 / 마주 앉아 / 한 입씩
TOUCHED: 살살 쓰다듬자 / 톡톡 두드리자 / 집어 들자 / 가만히 만지자 / 세 번 흔들자 / 호호 불자 / 조심조심 닦자 /
    가슴에 품자 / 높이 들자
GOBLIN: 뿔 난 / 외다리 / 장난꾸러기 / 키다리 / 심심한 / 털북숭이 / 배불뚝이 / 방망이를 든 / 덩치 큰 / 수다쟁이 /
    눈이 왕방울만 한
LAUGHED: 낄낄 웃으며 / 껄껄 웃으며 / 반가워하며 / 씩 웃으며 / 방망이를 휘두르며 / 어깨를 으쓱이며 / 춤을 추며
UNTIL: 밤새도록 / 첫닭이 울 때까지 / 달이 기울도록 / 땀이 뻘뻘 나도록 / 별이 질 때까지 / 쉬지 않고 / 동이 틀 때까지
BY: 꾀를 내어 / 이를 악물고 / 끝까지 버텨서 / 젖 먹던 힘까지 내어 / 온 힘을 다해 / 아슬아슬하게 / 운 좋게 /
    정정당당하게
PITYING: 딱한 마음에 / 가여운 마음에 / 등을 토닥이며 / 빙그레 웃으며 / 마음이 짠해서
ADVICE: 조금만 더 기다려 봐." / 정성을 들이면 꼭 자랄 거야." / 내가 도와줄게." / 아직 포기하지 마." / 해님을 믿어 봐."
ADVICE+: 조금만 더 기다려 보세요." / 정성을 들이면 꼭 자랄 거예요." / 제가 도와드릴게요." / 아직 포기하지 마세요." /
    해님을 믿어 보세요."
HUGE: 탐스러운 / 먹음직스러운 / 싱싱한 / 큼직한 / 향긋한 / 통통한 / 빛깔 고운 / 윤기 나는 / 보기 좋은 / 오동통한 /
    금빛
BEG: 먹을 것 좀 줄래?" / 한 입만 줄래?" / 조금만 나누어 줄래?" / 나도 좀 먹으면 안 될까?"
BEG+: 먹을 것 좀 주실래요?" / 한 입만 주실래요?" / 조금만 나누어 주실래요?" / 저도 좀 먹으면 안 될까요?"
THERE: 있어." / 있단다." / 많아." / 숨어 있지."
THERE+: 있어요." / 있답니다." / 많아요." / 숨어 있지요."
HAPPILY: 오래오래 행복하게 / 아무 걱정 없이 / 날마다 웃으며 / 건강하게 오래오래 / 즐겁게 / 남부럽지 않게 / 마음 편히
SOUNDS: 웃음소리가 / 노랫소리가 / 이야기꽃이 / 웃음꽃이 / 따뜻한 인사가
NEVER_CEASED: 끊이지 않았답니다. / 그치지 않았답니다. / 가득했답니다. / 넘쳐 났답니다.
DREAM: 달콤한 / 고운 / 신나는 / 하늘을 나는 / 포근한 / 알록달록한 / 길고 긴 / 별을 따는
FRIENDS: 동무가 / 친구가 / 단짝이 / 벗이 / 길동무가
BEST: 둘도 없는 / 더없이 좋은 / 다정한 / 세상에서 가장 친한 / 떨어질 줄 모르는
SHELF: 벽장에 / 다락에 / 시렁 위에 / 머리맡에 / 장롱 속에 / 대청마루에 / 문갑 위에
KEPT: 고이 놓여 있답니다. / 잘 간직되어 있답니다. / 얌전히 놓여 있답니다. / 소중히 모셔져 있답니다.
MORAL: 고운 마음에는 복이 따라오는 법이지요. / 나누면 나눌수록 커지는 것이 마음이지요. /
    착한 일은 돌고 돌아 돌아오는 법이지요. / 작은 정성이 큰 힘이 되는 법이지요. /
    정성이 지극하면 하늘도 돕는 법이지요. / 정은 주고받을수록 깊어지는 법이지요. /
    가는 정이 있어야 오는 정도 있는 법이지요.
WIT: 침착한 마음이 제일가는 재주지요. / 슬기로운 말 한마디가 천 냥보다 나은 법이지요. /
    작은 용기가 큰 힘이 되는 법이지요. / 힘보다 센 것이 꾀지요. / 곰곰이 생각하면 길이 보이는 법이지요.
""")

# The same, but stems of verbs in the past, which take any of the ENDINGS.
VERBS = table("""
LIVED: 살고 있었 / 살았 / 혼자 살고 있었
HABIT: 마당을 쓸었 / 노래를 불렀 / 나물을 캤 / 이웃을 도왔 / 꽃을 가꾸었 / 땔감을 모았 / 밭을 일구었 / 피리를 불었 /
    책을 읽었 / 물을 길었 / 버섯을 땄 / 춤을 추었 / 그림을 그렸 / 구름을 구경했 / 약초를 캤 / 바구니를 엮었 /
    도토리를 주웠 / 새끼를 꼬았 / 물고기를 잡았 / 떡을 빚었 / 연을 날렸 / 나무를 심었
GONE: 감쪽같이 사라졌 / 온데간데없었 / 흔적도 없이 사라졌 / 없어지고 말았 / 보이지 않았 / 자취를 감추었 /
    연기처럼 사라졌
SAD: 눈물이 핑 돌았 / 한숨을 푹 쉬었 / 발을 동동 굴렀 / 가슴이 철렁했 / 눈앞이 캄캄했 / 엉엉 울었 / 어깨가 축 처졌 /
    풀이 죽었 / 어쩔 줄 몰랐 / 고개를 푹 숙였 / 훌쩍훌쩍 울었 / 털썩 주저앉았 / 안절부절못했 / 울상이 되었 /
    말문이 막혔 / 하늘만 쳐다보았 / 가슴을 쳤 / 그만 시무룩해졌 / 입술을 꼭 깨물었
HAPPY: 활짝 웃었 / 뛸 듯이 기뻤 / 덩실덩실 춤을 추었 / 싱글벙글 웃었 / 가슴이 벅찼 / 콧노래를 흥얼거렸 /
    입이 귀에 걸렸 / 방긋 웃었 / 폴짝폴짝 뛰었 / 만세를 불렀 / 마음이 환해졌 / 눈이 반짝반짝 빛났 / 손뼉을 짝짝 쳤 /
    날아갈 것만 같았 / 빙그레 웃었 / 기쁨의 눈물을 흘렸 / 가슴이 뭉클했 / 신이 났 / 얼굴에 웃음꽃이 피었 /
    저절로 웃음이 났
SCARED: 다리가 후들후들 떨렸 / 가슴이 콩닥콩닥 뛰었 / 등골이 오싹했 / 간이 콩알만 해졌 / 숨이 턱 막혔 /
    온몸이 오들오들 떨렸 / 침을 꿀꺽 삼켰 / 눈을 질끈 감았 / 얼굴이 하얗게 질렸 / 뒷걸음질을 쳤 / 식은땀이 흘렀 /
    그 자리에 얼어붙었
SET_OUT: 길을 나섰 / 집을 나섰 / 먼 길을 떠났
LAY: 놓여 있었 / 떨어져 있었 / 얌전히 놓여 있었 / 숨어 있었 / 덩그러니 놓여 있었 / 걸려 있었
BLOCKED: 앞을 가로막았 / 불쑥 나타났 / 길을 막아섰 / 으르렁거리며 다가왔 / 펄쩍 뛰어나왔 / 어슬렁어슬렁 다가왔
FLED: 걸음아 날 살려라 달아났 / 꽁무니를 뺐 / 허겁지겁 도망쳤 / 꼬리를 내리고 사라졌 / 줄행랑을 쳤 /
    뒤도 안 돌아보고 달아났
TAMED: 눈물을 뚝뚝 흘렸 / 머리를 꾸벅 숙였 / 길동무가 되어 주었 / 순한 양이 되었 / 꼬리를 살랑살랑 흔들었 /
    길을 비켜 주었
WELCOMED: 꼭 안아 주셨 / 칭찬해 주셨 / 대견해하셨 / 다독여 주셨 / 자랑스러워하셨 / 기특해하셨
CARED: 정성껏 돌보아 주었 / 얼른 구해 주었 / 따뜻하게 감싸 주었 / 집으로 데려갔 / 밤새 보살펴 주었 /
    품에 안아 녹여 주었 / 살며시 안아 주었
CROWD: 모두 고개만 갸웃거렸 / 아무도 답을 몰랐 / 다들 머리만 긁적였 / 사방이 조용해졌 / 여기저기서 수군거렸 /
    서로 눈치만 보았
STURDY: 튼튼해졌 / 근사해졌 / 훌륭해졌 / 반듯해졌 / 든든해졌 / 멋있어졌 / 커졌
ELDER_JOY: 활짝 웃으셨 / 눈시울을 붉히셨 / 몹시 기뻐하셨 / 덩실덩실 춤을 추셨 / 눈물을 글썽이셨 / 함박웃음을 지으셨 /
    어린아이처럼 좋아하셨
KNOCKED: 문을 두드렸 / 찾아왔 / 문을 똑똑 두드렸 / 문 앞에 서 있었 / 문밖에서 주인을 찾았 / 마당에 들어섰
POURED: 와르르 쏟아졌 / 좌르르 쏟아졌 / 끝없이 나왔 / 산더미처럼 쌓였 / 우수수 떨어졌 / 수북이 쌓였 / 펑펑 쏟아졌 /
    자꾸자꾸 나왔
RUMOUR: 소문이 돌았 / 이야기가 들렸 / 소문이 자자했 / 말이 떠돌았
MET: 마주쳤 / 딱 마주쳤 / 맞닥뜨렸 / 만나고 말았 / 눈이 마주쳤
TENDED: 물을 주었 / 노래를 들려주었 / 풀을 뽑아 주었 / 거름을 주었 / 밭을 매었 / 벌레를 잡아 주었 / 흙을 북돋아 주었 /
    말을 걸어 주었
WITHERED: 싹이 나지 않았 / 비가 한 방울도 오지 않았 / 잎이 시들시들했 / 꽃이 피지 않았 / 줄기가 자라지 않았 /
    열매가 맺히지 않았
RIPENED: 주렁주렁 열렸 / 가득 열렸 / 조롱조롱 달렸 / 탐스럽게 익었 / 수도 없이 달렸
FAILED: 길을 잃고 말았 / 해가 지도록 찾지 못했 / 그만 지쳐 버렸 / 넘어져 무릎을 다쳤 / 벼랑에 길이 막혔 /
    온종일 헤매기만 했
RECOVERED: 자리를 털고 일어나셨 / 씻은 듯이 나으셨 / 금세 기운을 차리셨 / 벌떡 일어나셨 / 다시 건강해지셨 /
    두 볼이 발그레해지셨
""")

ENDINGS = ("어요.", "답니다.", "지요.")  # a storyteller mixes these; the first is the plainest


def past(stems: Iterable[str]) -> tuple[str, ...]:
    """Every stem with the plainest ending (웃었어요. 갔어요.), then with the next (웃었답니다. 갔답니다.)."""
    return tuple(stem + ending for ending in ENDINGS for stem in stems)


LISTS = CAST | WORDS | {name: past(stems) for name, stems in VERBS.items()} | {"SIDE": CAST["side"], "END": ENDINGS}


class Kind(NamedTuple):
    """A kind of hero: its noun, how one is counted, what names it may have, whether others are polite to it."""

    noun: str
    counter: str  # empty where the hero always has a name
    names: tuple[str, ...]  # empty where the hero never has one
    polite: bool = False


def pairs(text: str) -> dict[str, str]:
    """What a text like "one = uno / two = dos" says is equal to what."""
    return dict(re.split(r"\s*=\s*", pair.strip()) for pair in text.split("/"))


# A riddle = its answer.
RIDDLES = pairs("""
낮에는 숨고 밤에만 반짝이는 것 = 별 / 날마다 야위었다가 다시 살찌는 것 = 달 / 해가 나면 졸졸 따라다니는 것 = 그림자 /
내 말을 그대로 따라 하는 것 = 메아리 / 손도 없이 문을 두드리는 것 = 바람 / 먹어도 먹어도 배부르지 않은 것 = 나이 /
퍼내도 퍼내도 줄지 않는 것 = 우물 / 거꾸로 매달려 자라는 것 = 고드름 / 해님을 보면 엉엉 우는 것 = 눈사람 /
제 몸을 태워 어둠을 쫓는 것 = 촛불 / 입도 없이 옛이야기를 들려주는 것 = 책 / 한번 나가면 주워 담지 못하는 것 = 말 /
눈을 감아야 보이는 것 = 꿈 / 다리도 없이 하늘을 건너는 것 = 구름 / 내가 웃으면 따라 웃는 것 = 거울 /
땅에 묻어야 살아나는 것 = 씨앗 / 물만 먹고 쑥쑥 자라는 것 = 콩나물 / 물에 들어가면 사라지는 것 = 소금 /
때려야 노래하는 것 = 종 / 밥도 안 먹고 논을 지키는 것 = 허수아비 / 문도 창문도 없는 하얀 집 = 달걀 /
쉬지 않고 노래하며 흐르는 것 = 시냇물 / 비가 그치면 하늘에 걸리는 다리 = 무지개 / 가시옷 속에 숨어 사는 것 = 알밤 /
외눈으로 옷을 짓는 것 = 바늘 / 산을 통째로 삼키는 것 = 안개 / 발도 없이 지붕 위로 오르는 것 = 연기 /
여름이면 바쁘고 겨울이면 노는 것 = 부채
""")

# What befell the hero = how a helper put it right (stems of verbs in the past).
TROUBLES = pairs("""
깊은 산에서 길을 잃었 = 앞장서서 길을 알려 주었 / 우물에 돈주머니를 빠뜨렸 = 주머니를 건져 주었 /
산길에서 호랑이를 만났 = 호랑이 코를 간질여 쫓아 주었 / 깊은 병이 들었 = 귀한 약초를 물어다 주었 /
양식이 똑 떨어졌 = 곡식을 한 톨 한 톨 물어다 주었 / 깊은 구덩이에 빠졌 = 동무들과 함께 꺼내 주었 /
가뭄으로 농사를 망칠 뻔했 = 맑은 샘을 찾아 주었 / 도둑에게 쌀을 빼앗겼 = 도둑이 숨은 곳을 알려 주었 /
산속에서 날이 저물었 = 불빛이 있는 곳으로 이끌어 주었 / 억울한 누명을 썼 = 진짜 도둑을 찾아 주었 /
불씨를 꺼뜨렸 = 새 불씨를 얻어다 주었 / 다리를 다쳐 꼼짝도 못 했 = 의원을 불러다 주었 /
열쇠를 잃어버렸 = 풀숲에서 열쇠를 찾아 주었 / 뱀에게 쫓겼 = 뱀의 눈을 가려 주었
""")


def _kinds() -> Options:
    """All kinds of heroes, so mixed that the likelier ones are of every sort."""
    animals = [Kind(noun, "한 마리가", HEROES["pets"]) for noun in HEROES["animals"]]
    adults = [Kind(noun, "한 사람이", (), polite=True) for noun in HEROES["adults"]]
    young = [Kind(noun, "", HEROES["boys"]) for noun in HEROES["youths"]] + [
        Kind(noun, "", HEROES["girls"]) for noun in HEROES["maidens"]
    ]
    ranked = [kind for trio in zip(animals, adults, young, strict=False) for kind in trio]
    ranked += [kind for kind in animals + adults + young if kind not in ranked]
    return Options({f" {kind.noun}": kind for kind in ranked}, tilt=0.5)


@cache
def _arrival(kind: Kind) -> Options:
    """How a hero comes into the tale: counted (곰 한 마리가), or by name (곰 보리가)."""
    counted = {f" {kind.counter}": None} if kind.counter else {}
    return Options(counted | {" " + particle(name, "이/가"): name for name in kind.names}, tilt=0.6)


def calling(name: str) -> str:
    """A name or a noun as one calls it: 보리야, 곰아; the 이 at the end of a long name is dropped: 복동아."""
    named = name in HEROES["pets"] + HEROES["boys"] + HEROES["girls"]
    long = named and len(name) > 2 and name.endswith("이")
    return particle(name[:-1] if long else name, "아/야")


KINDS = _kinds()
QUESTIONS = Options(
    {f' {particle(question, "이/가")} 무엇이냐?"': answer for question, answer in RIDDLES.items()}, tilt=0.5
)
MISHAPS = Options({f" {stem}{end}": cure for end in ENDINGS for stem, cure in TROUBLES.items()}, tilt=0.5)
NOUNS = tuple(dict.fromkeys(noun for group in (HEROES, CAST) for nouns in group.values() for noun in nouns))
SLOT = re.compile(r"\{(\w+)(?:\|([^}]+))?\}")


def fill(eojeol: str, noun: str) -> str:
    """`eojeol` with `noun`, and the form of the particle that fits it, in the place of its slot."""
    return SLOT.sub(lambda slot: particle(noun, slot[2]) if slot[2] else noun, eojeol)


@cache
def options_for(name: str, eojeol: str, taken: tuple[str, ...]) -> Options:
    """What `eojeol` may be, its slot filled from list `name`, without the nouns that are already `taken`."""
    left = [item for item in LISTS[name] if item not in taken]
    return Options({" " + fill(eojeol, item): item for item in left}, tilt=0.7 if name == "END" else 0.45)


class Tale:
    """Speaks templates through `choose`, and remembers its cast."""

    def __init__(self, choose: Choose):
        self.choose = choose
        self.cast: dict[str, str] = {}
        self.polite = False

    def say(self, template: str) -> None:
        """Speak `template` eojeol by eojeol."""
        for eojeol in template.split(" "):
            eojeol = self.recall(eojeol)
            slot = SLOT.search(eojeol)
            if slot is None:
                self.choose(" " + eojeol)
            elif slot[1].isupper():
                polite = self.polite and slot[1] + "+" in LISTS
                self.choose(options_for(slot[1] + "+" * polite, eojeol, ()))
            else:
                role = slot[1].rstrip("23")
                taken = tuple(noun for noun in self.cast.values() if noun in LISTS[role])
                self.cast[slot[1]] = self.choose(options_for(role, eojeol, taken))

    def recall(self, text: str) -> str:
        """`text` with the slots filled whose nouns are known."""
        return SLOT.sub(lambda slot: fill(slot[0], self.cast[slot[1]]) if slot[1] in self.cast else slot[0], text)

    def either(self, *templates: str) -> int:
        """Speak one of `templates`, the first the likeliest, and return which; each starts with a known word."""
        heads = {}
        for i, template in enumerate(templates):
            eojeols = self.recall(template).split(" ")
            known = next((n for n, eojeol in enumerate(eojeols) if SLOT.search(eojeol)), len(eojeols))
            heads[" " + " ".join(eojeols[:known])] = (i, " ".join(eojeols[known:]))
        i, rest = self.choose(Options(heads, tilt=0.3))
        if rest:
            self.say(rest)
        return i


def opening(tale: Tale) -> None:
    """Who lived where, and what the hero used to do."""
    tale.choose("옛날 옛적에")
    tale.say("{AREA} {place}에 {TRAIT}")
    kind = tale.choose(KINDS)
    name = tale.choose(_arrival(kind))
    tale.polite = kind.polite
    tale.cast |= {"hero": name or kind.noun, "call": kind.noun + "님" if kind.polite else calling(name or kind.noun)}
    tale.say("{LIVED} {hero|은/는} {OFTEN} {HABIT}")


def closing(tale: Tale, *own: str) -> None:
    """The last line: one of the plot's own, or one that fits every tale."""
    tale.either(
        *own,
        "그 뒤로 {hero|은/는} {place}에서 {HAPPILY} 살았답니다.",
        "그때부터 {place}에는 {SOUNDS} {NEVER_CEASED}",
        "그날 밤 {hero|은/는} {DREAM} 꿈을 꾸었답니다.",
        "{hero}의 이야기는 지금도 {place}에 전해 온답니다.",
    )


def lost_treasure(tale: Tale) -> None:
    """An heirloom is lost; a helper has seen where it lies."""
    tale.say(
        "{elder}께서 물려주신 {HUMBLE} {thing|이/가} 있었{END} 그런데 {DAY} {thing|이/가} {GONE} {hero|은/는} {SAD}"
    )
    tale.say("{spot} {SIDE}도, {spot2} {SIDE}도 {SEARCHED} 살펴보았지만 헛일이었{END}")
    tale.say('{LEAD} {TRAIT} {helper} 한 마리가 {CAME} 말했{END} "{call}, {thing|을/를} {spot3} {side}에서 {SAW}')
    tale.say("{hero|은/는} {RUN} {spot3} {side|으로/로} 달려갔{END} {SURE_ENOUGH} 그곳에 {thing|이/가} {LAY}")
    tale.say('"{THANKS} {helper|아/야}!" {hero|은/는} {HAPPY}')
    closing(
        tale,
        "그 뒤로 {hero|과/와} {helper|은/는} {BEST} {FRIENDS} 되었답니다.",
        "{thing|은/는} 지금도 {hero}네 {SHELF} {KEPT}",
    )


def errand(tale: Tale) -> None:
    """On the way with food for an elder, a beast bars the road; it is outwitted or fed."""
    tale.say("{hero|이/가} {elder}께 {food|을/를} 가져다드리러 {SET_OUT}")
    tale.say("{WALK} 걸어 {wild} {side|을/를} 지나는데, {SUDDENLY} {FIERCE} {beast} 한 마리가 {BLOCKED}")
    tale.say('"{GROWL} 그 {food|을/를} {HAND_OVER} {hero|은/는} {SCARED}')
    outwitted = tale.either(
        '하지만 {CALMLY} 말했{END} "{beast}님, 저기 {wild2} 뒤에 {hunter|이/가} 숨어 있어요!"',
        "그런데 가만 보니 {beast|은/는} {STARVED} 있었{END}",
    )
    if outwitted == 0:
        tale.say("{beast|은/는} {hunter|이라는/라는} 말에 {FLED}")
        own = ("그 뒤로 {beast|은/는} {wild} 근처에 얼씬도 하지 않았답니다.", "역시 {WIT}")
    else:
        tale.say("{hero|이/가} {food|을/를} {KINDLY} 나누어 주자 {beast|은/는} {TAMED}")
        own = ("그 뒤로 {hero|과/와} {beast|은/는} {BEST} {FRIENDS} 되었답니다.", "역시 {MORAL}")
    tale.say("{hero|이/가} {RUN} 달려가니 {elder}께서는 {food|을/를} 드시고 {hero|을/를} {WELCOMED}")
    closing(tale, *own)


def kindness(tale: Tale) -> None:
    """The hero helps a creature in need, and is helped in turn."""
    tale.say("어느 날, {hero|은/는} {spot} {SIDE}에서 {HURT} {helper|을/를} 만났{END}")
    tale.say('"{POOR} {hero|은/는} {helper|을/를} {CARED}')
    tale.say('{helper|은/는} {BOWED} 말했{END} "{call}, {PROMISE}')
    tale.say("{LATER} {hero|은/는}")
    rescue = tale.choose(MISHAPS)
    tale.say(f"그러자 어디선가 {{helper|이/가}} 날아와 {rescue}{{END}}")
    tale.say('"{THANKS} {helper|아/야}!" 둘은 {food|을/를} {SHARING} 나누어 먹었{END}')
    closing(tale, "그 뒤로 {hero|과/와} {helper|은/는} {BEST} {FRIENDS} 되었답니다.", "역시 {MORAL}")


def riddle(tale: Tale) -> None:
    """Someone promises a prize to whoever can answer a riddle."""
    tale.say("수수께끼를 좋아하는 {judge|이/가} 있었{END} {DAY} {judge|이/가} {BEFORE_ALL} 물었{END}")
    tale.say('"맞히는 이에게 {LOOK} {thing|을/를} 주마.')
    tale.cast["answer"] = tale.choose(QUESTIONS)
    tale.say('{CROWD} {hero|은/는} {THOUGHT} 대답했{END} "답은 {answer}입니다!"')
    tale.say('"{WELL_DONE} {judge|은/는} {NODDING} {thing|을/를} 내주었{END} {hero|은/는} {HAPPY}')
    tale.say("{HOME} {place|으로/로} 돌아오니 {neighbour|이/가} {KINDLY} 맞아 주었{END}")
    closing(tale, "{thing|은/는} 지금도 {hero}네 {SHELF} {KEPT}", "역시 {WIT}")


def storm(tale: Tale) -> None:
    """A storm breaks something down; the neighbours help to build it again."""
    tale.say("어느 날 밤, {STORM} {hero}네 {built|이/가} {CRASH} 무너졌{END} {hero|은/는} {SAD}")
    tale.say("{HEARING} {neighbour|은/는} {tool|을/를} 가져오고, {neighbour2|은/는} {tool2|을/를} 내주었{END}")
    tale.say('"{CHEER} 모두 {TOGETHER} 일했{END} {DAYS} 만에 {built|은/는} 전보다 더 {STURDY} {hero|은/는} {HAPPY}')
    tale.say("그러고는 {HOT} {soup|을/를} 끓여 {neighbour|과/와} {neighbour2|을/를} {KINDLY} 대접했{END}")
    closing(tale, "그 뒤로 {hero}네 {built|은/는} 어떤 비바람에도 끄떡없었답니다.", "역시 {MORAL}")


def gift(tale: Tale) -> None:
    """With little to give, the hero trades one thing for another until it is the right one."""
    tale.say("{elder} 생신이 다가왔{END} {hero|은/는} {elder}께서 {WISHED} {present|을/를} 꼭 선물하고 싶었{END}")
    tale.say("하지만 가진 것은 {HUMBLE} {thing} 하나뿐이었{END} {hero|은/는} {thing|을/를} 들고 {WALK} 장터로 갔{END}")
    tale.say('장터에서 {vendor|이/가} 말했{END} "그 {thing|을/를} 내 {thing2|과/와} {SWAP}')
    tale.say('이번에는 {vendor2|이/가} 말했{END} "그 {thing2|을/를} 내 {present|과/와} {SWAP}')
    tale.say("{hero|은/는} {HAPPY} {HOME} 돌아와 {present|을/를} 드리니 {elder}께서는 {ELDER_JOY}")
    closing(tale, "{present|은/는} 지금도 {elder} 댁 {SHELF} {KEPT}", "역시 {MORAL}")


def stranger(tale: Tale) -> None:
    """A stranger is given soup and shelter, and leaves a magic thing behind."""
    tale.say("{NIGHT} {SHABBY} {stranger|이/가} {KNOCKED}")
    tale.say('"{IN_NEED} 하룻밤 {SHELTER} {hero|은/는} {stranger|을/를} {KINDLY} 맞아 {HOT} {soup|을/를} 대접했{END}')
    tale.say("이튿날 아침, {stranger|은/는} 간 곳이 없고 그 자리에 {LOOK} {thing|이/가} 놓여 있었{END}")
    tale.say("{hero|이/가} {thing|을/를} {TOUCHED} {treasure|이/가} {POURED} {hero|은/는} {HAPPY}")
    tale.say("그리고 {treasure|을/를} {neighbour}, {neighbour2|과/와} 골고루 나누었{END}")
    closing(
        tale,
        "{stranger|은/는} 다시 오지 않았지만, {thing|은/는} 지금도 {SHELF} {KEPT}",
        "역시 {MORAL}",
    )


def goblin_bet(tale: Tale) -> None:
    """A goblin wants to bet; it loses, weeps, and is comforted."""
    tale.say("밤마다 {wild} {side}에 {GOBLIN} 도깨비가 나온다는 {RUMOUR}")
    tale.say("{NIGHT} {hero|은/는} 그 도깨비와 {MET} 도깨비가 {LAUGHED} 말했{END}")
    tale.say('"나하고 {contest|을/를} 하자! 네가 이기면 {thing|을/를} 주고, 내가 이기면 네 {food|을/를} 먹겠다."')
    tale.say("둘은 {UNTIL} {contest|을/를} 했{END} {hero|은/는} {BY} 도깨비를 이겼{END} 도깨비는 {SAD}")
    tale.say("{hero|은/는} {PITYING} {food|을/를} 나누어 주었{END}")
    tale.say("도깨비도 약속대로 {LOOK} {thing|을/를} 내주었{END}")
    closing(tale, "그 뒤로 {hero|과/와} 도깨비는 {BEST} {FRIENDS} 되었답니다.", "역시 {MORAL}")


def seed(tale: Tale) -> None:
    """Seeds will not thrive; a helper gives heart, and the harvest is shared."""
    tale.say("{hero|은/는} {spot} {side}에 {crop} 씨앗을 심고 {OFTEN} {TENDED}")
    tale.say("그런데 여름이 다 되도록 {WITHERED} {hero|은/는} {SAD}")
    tale.say('{LEAD} {TRAIT} {helper} 한 마리가 {CAME} 말했{END} "{call}, {ADVICE}')
    tale.say("{hero|은/는} 그 말을 믿고 더 열심히 {TENDED}")
    tale.say("그러던 어느 날 아침, {HUGE} {crop|이/가} {RIPENED} {hero|은/는} {HAPPY}")
    tale.say("그리고 {crop|을/를} 따서 {helper}, {neighbour|과/와} 사이좋게 나누었{END}")
    closing(tale, "지금도 해마다 {spot} {side}에는 {crop|이/가} 가득 열린답니다.", "역시 {MORAL}")


def cure(tale: Tale) -> None:
    """An elder is ill; the hero shares food with a helper, who knows where the cure grows."""
    tale.say("{elder}께서 병이 나 자리에 누우셨{END} 의원은 {herb|을/를} 드셔야 낫는다고 했{END}")
    tale.say("{hero|은/는} {food|을/를} 싸 들고 {herb|을/를} 찾아 {WALK} 산으로 갔{END} 하지만 {FAILED}")
    tale.say('{LEAD} {HUNGRY} {helper} 한 마리가 {CAME} 말했{END} "{call}, {BEG}')
    tale.say("{hero|이/가} {food|을/를} {KINDLY} 나누어 주자 {helper|이/가} 속삭였{END}")
    tale.say('"{herb|은/는} {wild} {side}에 {THERE}')
    tale.say("{hero|은/는} {RUN} 달려가 {herb|을/를} 구했{END}")
    tale.say("{herb|을/를} 드신 {elder}께서는 {RECOVERED}")
    closing(tale, "그 뒤로 {hero|은/는} {elder|과/와} {HAPPILY} 살았답니다.", "역시 {MORAL}")


PLOTS = Options(
    {
        " 집에는": lost_treasure,
        " 하루는": errand,
        " 그러던": kindness,
        " 이웃 고을에는": riddle,
        " 그런데": storm,
        " 마침": gift,
        " 한번은": stranger,
        " 언제부터인가": goblin_bet,
        " 봄이 되자": seed,
        " 어느 날 아침,": cure,
    },
    tilt=0.1,
)


def tell(choose: Choose) -> None:
    """Tell a Korean tale through `choose`."""
    tale = Tale(choose)
    opening(tale)
    plot = choose(PLOTS)
    plot(tale)
