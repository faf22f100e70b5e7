"""Signs that change the meaning: + and - behind a name, < > ≤ ≥ ± before a number, ranges, sums, pairs."""

from __future__ import annotations

import re

# Is a + or - behind a word its sign? Always behind these names, otherwise only where a word or clause ends: "HER2-" is
# negative, "pre- and post-contrast" is not.
_MARKER = (
    r"(?:CD\d+[a-z]?|CK-?\d+|HER-?2(?:/neu)?|p\d{2,3}|TTF-?1|S-?100|BRCA-?\d|GATA-?3|PAX-?\d|SOX-?\d+|BCL-?\d|MLH-?1|MSH-?\d|PMS-?2|WT-?1|DOG-?1"
    r"|PD-?L?1|c-?kit|ALK|EGFR|ER|PR|AR|RhD?|Gram|HIV|HBV|HCV|HPV|EBV|EBER|AFB|ANA|HBsAg)"
)
_ENDS = r"(?=\s*(?:$|[;.)\]])|\s*,(?![^.;]{0,40}?\w-[^\W\d_]))"  # not in "T1-, T2-weighted"
_SIGNS = (
    re.compile(r"^[\s(\[]*(?P<sign>[+-])[\s)\].]*$"),
    re.compile(r"(?P<sign>[+-])\s?(?i:i?ve)\b"),
    re.compile(r"(?<=\w)\s?[(\[](?P<sign>[+-])[)\]]"),
    re.compile(rf"(?<![\w-])(?P<name>(?i:{_MARKER}))(?P<sign>[+-])(?:(?![\w+-]|\s(?i:pos|neg))|(?=CD\d+[a-z]?[+-]))"),
    re.compile(r"\b(?P<name>(?i:gram))\s(?P<sign>[+-])(?!\w|\s*(?:\d|(?i:pos|neg)))"),
    re.compile(r"(?<!\w)(?P<name>(?=[\d_]*[^\W\d_])\w+)(?P<sign>\+)(?![\w+])"),
    re.compile(rf"(?<!\w)(?P<name>(?=[\d_]*[^\W\d_])\w+)\s(?P<sign>\+){_ENDS}"),
    re.compile(
        rf"(?<![\w-])(?P<name>(?:[A-Z\d]{{1,6}}-)?(?=\d*[A-Z])[A-Z\d]{{1,12}}|(?i:{_MARKER}))\s?(?P<sign>-){_ENDS}"
    ),
)
_PLUSES = re.compile(r"(?<!\+)\+{2,4}(?![\w+])")
_PLUS_MINUS = re.compile(r"\+\s?/\s?-")
_SYMBOLS = str.maketrans(
    {
        **dict.fromkeys("↑⇑⬆", " increased "),
        **dict.fromkeys("↓⇓⬇", " decreased "),
        "♂": " male ",
        "♀": " female ",
    }
)
_SUM = re.compile(
    r"(?<![\w.,/:^+-])(?P<sum>\d{1,2}(?:\s*\+\s*\d{1,2})+)(?![\d/^]|[.,]\d)(?:\s*=\s*(?P<total>\d{1,3})(?![\d/^]|[.,]\d))?"
)
_SLASHED = re.compile(r"(?<=\d)(?:\s*(/)\s*|\s(:)\s)(?=\d)")  # not in "lesion 1: 3 cm"
_RANGE = re.compile(r"(?<=\d)\s*-\s*(?=\d)")

# Comparisons in words; the first group only before a number, for "above the diaphragm" compares nothing.
_MORE = r"(?:more|greater|larger|bigger|higher|longer|older|wider|thicker|deeper)"
_LESS = r"(?:less|fewer|smaller|lower|shorter|younger|narrower|thinner)"
_A_NUMBER = r"\s+(?=-?\.?\d)(?!\d+(?:st|nd|rd|th)\b)"
# "over 2 weeks" is not a comparison
_TIME = r"(?!\d[\d.,]*[\s-]?(?:s|secs?|seconds?|mins?|minutes?|h|hrs?|hours?|days?|weeks?|months?)\b)"
_COMPARISONS = tuple(
    (re.compile(rf"\b(?:{words})", re.IGNORECASE), f" {sign} ")
    for words, sign in (
        (rf"{_LESS} than or equal(?: to)?\b|(?:no|not) {_MORE} than\b|not exceeding\b", "≤"),
        (rf"{_MORE} than or equal(?: to)?\b|(?:no|not) {_LESS} than\b", "≥"),
        (rf"(?:at most|up to|maximum of){_A_NUMBER}", "≤"),
        (rf"(?:at least|minimum of){_A_NUMBER}", "≥"),
        (rf"{_LESS} than\b|(?:under|below){_A_NUMBER}", "<"),
        (rf"{_MORE} than\b|(?:above|exceed(?:s|ing)){_A_NUMBER}|over{_A_NUMBER}{_TIME}", ">"),
    )
)
_COMPARES = re.compile(r"\bthan\b|exceed|\d", re.IGNORECASE)
_OR_MORE = re.compile(
    r"(?<![\w.,/<>≤≥±])(?P<number>\d[\d.,]*\s?(?:%|[^\W\d_]{1,12})?)\s+"
    rf"(?:or (?P<more>{_MORE}|above|over)|or (?P<less>{_LESS}|below|under)"
    r"|and (?:(?P<above>above|over|older)|below|under|younger))\b",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"\bbetween\s+(?=\.?\d)([^,;]{1,20}?)\s+and\s+(?=\.?\d)", re.IGNORECASE)
_FROM = re.compile(r"\bfrom\s+(?=\.?\d[^,;]{0,20}?\sto\s\.?\d)", re.IGNORECASE)
_EQUALS = re.compile(r"([<>])\s?=|=([<])")
_DIGIT_OR_SIGN = re.compile(r"[\d<>=]")
_GLUED = re.compile(r"([<>≤≥±√≠])\s+(?=-?\.?\d)")


def symbols_to_words(text: str) -> str:
    """The text with a + or - behind a name as the word that it stands for, and arrows and the like as words."""
    text = _PLUS_MINUS.sub("±", text.translate(_SYMBOLS))
    if "+" not in text and "-" not in text:
        return text
    for pattern in _SIGNS:
        text = pattern.sub(_polarity, text)
    return _PLUSES.sub(lambda match: f" {len(match[0])}+ ", text)


def _polarity(match: re.Match) -> str:
    pole = "positive" if match["sign"] == "+" else "negative"
    name = match.groupdict().get("name")
    return f"{name}-{pole} " if name else f" {pole} "  # a hyphen, because the A of A+ is not an article


def comparisons_to_symbols(text: str) -> str:
    """Comparisons in words as signs: "less than 5" is <5, "between 2 and 3" is 2 to 3; numbers are digits by now."""
    if not _COMPARES.search(text):
        return text
    for pattern, sign in _COMPARISONS:
        text = pattern.sub(sign, text)
    text = _OR_MORE.sub(lambda m: f"{'≥' if m['more'] or m['above'] else '≤'}{m['number']}", text)
    return _FROM.sub("", _BETWEEN.sub(r"\1 to ", text))


def glue_numbers(text: str) -> str:
    """What belongs to a number close to it: "< 5" is <5, "120 / 80" 120/80, "3 + 4" 3+4, and "2-3" is 2 to 3."""
    if not _DIGIT_OR_SIGN.search(text):
        return text
    text = _GLUED.sub(r"\1", _EQUALS.sub(lambda m: "≥" if m[1] == ">" else "≤", text))
    text = _SLASHED.sub(lambda m: m[1] or m[2], _SUM.sub(_sum, text))
    return _RANGE.sub(" to ", text)


def _sum(match: re.Match) -> str:
    """ "3 + 4 = 7" says no more than "3+4"; a wrong total stays as a separate number."""
    parts = re.findall(r"\d+", match["sum"])
    total = match["total"]
    rest = "" if total is None or int(total) == sum(map(int, parts)) else f" = {total}"
    return "+".join(parts) + rest
