"""Numbers with their units in an answer: `3.5 cm` and `35 mm` are one quantity, `2 lesions` and `2 cm` are not."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from reward_fns.answer.words.units import ANY_UNIT, COUNT, DENOMINATORS, SUM, known, lookup

_LETTER = r"[^\W\u3040-\u30ff\u3400-\u9fff]"  # or a digit: glues a number to a name; CJK characters do not
_NUMBER = "|".join(
    (
        r"\d+(?:\.\d+)?(?:\s?[x*]\s?10\^-?\d{1,2}|e[-+]?\d{1,2})",  # scientific
        r"10\^-?\d{1,2}",
        r"\d+\s(?:1/2|[12]/3|[13]/4|[1-4]/5|[1357]/8)",  # mixed
        r"\d{1,3}(?:,\d{3})+(?:\.\d+)?",
        r"\d+[/:]\d+",
        r"\d{1,2}(?:\+\d{1,2})+",
        r"\d+[.,]\d+",
        r"\.\d+",
        r"\d+",
    )
)
_PER = r"(?:\s?/\s?|\s?per\s)"
_DENOMINATOR = rf"{_PER}[^\W\d_\u3040-\u30ff\u3400-\u9fff]+"
_QUANTITY = re.compile(
    rf"(?:(?P<bound>[<>≤≥±√≠])\s?)?"
    rf"(?P<times>(?<![\w.])(?<!\d\s)[x×]\s?(?=\d))?(?<![^\W_x×\u3040-\u30ff\u3400-\u9fff])(?<![.,/:])(?<!\d[\^+])"
    rf"(?P<sign>(?:^|(?<=[\s(<>≤≥±√≠]))-)?(?P<number>{_NUMBER})(?!\^)"
    rf"(?:(?P<unit>[\s-]?(?:{ANY_UNIT}))(?P<per>{_DENOMINATOR})?(?!{_LETTER})"
    rf"|(?P<plus>\+)(?![\w+])|(?P<each>{_DENOMINATOR})(?!{_LETTER})|(?=[x×]\s?\d)|(?!{_LETTER}|[.,/:+]\d))",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"\d")
_MAX_DIGITS = 1000  # Python turns no more than 4300 into a number or back; a longer number is text
_SHARES_UNIT = re.compile(r"\s*(?:x|×|by|to|-|and|or)\s*-?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Quantity:
    """`text[start:end]` is a number with its unit; `value` is in the base unit of `dimension`, `as_written` as written.

    A fraction in lowest terms is a number (1/2 = 0.5), any other a/b (a blood pressure, an acuity), a:b and a+b is what
    it is written as: value and as_written of 120/80 are "120/80". The as_written of a sum is its total. `bound` is one
    of < > ≤ ≥ ± √ ≠ before the number, + behind it (2+), or nothing.
    """

    start: int
    end: int
    as_written: Fraction | str
    value: Fraction | str
    dimension: str
    unit: str
    bound: str = ""

    def __str__(self) -> str:
        number = self.value
        if isinstance(number, Fraction):
            number = str(number.numerator) if number.denominator == 1 else _decimal(number)
        before, behind = ("", self.bound) if self.bound == "+" else (self.bound, "")
        return f"{before}{number}{behind}{self.unit}"


def find_quantities(text: str) -> tuple[Quantity, ...]:
    """The quantities of a text in reading order; lengths in mm, masses in mg, times in s (or months), and so on.

    `1,200` groups thousands, `3,5` is a decimal comma, `1/2` and `2 1/2` are fractions, `5x10^4` is one number. Numbers
    joined by x, by, to, -, and, or share the unit behind the last (`3 x 2 cm`). What follows a slash or `per` belongs
    to the unit: `5 mg/dl` is not a mass. Numbers glued to letters (`T2`, `L4`, `4th`) are names, not quantities.
    """
    if not _DIGIT.search(text):
        return ()
    found: list[Quantity] = []
    for match in reversed(list(_QUANTITY.finditer(text))):
        if len(match["number"]) > _MAX_DIGITS:
            continue
        as_written = _value(match["number"], match["sign"])
        if as_written is None:
            continue
        dimension, unit, factor = COUNT, "", Fraction(1)
        if match["times"] and not match["unit"]:
            dimension, unit = "magnification", "x"
        elif match["unit"]:
            dimension, unit, factor = lookup(match["unit"].lstrip(" \t\n-"))
            if match["per"]:
                dimension, unit, factor = _per(dimension, unit, factor, match["per"])
        elif match["each"]:
            dimension, unit, factor = _per(COUNT, "", factor, match["each"])
        elif "+" in match["number"]:
            dimension = SUM
        elif (shared := _shared(text, match.end(), found)) is not None:
            dimension, unit, factor = shared
        value = as_written
        if isinstance(as_written, Fraction):
            value = as_written * factor
        elif factor != 1:
            value = f"{as_written}x{factor}"  # 12/8 in a unit other than the base unit
        if dimension == SUM:
            as_written = Fraction(sum(map(int, match["number"].split("+"))))
        bound = match["bound"] or match["plus"] or ""
        start = match.start("number") if match["times"] and match["unit"] else match.start()  # the x of 2 cm x 1 cm
        found.append(Quantity(start, match.end(), as_written, value, dimension, unit, bound))
    return tuple(reversed(found))


def _shared(text: str, end: int, found: list[Quantity]) -> tuple[str, str, Fraction] | None:
    """Dimension, unit and factor of the next quantity, if no more than x, by, to, -, and, or stands before it."""
    if not found or found[-1].dimension in (COUNT, SUM) or not _SHARES_UNIT.fullmatch(text, end, found[-1].start):
        return None
    following = found[-1]
    number, value = following.as_written, following.value
    factor = value / number if isinstance(number, Fraction) and isinstance(value, Fraction) and number else Fraction(1)
    return following.dimension, following.unit, factor


def _per(dimension: str, unit: str, factor: Fraction, per: str) -> tuple[str, str, Fraction]:
    """The unit divided by what `per` (`/dl`, ` per minute`) names; an unknown name stands for itself (`/hpf`)."""
    name = re.sub(rf"^{_PER}", "", per, flags=re.IGNORECASE)
    below, below_unit, below_factor = DENOMINATORS.get(name) or known(name) or (name, name, Fraction(1))
    return f"{dimension}/{below}", f"{unit}per{below_unit}", factor / below_factor


def _value(number: str, sign: str | None) -> Fraction | str | None:
    number = re.sub(r"\s?[x*]\s?10\^", "e", re.sub(r"^10\^", "1e", number.lower()))
    if number.count("+") and "e" not in number:
        value: Fraction | str = number
    elif ":" in number:
        value = number
    elif "/" in number:
        whole, _, fraction = number.rpartition(" ")
        numerator, denominator = map(int, fraction.split("/"))
        if denominator == 0:
            return None
        if denominator == 1 or math.gcd(numerator, denominator) > 1:
            value = number
        else:
            value = Fraction(numerator, denominator) + int(whole or 0)
    elif re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", number):
        value = Fraction(number.replace(",", ""))
    else:
        value = Fraction(number.replace(",", "."))
    if not sign:
        return value
    return -value if isinstance(value, Fraction) else f"-{value}"


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
