"""Numbers in words as digits: two hundred = 200, fourth = 4th, grade II = grade 2, one half = 1/2."""

from __future__ import annotations

import re
from decimal import Decimal

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = dict(zip("twenty thirty forty fifty sixty seventy eighty ninety".split(), range(20, 100, 10), strict=True))
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()
_CARDINAL = re.compile(
    rf"\b(?:(?P<ten>{'|'.join(_TENS)})(?:[\s-]+(?P<one>{'|'.join(_ONES[1:10])}))?|(?P<small>{'|'.join(_ONES)}))\b",
    re.IGNORECASE,
)
_ORDINAL = re.compile(rf"(?<!\d\s)(?<!\d-)\b(?:{'|'.join(_ORDINALS)})\b", re.IGNORECASE)  # "1 second" is a time
_SUFFIX = {1: "st", 2: "nd", 3: "rd"}
_SINGLE = re.compile(r"\bsingle\b", re.IGNORECASE)
_POINT = re.compile(r"\b(\d+)\s+point\s+(\d(?:\s?\d)*)\b", re.IGNORECASE)
_AND_A_HALF = re.compile(r"\b(\d+)\s+and\s+(?:(?:an?|1)\s+)?half\b", re.IGNORECASE)
_PARTS = {"half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5}
_SHARE = re.compile(
    rf"(?<![\w.])(?:1[\s-]+(?P<one>{'|'.join(_PARTS)})|(?P<n>\d)[\s-]+(?P<many>{'|'.join(_PARTS)})s)\b", re.IGNORECASE
)
_SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "dozen": 12}
_SCALED = tuple(
    re.compile(
        rf"(?<![\w.])(?:(?P<head>\d{{1,9}}(?:\.\d{{1,9}})?)[\s-]+)?(?P<scale>{scale})\b"
        rf"(?:\s+(?:and\s+)?(?P<rest>{rest})\b(?![.,/:]\d|\s*[-+/]))?",
        re.IGNORECASE,
    )
    for scale, rest in (
        ("dozen", "(?!)"),
        ("hundred", r"\d{1,2}"),
        ("thousand", r"\d{1,3}"),
        ("million", r"\d{1,6}"),
        ("billion", r"\d{1,9}"),
    )
)
_MINUS = re.compile(r"(?<!\d\s)\bminus\s+(?=\.?\d)|^negative\s+(?=\.?\d)", re.IGNORECASE)
_ROMAN = {n: i for i, n in enumerate("i ii iii iv v vi vii viii ix x xi xii".split(), start=1)}
_GRADED = re.compile(
    r"\b(?P<what>grade|stage|type|class|category|phase|nerve|cn|factor|mobitz|chiari|bosniak|nyha|fitzpatrick|harris|zone"
    rf"|level|segment)\s+(?!via\b)(?P<roman>{'|'.join(sorted(_ROMAN, key=len, reverse=True))})(?P<letter>[a-c])?\b",
    re.IGNORECASE,
)
_ROMAN_ALONE = re.compile(r"\b(?:ii|iii|vii|viii|xii)\b", re.IGNORECASE)  # those with no other meaning; IV has one

_ANY = re.compile(
    rf"\b(?:{'|'.join((*_ONES, *_TENS, *_ORDINALS, *_SCALES, 'single', 'point', 'half', 'minus', 'negative'))})"
    rf"|(?<![\w.])[1-9][\s-]+(?:{'|'.join(_PARTS)})|{_GRADED.pattern}|{_ROMAN_ALONE.pattern}",
    re.IGNORECASE,
)


def holds_number_word(text: str) -> bool:
    return _ANY.search(text) is not None


def number_words(text: str) -> str:
    """The text with its numbers in digits."""
    if not holds_number_word(text):  # one search for most texts, which hold none
        return text
    text = _SINGLE.sub("1", _CARDINAL.sub(_cardinal, text))
    text = _POINT.sub(lambda m: f"{m[1]}.{m[2].replace(' ', '')}", text)
    text = _AND_A_HALF.sub(r"\1.5", text)
    text = _SHARE.sub(lambda m: f"{m['n'] or 1}/{_PARTS[(m['one'] or m['many']).lower()]}", text)
    for pattern in _SCALED:
        text = pattern.sub(_scaled, text)
    text = _MINUS.sub("-", text)
    text = _ORDINAL.sub(_ordinal, text)
    text = _GRADED.sub(lambda m: f"{m['what']} {_ROMAN[m['roman'].lower()]}{m['letter'] or ''}", text)
    return _ROMAN_ALONE.sub(lambda m: str(_ROMAN[m[0].lower()]), text)


def _cardinal(match: re.Match) -> str:
    if match["small"]:
        return str(_ONES.index(match["small"].lower()))
    return str(_TENS[match["ten"].lower()] + (_ONES.index(match["one"].lower()) if match["one"] else 0))


def _scaled(match: re.Match) -> str:
    number = Decimal(match["head"] or 1) * _SCALES[match["scale"].lower()] + int(match["rest"] or 0)
    spelled = f"{number:f}"
    return spelled.rstrip("0").rstrip(".") if "." in spelled else spelled


def _ordinal(match: re.Match) -> str:
    number = _ORDINALS.index(match[0].lower()) + 1
    return f"{number}{_SUFFIX.get(number, 'th')}"
