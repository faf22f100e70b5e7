"""The units that an answer may hold: their spellings, dimensions and factors to a base unit."""

from __future__ import annotations

import re
from fractions import Fraction

COUNT = "count"  # dimension of a number without a unit
PERCENT = "percent"
SUM = "sum"  # of a sum such as a Gleason score, 3+4, which is not 4+3

# dimension: base unit, then each spelling with its factor to the base unit; cm^2 is tried before cm
UNITS: dict[str, tuple[str, dict[str, str]]] = {
    "area": ("mm2", {r"mm\^?2|sq(?:uare)?\.? mm": "1", r"cm\^?2|sq(?:uare)?\.? cm": "100", r"m\^?2": "1000000"}),
    "volume": (
        "ml",
        {
            r"mm\^?3|[uμ]l|microlit(?:er|re)s?": "1/1000",
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
    PERCENT: ("pct", {"%|per ?cent": "1"}),
    "celsius": ("degc", {r"(?:° ?|deg(?:ree)?s? )c(?:elsius)?|celsius|centigrade": "1"}),
    "fahrenheit": ("degf", {r"(?:° ?|deg(?:ree)?s? )f(?:ahrenheit)?|fahrenheit": "1"}),
    "angle": ("deg", {"°|degs?|degrees?": "1"}),
    "amount": ("μmol", {"nmol": "1/1000", "[uμ]mol": "1", "mmol": "1000", "mol": "1000000"}),
    "equivalents": ("meq", {"meq": "1"}),
    "activity": ("iu", {"iu": "1"}),
    "rate": ("bpm", {r"bpm|(?:beats?|breaths?)(?: per |/)min(?:ute)?": "1"}),
    "frequency": ("hz", {"hz": "1", "khz": "1000", "mhz": "1000000"}),
    "voltage": ("kv", {"kvp?": "1"}),
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
    for dimension, (base, table) in UNITS.items()
    for spelling, factor in table.items()
]
ANY_UNIT = "|".join(spelling for _, table in UNITS.values() for spelling in table)
DENOMINATORS = {"l": ("volume", "ml", Fraction(1000)), "d": ("time", "s", Fraction(86400))}  # too short elsewhere


def lookup(spelling: str) -> tuple[str, str, Fraction]:
    found = known(spelling)
    if found is None:
        raise AssertionError(f"unit {spelling!r} is in no table")  # the alternation above is built from the same table
    return found


def known(spelling: str) -> tuple[str, str, Fraction] | None:
    for pattern, dimension, base, factor in _SPELLINGS:
        if pattern.fullmatch(spelling):
            return dimension, base, factor
    return None
