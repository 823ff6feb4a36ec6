"""Korean tales, told the way a grandmother might tell them.

Each tale has a hero who lives somewhere (`opening`), one of ten plots and a closing line. Templates are spoken one
eojeol (what stands between two spaces) after another. Their slots:

    {WALK}         in capitals, is filled anew each time from the list of that name
    {thing}        in small letters, is one of the cast: chosen at its first mention, and remembered
    {thing2}       is another item of the list "thing"
    {thing|이/가}  is followed by the particle that fits

Korean marks a noun's part in the sentence with a particle that often has two forms, one for nouns that end in a
consonant and one for those that end in a vowel: 곰이, 여우가. A noun and its particle are one word, so they are chosen
together.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from gptcore.stories.korean_words import CAST, HEROES, PAIRS, VERBS, WORDS
from gptcore.stories.source import Choose, Options
from gptcore.stories.tale import Tale, program

PARTICLES = ("은/는", "이/가", "을/를", "과/와", "으로/로", "아/야", "이라는/라는")  # after a consonant / after a vowel
ENDINGS = ("어요.", "답니다.", "지요.")  # a storyteller mixes these; the first is the plainest


def particle(noun: str, pair: str) -> str:
    """`noun` with the form of `pair` that fits its last sound; 으로/로 counts a final ㄹ as a vowel.

    >>> particle("곰", "이/가"), particle("여우", "이/가"), particle("산골", "으로/로")
    ('곰이', '여우가', '산골로')
    """
    after_consonant, after_vowel = pair.split("/")
    final = (ord(noun[-1]) - ord("가")) % 28  # Unicode orders syllables by initial, vowel and final; 0 is no final
    is_rieul = final == 8
    return noun + (after_vowel if final == 0 or (is_rieul and pair == "으로/로") else after_consonant)


def past(stems: Iterable[str]) -> tuple[str, ...]:
    """Every stem with the plainest ending (웃었어요. 갔어요.), then with the next (웃었답니다. 갔답니다.)."""
    return tuple(stem + ending for ending in ENDINGS for stem in stems)


class Kind(NamedTuple):
    """A kind of hero."""

    noun: str
    counter: str  # how one is counted; empty where the hero always has a name
    names: tuple[str, ...]  # empty where the hero never has one
    polite: bool = False  # whether others are polite to it


def _kinds() -> Options:
    """All kinds of heroes, mixed so that the likelier ones are of every sort."""
    pets, boys, girls = (tuple(HEROES[group]) for group in ("pets", "boys", "girls"))
    animals = [Kind(noun, "한 마리가", pets) for noun in HEROES["animals"]]
    adults = [Kind(noun, "한 사람이", (), polite=True) for noun in HEROES["adults"]]
    young = [Kind(noun, "", boys) for noun in HEROES["youths"]] + [Kind(noun, "", girls) for noun in HEROES["maidens"]]
    ranked = [kind for trio in zip(animals, adults, young, strict=False) for kind in trio]
    ranked += [kind for kind in animals + adults + young if kind not in ranked]
    return Options({f" {kind.noun}": kind for kind in ranked}, tilt=0.5)


@cache
def _arrival(kind: Kind) -> Options:
    """How a hero comes into the tale: counted (곰 한 마리가), or by name (곰 보리가)."""
    counted = {f" {kind.counter}": None} if kind.counter else {}
    return Options(counted | {" " + particle(name, "이/가"): name for name in kind.names}, tilt=0.6)


NAMES = HEROES["pets"] | HEROES["boys"] | HEROES["girls"]
NOUNS = tuple(dict.fromkeys(noun for group in (HEROES, CAST) for nouns in group.values() for noun in nouns))
KINDS = _kinds()
QUESTIONS = Options(
    {f' {particle(question, "이/가")} 무엇이냐?"': answer for question, answer in PAIRS["riddle"].items()}, tilt=0.5
)
MISHAPS = Options({f" {stem}{end}": cure for end in ENDINGS for stem, cure in PAIRS["trouble"].items()}, tilt=0.5)


def calling(name: str) -> str:
    """A name or a noun as one calls it: 보리야, 곰아; the 이 at the end of a long name is dropped: 복동아."""
    long = name in NAMES and len(name) > 2 and name.endswith("이")
    return particle(name[:-1] if long else name, "아/야")


class KoreanTale(Tale):
    """A tale in Korean, where an item agrees through its particle."""

    lists = CAST | WORDS | {name: past(stems) for name, stems in VERBS.items()} | {"SIDE": CAST["side"], "END": ENDINGS}

    def __init__(self, choose: Choose):
        super().__init__(choose)
        self.polite = False

    @staticmethod
    @cache
    def pieces(template: str) -> tuple[str, ...]:
        """The eojeols, each with a space before it."""
        return tuple(" " + eojeol for eojeol in template.split(" "))

    @staticmethod
    def agree(item: str, form: str | None) -> str:
        return item if form is None else particle(item, form)

    def fill(self, piece: str, gap: re.Match) -> None:
        key = gap["key"]
        if key.isupper():
            name = key + "+" if self.polite and key + "+" in self.lists else key
            self.choose(self.options(name, piece, 0.7 if key == "END" else 0.45))
        else:
            name = key.rstrip("23")
            taken = tuple(noun for noun in self.memory.values() if noun in self.lists[name])
            self.memory[key] = self.choose(self.options(name, piece, 0.45, taken))


def opening(tale: KoreanTale) -> None:
    """Who lived where, and what the hero used to do."""
    tale.choose("옛날 옛적에")
    tale.say("{AREA} {place}에 {TRAIT}")
    kind = tale.choose(KINDS)
    hero = tale.choose(_arrival(kind)) or kind.noun
    tale.polite = kind.polite
    tale.memory |= {"hero": hero, "call": kind.noun + "님" if kind.polite else calling(hero)}
    tale.say("{LIVED} {hero|은/는} {OFTEN} {HABIT}")


# Last lines. A plot has its own, and CLOSINGS, which fit every tale.
BEFRIENDED = "그 뒤로 {hero|과/와} {helper|은/는} {BEST} {FRIENDS} 되었답니다."
KEEPSAKE = "{thing|은/는} 지금도 {hero}네 {SHELF} {KEPT}"
MORAL, WIT = "역시 {MORAL}", "역시 {WIT}"
CLOSINGS = (
    "그 뒤로 {hero|은/는} {place}에서 {HAPPILY} 살았답니다.",
    "그때부터 {place}에는 {SOUNDS} {NEVER_CEASED}",
    "그날 밤 {hero|은/는} {DREAM} 꿈을 꾸었답니다.",
    "{hero}의 이야기는 지금도 {place}에 전해 온답니다.",
)


def lost_treasure(tale: Tale) -> None:
    """An heirloom is lost; a helper has seen where it lies."""
    tale.say(
        "{elder}께서 물려주신 {HUMBLE} {thing|이/가} 있었{END} 그런데 {DAY} {thing|이/가} {GONE} {hero|은/는} {SAD}",
        "{spot} {SIDE}도, {spot2} {SIDE}도 {SEARCHED} 살펴보았지만 헛일이었{END}",
        '{LEAD} {TRAIT} {helper} 한 마리가 {CAME} 말했{END} "{call}, {thing|을/를} {spot3} {side}에서 {SAW}',
        "{hero|은/는} {RUN} {spot3} {side|으로/로} 달려갔{END} {SURE_ENOUGH} 그곳에 {thing|이/가} {LAY}",
        '"{THANKS} {helper|아/야}!" {hero|은/는} {HAPPY}',
        (BEFRIENDED, KEEPSAKE, *CLOSINGS),
    )


def errand(tale: Tale) -> None:
    """On the way with food for an elder, a beast bars the road; it is outwitted or fed."""
    tale.say(
        "{hero|이/가} {elder}께 {food|을/를} 가져다드리러 {SET_OUT}",
        "{WALK} 걸어 {wild} {side|을/를} 지나는데, {SUDDENLY} {FIERCE} {beast} 한 마리가 {BLOCKED}",
        '"{GROWL} 그 {food|을/를} {HAND_OVER} {hero|은/는} {SCARED}',
    )
    fed = tale.either(
        '하지만 {CALMLY} 말했{END} "{beast}님, 저기 {wild2} 뒤에 {hunter|이/가} 숨어 있어요!" '
        "{beast|은/는} {hunter|이라는/라는} 말에 {FLED}",
        "그런데 가만 보니 {beast|은/는} {STARVED} 있었{END} "
        "{hero|이/가} {food|을/를} {KINDLY} 나누어 주자 {beast|은/는} {TAMED}",
    )
    if fed:
        own = ("그 뒤로 {hero|과/와} {beast|은/는} {BEST} {FRIENDS} 되었답니다.", MORAL)
    else:
        own = ("그 뒤로 {beast|은/는} {wild} 근처에 얼씬도 하지 않았답니다.", WIT)
    tale.say("{hero|이/가} {RUN} 달려가니 {elder}께서는 {food|을/를} 드시고 {hero|을/를} {WELCOMED}", (*own, *CLOSINGS))


def kindness(tale: Tale) -> None:
    """The hero helps a creature in need, and is helped in turn."""
    tale.say(
        "어느 날, {hero|은/는} {spot} {SIDE}에서 {HURT} {helper|을/를} 만났{END}",
        '"{POOR} {hero|은/는} {helper|을/를} {CARED}',
        '{helper|은/는} {BOWED} 말했{END} "{call}, {PROMISE}',
        "{LATER} {hero|은/는}",
    )
    rescue = tale.choose(MISHAPS)
    tale.say(
        f"그러자 어디선가 {{helper|이/가}} 날아와 {rescue}{{END}}",
        '"{THANKS} {helper|아/야}!" 둘은 {food|을/를} {SHARING} 나누어 먹었{END}',
        (BEFRIENDED, MORAL, *CLOSINGS),
    )


def riddle(tale: Tale) -> None:
    """Someone promises a prize for the answer to a riddle."""
    tale.say(
        "수수께끼를 좋아하는 {judge|이/가} 있었{END} {DAY} {judge|이/가} {BEFORE_ALL} 물었{END}",
        '"맞히는 이에게 {LOOK} {thing|을/를} 주마.',
    )
    tale.memory["answer"] = tale.choose(QUESTIONS)
    tale.say(
        '{CROWD} {hero|은/는} {THOUGHT} 대답했{END} "답은 {answer}입니다!"',
        '"{WELL_DONE} {judge|은/는} {NODDING} {thing|을/를} 내주었{END} {hero|은/는} {HAPPY}',
        "{HOME} {place|으로/로} 돌아오니 {neighbour|이/가} {KINDLY} 맞아 주었{END}",
        (KEEPSAKE, WIT, *CLOSINGS),
    )


def storm(tale: Tale) -> None:
    """A storm breaks something down; the neighbours help to build it again."""
    tale.say(
        "어느 날 밤, {STORM} {hero}네 {built|이/가} {CRASH} 무너졌{END} {hero|은/는} {SAD}",
        "{HEARING} {neighbour|은/는} {tool|을/를} 가져오고, {neighbour2|은/는} {tool2|을/를} 내주었{END}",
        '"{CHEER} 모두 {TOGETHER} 일했{END} {DAYS} 만에 {built|은/는} 전보다 더 {STURDY} {hero|은/는} {HAPPY}',
        "그러고는 {HOT} {soup|을/를} 끓여 {neighbour|과/와} {neighbour2|을/를} {KINDLY} 대접했{END}",
        ("그 뒤로 {hero}네 {built|은/는} 어떤 비바람에도 끄떡없었답니다.", MORAL, *CLOSINGS),
    )


def gift(tale: Tale) -> None:
    """With little to give, the hero trades one thing for another until the right present is found."""
    tale.say(
        "{elder} 생신이 다가왔{END} {hero|은/는} {elder}께서 {WISHED} {present|을/를} 꼭 선물하고 싶었{END}",
        "하지만 가진 것은 {HUMBLE} {thing} 하나뿐이었{END} {hero|은/는} {thing|을/를} 들고 {WALK} 장터로 갔{END}",
        '장터에서 {vendor|이/가} 말했{END} "그 {thing|을/를} 내 {thing2|과/와} {SWAP}',
        '이번에는 {vendor2|이/가} 말했{END} "그 {thing2|을/를} 내 {present|과/와} {SWAP}',
        "{hero|은/는} {HAPPY} {HOME} 돌아와 {present|을/를} 드리니 {elder}께서는 {ELDER_JOY}",
        ("{present|은/는} 지금도 {elder} 곁에 {KEPT}", MORAL, *CLOSINGS),
    )


def stranger(tale: Tale) -> None:
    """A stranger is given soup and shelter, and leaves a magic thing behind."""
    tale.say(
        "{NIGHT} {SHABBY} {stranger|이/가} {KNOCKED}",
        '"{IN_NEED} 하룻밤 {SHELTER} {hero|은/는} {stranger|을/를} {KINDLY} 맞아 {HOT} {soup|을/를} 대접했{END}',
        "이튿날 아침, {stranger|은/는} 간 곳이 없고 그 자리에 {LOOK} {thing|이/가} 놓여 있었{END}",
        "{hero|이/가} {thing|을/를} {TOUCHED} {treasure|이/가} {POURED} {hero|은/는} {HAPPY}",
        "그리고 {treasure|을/를} {neighbour}, {neighbour2|과/와} 골고루 나누었{END}",
        ("{stranger|은/는} 다시 오지 않았지만, {thing|은/는} 지금도 {SHELF} {KEPT}", MORAL, *CLOSINGS),
    )


def goblin_bet(tale: Tale) -> None:
    """A goblin wants to bet; it loses, weeps, and is comforted."""
    tale.say(
        "밤마다 {wild} {side}에 {GOBLIN} 도깨비가 나온다는 {RUMOUR}",
        "{NIGHT} {hero|은/는} 그 도깨비와 {MET} 도깨비가 {LAUGHED} 말했{END}",
        '"나하고 {contest|을/를} 하자! 네가 이기면 {thing|을/를} 주고, 내가 이기면 네 {food|을/를} 먹겠다."',
        "둘은 {UNTIL} {contest|을/를} 했{END} {hero|은/는} {BY} 도깨비를 이겼{END} 도깨비는 {SAD}",
        "{hero|은/는} {PITYING} {food|을/를} 나누어 주었{END}",
        "도깨비도 약속대로 {LOOK} {thing|을/를} 내주었{END}",
        ("그 뒤로 {hero|과/와} 도깨비는 {BEST} {FRIENDS} 되었답니다.", MORAL, *CLOSINGS),
    )


def seed(tale: Tale) -> None:
    """Seeds will not thrive; a helper gives heart, and the harvest is shared."""
    tale.say(
        "{hero|은/는} {spot} {side}에 {crop} 씨앗을 심고 {OFTEN} {TENDED}",
        "그런데 여름이 다 되도록 {WITHERED} {hero|은/는} {SAD}",
        '{LEAD} {TRAIT} {helper} 한 마리가 {CAME} 말했{END} "{call}, {ADVICE}',
        "{hero|은/는} 그 말을 믿고 더 정성껏 가꾸었{END}",
        "그러던 어느 날 아침, {HUGE} {crop|이/가} {RIPENED} {hero|은/는} {HAPPY}",
        "그리고 {crop|을/를} 따서 {helper}, {neighbour|과/와} 사이좋게 나누었{END}",
        ("지금도 해마다 {spot} {side}에는 {crop|이/가} 가득 열린답니다.", MORAL, *CLOSINGS),
    )


def cure(tale: Tale) -> None:
    """An elder is ill; the hero shares food with a helper, who knows where the cure grows."""
    tale.say(
        "{elder}께서 병이 나 자리에 누우셨{END} 의원은 {herb|을/를} 드셔야 낫는다고 했{END}",
        "{hero|은/는} {food|을/를} 싸 들고 {herb|을/를} 찾아 {WALK} 산으로 갔{END} 하지만 {FAILED}",
        '{LEAD} {HUNGRY} {helper} 한 마리가 {CAME} 말했{END} "{call}, {BEG}',
        "{hero|이/가} {food|을/를} {KINDLY} 나누어 주자 {helper|이/가} 속삭였{END}",
        '"{herb|은/는} {wild} {side}에 {THERE}',
        "{hero|은/는} {RUN} 달려가 {herb|을/를} 구했{END}",
        "{herb|을/를} 드신 {elder}께서는 {RECOVERED}",
        ("그 뒤로 {elder}께서는 {HAPPILY} 사셨답니다.", MORAL, *CLOSINGS),
    )


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

tell = program(KoreanTale, opening, PLOTS)
