"""Korean particles after what is filled into a sentence: “여우”는, “말”은.

A sentence has both forms, as Korean forms on paper have them, such as 은(는) or (으)로; which of them is right rests on
whether the word before it ends in a consonant.
"""

import re

# Whether the Korean name of a digit ends in a consonant, and in ㄹ: 영 일 이 삼 사 오 육 칠 팔 구.
DIGITS = dict(zip("0123456789", ("ㅇ", "ㄹ", "", "ㅁ", "", "", "ㄱ", "ㄹ", "ㄹ", ""), strict=True))
PAIRS = re.compile(r"(은\(는\)|이\(가\)|을\(를\)|과\(와\)|아\(야\)|이에요\(예요\)|이어야\(여야\)|\(으\)로|\(이\))")
LAST = re.compile(r"[0-9A-Za-z가-힣%](?=[^0-9A-Za-z가-힣%]*$)")


def with_particles(text: str) -> str:
    """`text` with one form of each particle."""
    first, *parts = PAIRS.split(text)
    said = first
    for pair, rest in zip(parts[::2], parts[1::2], strict=True):
        said += _form(pair, final_consonant(said)) + rest
    return said


def final_consonant(text: str) -> str:
    """The consonant in which the last word of `text` ends when it is spoken in Korean, or ""; "ㄹ" is told apart.

    Signs after the word count for nothing. An English word is taken by its spelling, as it is mostly written in Hangul.
    """
    found = LAST.search(text)
    if found is None or found[0] == "%":  # 퍼센트
        return ""
    last = found[0]
    if last in DIGITS:
        return _of_number(text[: found.end()])
    if "가" <= last <= "힣":
        final = (ord(last) - ord("가")) % 28
        return "ㄹ" if final == 8 else "ㅇ" if final else ""
    return _of_letters(re.search(r"[A-Za-z]+$", text[: found.end()])[0].lower())


def _of_number(text: str) -> str:
    """Of 10, 100, 1,000 it is their last word: 십, 백, 천."""
    digits = re.search(r"[0-9,.]+$", text)[0]
    if "." not in digits and re.search(r"[1-9](0|[0,]*0)$", digits):
        return "ㅇ"
    return DIGITS[digits[-1]]


def _of_letters(word: str) -> str:
    if len(word) == 1:  # a letter has its name: 엘, 엠, 엔, 알
        return {"l": "ㄹ", "r": "ㄹ", "m": "ㅁ", "n": "ㄴ"}.get(word, "")
    if word.endswith("l"):
        return "ㄹ"
    if word == "nat":  # 나트
        return ""
    return "ㅇ" if re.search(r"([mn]|ng|[^aeiou][aeiou][bckpt])$", word) else ""


def _form(pair: str, final: str) -> str:
    if pair == "(으)로":
        return "으로" if final and final != "ㄹ" else "로"
    if pair == "(이)":
        return "이" if final else ""
    closed, open_ = pair[:-1].split("(")
    return closed if final else open_
