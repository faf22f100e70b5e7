"""Numbers with their units in an answer: `3.5 cm` and `35 mm` are one quantity, `2 lesions` and `2 cm` are not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

COUNT = "count"  # dimension of a number without a unit

# dimension: base unit, then each spelling with its factor to the base unit; cm^2 is tried before cm
_UNITS: dict[str, tuple[str, dict[str, str]]] = {
    "area": ("mm2", {r"mm\^?2|sq(?:uare)?\.? mm": "1", r"cm\^?2|sq(?:uare)?\.? cm": "100"}),
    "volume": (
        "ml",
        {
            r"mm\^?3": "1/1000",
            r"mls?|ccs?|cm\^?3|millilit(?:er|re)s?": "1",
            "dl|decilit(?:er|re)s?": "100",
            "lit(?:er|re)s?": "1000",
        },
    ),
    "pressure": ("mmhg", {"mm ?hg": "1"}),
    "length": (
        "mm",
        {
            "nm|nanomet(?:er|re)s?": "1/1000000",
            "[uμ]m|microns?|micromet(?:er|re)s?": "1/1000",
            "mms?|millimet(?:er|re)s?": "1",
            "cms?|centimet(?:er|re)s?": "10",
            "m|met(?:er|re)s?": "1000",
            "inch(?:es)?": "127/5",
        },
    ),
    "mass": (
        "mg",
        {"[uμ]g|mcg|micrograms?": "1/1000", "mg|milligrams?": "1", "g|gm|grams?": "1000", "kgs?|kilograms?": "1000000"},
    ),
    "percent": ("pct", {"%|per ?cent": "1"}),
    "angle": ("deg", {"°|degs?|degrees?": "1"}),
    "time": (
        "s",
        {
            "ms|msecs?|milliseconds?": "1/1000",
            "s|secs?|seconds?": "1",
            "mins?|minutes?": "60",
            "h|hrs?|hours?": "3600",
            "days?": "86400",
            "wks?|weeks?": "604800",
        },
    ),
    "calendar": ("months", {"mos?|months?": "1", "yrs?|years?|yo": "12"}),
    "dose": ("cgy", {"mgy": "1/10", "cgy": "1", "gy|grays?": "100"}),
    "field": ("t", {"t|teslas?": "1"}),
    "density": ("hu", {"hus?|hounsfield(?: units?)?": "1"}),
    "magnification": ("x", {r"[x×](?!\s*\d)": "1"}),
}

_SPELLINGS = [
    (re.compile(rf"(?:{spelling})", re.IGNORECASE), dimension, base, Fraction(factor))
    for dimension, (base, table) in _UNITS.items()
    for spelling, factor in table.items()
]
_ANY_UNIT = "|".join(spelling for _, table in _UNITS.values() for spelling in table)
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+/\d+|\d+[.,]\d+|\.\d+|\d+"
_LETTER = r"[^\W\u3040-\u30ff\u3400-\u9fff]"  # glues a number to a name; CJK characters do not
_QUANTITY = re.compile(
    rf"(?P<times>(?<![\w.])(?<!\d\s)[x×]\s?(?=\d))?(?<![^\W_x×\u3040-\u30ff\u3400-\u9fff])(?<![.,/])"
    rf"(?P<sign>(?:^|(?<=[\s(]))-)?(?P<number>{_NUMBER})"
    rf"(?:(?P<unit>[\s-]?(?:{_ANY_UNIT}))(?!{_LETTER})|(?=[x×]\s?\d)|(?!{_LETTER}|[.,/]\d))",
    re.IGNORECASE,
)
_SHARES_UNIT = re.compile(r"\s*(?:x|×|by|to|-|and|or)\s*-?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Quantity:
    """`text[start:end]` is a number with its unit; `value` is in the base unit of `dimension`, `raw` as written."""

    start: int
    end: int
    raw: Fraction
    value: Fraction
    dimension: str
    unit: str

    def __str__(self) -> str:
        number = self.value
        spelled = str(number.numerator) if number.denominator == 1 else _decimal(number)
        return f"{spelled}{self.unit}"


def find_quantities(text: str) -> tuple[Quantity, ...]:
    """The quantities of a text in reading order; lengths in mm, masses in mg, times in s (or months), and so on.

    `1,200` groups thousands, `3,5` is a decimal comma, `1/2` a fraction. Numbers joined by x, by, to, -, and, or share
    the unit behind the last (`3 x 2 cm`). Numbers glued to letters (`T2`, `L4`, `4th`) are names, not quantities.
    """
    found: list[Quantity] = []
    for match in reversed(list(_QUANTITY.finditer(text))):
        raw = _value(match["number"], match["sign"])
        if raw is None:
            continue
        dimension, unit, factor = COUNT, "", Fraction(1)
        if match["times"]:
            dimension, unit = "magnification", "x"
        elif match["unit"]:
            dimension, unit, factor = _lookup(match["unit"].lstrip(" \t\n-"))
        elif found and found[-1].dimension != COUNT and _SHARES_UNIT.fullmatch(text, match.end(), found[-1].start):
            dimension, unit = found[-1].dimension, found[-1].unit
            factor = found[-1].value / found[-1].raw if found[-1].raw else Fraction(1)
        found.append(Quantity(match.start(), match.end(), raw, raw * factor, dimension, unit))
    return tuple(reversed(found))


def _lookup(spelling: str) -> tuple[str, str, Fraction]:
    for pattern, dimension, base, factor in _SPELLINGS:
        if pattern.fullmatch(spelling):
            return dimension, base, factor
    raise AssertionError(f"unit {spelling!r} is in no table")  # the alternation above is built from the same table


def _value(number: str, sign: str | None) -> Fraction | None:
    if "/" in number:
        numerator, denominator = number.split("/")
        if int(denominator) == 0:
            return None
        value = Fraction(int(numerator), int(denominator))
    elif re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", number):
        value = Fraction(number.replace(",", ""))
    else:
        value = Fraction(number.replace(",", "."))
    return -value if sign else value


def _decimal(value: Fraction) -> str:
    """`7/2` as `3.5`; a fraction without a finite decimal form stays a fraction."""
    twos, fives, rest = 0, 0, value.denominator
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        return f"{value.numerator}/{value.denominator}"
    digits = max(twos, fives)
    scaled = value.numerator * 10**digits // value.denominator
    whole, part = divmod(abs(scaled), 10**digits)
    return f"{'-' if value < 0 else ''}{whole}.{part:0{digits}d}"
