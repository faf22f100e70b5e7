"""One spelling for answers that mean the same: case, articles, punctuation, number words, units, synonyms."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from reward_fns.quantities import find_quantities

RULES = ("case", "articles", "punctuation", "number_words", "units", "synonyms")

_PLAIN = str.maketrans(
    {
        **dict.fromkeys("−–—‐‑", "-"),
        **dict.fromkeys("’‘", "'"),
        **dict.fromkeys("“”", '"'),
        "⁄": "/",
        "µ": "μ",
        "×": "x",
    }
)
_LATEX = (
    (re.compile(r"\\(?:text|textbf|mathrm|mathbf|boxed|operatorname)\s*\{([^{}]*)\}"), r"\1"),
    (re.compile(r"\\[dt]?frac\s*\{\s*(\d+)\s*\}\s*\{\s*(\d+)\s*\}"), r"\1/\2"),
    (re.compile(r"\\times\b"), " x "),
    (re.compile(r"\\[,;:! ]|~"), " "),
    (re.compile(r"\\([%$&#_{}])"), r"\1"),
    (re.compile(r"\$"), " "),
)

# Lower-case articles before a word, or capital ones that open the text: "hepatitis A" and the letter "A" keep theirs.
_ARTICLE = re.compile(r"\b(?:an?|the)\s+(?=\w)|(?:^|(?<=[.!?]\s))\s*(?:An?|The)\s+(?=[a-z])|\b[Tt][Hh][Ee]\s+(?=\w)")

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
_ORDINAL = re.compile(rf"\b(?:{'|'.join(_ORDINALS)})\b", re.IGNORECASE)
_SUFFIX = {1: "st", 2: "nd", 3: "rd"}
_ROMAN = {n: i for i, n in enumerate("i ii iii iv v vi vii viii ix x xi xii".split(), start=1)}
_GRADED = re.compile(
    r"\b(?P<what>grade|stage|type|class|category|phase|nerve|cn)\s+"
    rf"(?P<roman>{'|'.join(sorted(_ROMAN, key=len, reverse=True))})\b",
    re.IGNORECASE,
)

# Written out, so that the side inside an abbreviation is seen; only forms that mean one thing in an answer.
_SYNONYMS = {
    r"x-?\s?rays?|xrays?|plain films?|radiographs?|radiographies|radiography": "xray",
    r"cxr": "chest xray",
    r"axr|kub": "abdominal xray",
    r"mri?(?: imaging)?|magnetic resonance(?: imaging)?": "mri",
    r"ct|cat scan|computed tomograph(?:y|ic)|computerized tomography|computed axial tomography": "ct",
    r"ct scan|mri scan": lambda m: m[0][:-5],
    r"ultrasound|ultrasonograph(?:y|ic)|sonograph(?:y|ic)|sonogram|ultrasonogram": "ultrasound",
    r"positron emission tomography|pet scan": "pet",
    r"h&e|h and e|h\s?/\s?e|haematoxylin and eosin": "hematoxylin and eosin",
    r"transaxial": "axial",
    r"(?:transverse)(?= (?:plane|section|slice|view|image|cut))": "axial",
    r"rul": "right upper lobe",
    r"rml": "right middle lobe",
    r"rll": "right lower lobe",
    r"lul": "left upper lobe",
    r"lll": "left lower lobe",
    r"ruq": "right upper quadrant",
    r"rlq": "right lower quadrant",
    r"luq": "left upper quadrant",
    r"llq": "left lower quadrant",
    r"rt": "right",
    r"lt": "left",
    r"b/l|both(?: sides)?|bilaterally|left and right(?: sides?)?|right and left(?: sides?)?": "bilateral",
    r"pa|posterior-?\s?anterior|postero-anterior": "posteroanterior",
    r"ap|anterior-?\s?posterior|antero-posterior": "anteroposterior",
}
_SPELLINGS = [
    (re.compile(rf"(?<!\w)(?:{spelling})(?!\w)", re.IGNORECASE), meaning)
    for spelling, meaning in sorted(_SYNONYMS.items(), key=lambda item: -len(item[0]))
]
_SPINE = re.compile(r"\b([ctls])(\d{1,2})\s*[-/]\s*\1?(\d{1,2})\b", re.IGNORECASE)
_CJK = "\u3040-\u30ff\u3400-\u9fff"
_TOKEN = re.compile(rf"(?:(?<![\w)])-)?\d+(?:[./]\d+)?[^\W\d_{_CJK}]*\d*|[{_CJK}]|[^\W_{_CJK}]+")


def fold(text: str) -> str:
    """One code point for one meaning: NFKC, plain dashes and quotes, no control characters, no LaTeX wrapping."""
    text = unicodedata.normalize("NFKC", text).translate(_PLAIN)
    text = "".join(" " if c in "\n\r\t" else c for c in text if c in "\n\r\t" or unicodedata.category(c)[0] != "C")
    if "\\" in text or "$" in text:
        for pattern, plain in _LATEX:
            text = pattern.sub(plain, text)
    return " ".join(text.split())


@lru_cache(maxsize=8192)
def spell_out(text: str, rules: frozenset[str]) -> str:
    """The folded text after every rule but `units` and `punctuation`, which shape the tokens (see `tokens`)."""
    text = fold(text)
    if "articles" in rules:
        text = _ARTICLE.sub(" ", text)
    if "case" in rules:
        text = text.casefold()
    if "synonyms" in rules:
        for pattern, meaning in _SPELLINGS:
            text = pattern.sub(meaning, text)
        text = _SPINE.sub(r"\1\2 \1\3", text)
    if "number_words" in rules:
        text = _CARDINAL.sub(_cardinal, text)
        text = _ORDINAL.sub(_ordinal, text)
        text = _GRADED.sub(lambda m: f"{m['what']} {_ROMAN[m['roman'].lower()]}", text)
    return " ".join(text.split())


@lru_cache(maxsize=8192)
def tokens(text: str, rules: frozenset[str]) -> tuple[str, ...]:
    """Tokens of an answer after the named rules (a subset of RULES).

    case: letter case is ignored. articles: a, an, the are dropped, but not in "hepatitis A". punctuation: tokens are
    words, numbers and single CJK characters; without it, whatever stands between white space. number_words: two = 2,
    fourth = 4th, grade II = grade 2. units: 3.5 cm = 35 mm = 35 millimetres, in base units, one token. synonyms:
    MRI, CT, x-ray, RLL, H&E, both sides … in one spelling, L4-5 = L4-L5.
    """
    text = spell_out(text, rules)
    if "units" in rules:
        parts, last = [], 0
        for quantity in find_quantities(text):
            parts += [text[last : quantity.start], f" {quantity} "]
            last = quantity.end
        text = "".join([*parts, text[last:]])
    if "punctuation" in rules:
        return tuple(_TOKEN.findall(text.replace("'", "")))
    return tuple(text.split())


def _cardinal(match: re.Match) -> str:
    if match["small"]:
        return str(_ONES.index(match["small"].lower()))
    return str(_TENS[match["ten"].lower()] + (_ONES.index(match["one"].lower()) if match["one"] else 0))


def _ordinal(match: re.Match) -> str:
    number = _ORDINALS.index(match[0].lower()) + 1
    return f"{number}{_SUFFIX.get(number, 'th')}"
