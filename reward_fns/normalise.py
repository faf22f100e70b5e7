"""One spelling for answers that mean the same: case, articles, punctuation, number words, units, synonyms.

Signs that change what is said are no punctuation: a + or - behind a name, < > ≤ ≥ ± before a number, the dash of a
range.
"""

from __future__ import annotations

import html
import re
import unicodedata
from decimal import Decimal
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
        **dict.fromkeys("≦⩽", "≤"),
        **dict.fromkeys("≧⩾", "≥"),
    }
)
_ENTITY = re.compile(r"&[a-zA-Z]{2,8};")
_SUPERSCRIPT = re.compile(r"(?<=\d)(?=[⁻⁺]?[⁰¹²³⁴-⁹])")  # without a ^ there, NFKC makes 105 of 10⁵
_VULGAR = re.compile(r"(?<=\d)(?=[¼-¾⅐-⅞])")  # and, without a space, 11/2 of 1½
_LATEX = (
    (re.compile(r"\\(?:text|textbf|mathrm|mathbf|boxed|operatorname)\s*\{([^{}]*)\}"), r"\1"),
    (re.compile(r"\\[dt]?frac\s*\{\s*(\d+)\s*\}\s*\{\s*(\d+)\s*\}"), r"\1/\2"),
    (re.compile(r"\\times\b"), " x "),
    (re.compile(r"\\(?:le|leq|leqslant)\b"), "≤"),
    (re.compile(r"\\(?:ge|geq|geqslant)\b"), "≥"),
    (re.compile(r"\\lt\b"), "<"),
    (re.compile(r"\\gt\b"), ">"),
    (re.compile(r"\\pm\b"), "±"),
    (re.compile(r"\^\s*\{?\s*([+-])\s*\}?(?!\d)"), r"\1"),
    (re.compile(r"\\[,;:! ]|~"), " "),
    (re.compile(r"\\([%$&#_{}])"), r"\1"),
    (re.compile(r"\$"), " "),
)

# The A behind these words is a name: "hepatitis a virus" is not "hepatitis virus".
_LETTERED = (
    "category class clade genotype grade group haemophilia hemophilia hepatitis immunoglobulin influenza protein pugh "
    "serotype stage stanford strain subtype type vitamin weber zone"
).split()
_NOT_LETTERED = "".join(rf"(?<!\b{word} )" for word in _LETTERED)
# Lower-case articles before a word, or capital ones that open the text: "hepatitis A" and the blood group "A positive"
# keep theirs.
_ARTICLE = re.compile(
    rf"(?i:{_NOT_LETTERED})\ba\s+(?=\w)|\b(?:an|the)\s+(?=\w)|\b[Tt][Hh][Ee]\s+(?=\w)"
    r"|(?:^|(?<=[.!?]\s))\s*(?:An?|The)\s+(?=[a-z])(?!(?:positive|negative)\W*$)"
)

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
_ROMAN_ALONE = re.compile(r"\b(?:ii|iii|vii|viii|xii)\b", re.IGNORECASE)  # those that are nothing else; IV may be

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
    r"h\s?&\s?e|h and e|h\s?/\s?e|haematoxylin and eosin": "hematoxylin and eosin",
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
    r"w/o": "without",
    r"daily": "per day",
    r"neg": "negative",
    r"pos": "positive",
    r"her-2(?:/neu)?|her2/neu": "her2",
    r"plus(?:/| or )minus": "±",
    r"b/l|both(?: sides)?|bilaterally|left and right(?: sides?)?|right and left(?: sides?)?": "bilateral",
    r"pa|posterior-?\s?anterior|postero-anterior": "posteroanterior",
    r"ap|anterior-?\s?posterior|antero-posterior": "anteroposterior",
}
_SPELLINGS = [
    (re.compile(rf"(?<!\w)(?:{spelling})(?!\w)", re.IGNORECASE), meaning)
    for spelling, meaning in sorted(_SYNONYMS.items(), key=lambda item: -len(item[0]))
]
_WITH = re.compile(r"(?<!\w)w/\s?(?=[^\W\d_])", re.IGNORECASE)
_NON = re.compile(r"\bnon[-\s](?=[^\W\d_])", re.IGNORECASE)
_IMMUNOGLOBULIN = re.compile(r"\b(?:ig|immunoglobulin\s)(?=[agmed]\b)", re.IGNORECASE)
_GREEK = {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "κ": "kappa", "λ": "lambda"}
GREEK = frozenset(_GREEK.values())  # without μ, which is micro
_GREEK_LETTER = re.compile(rf"(\w?)([{''.join(_GREEK)}])(?=(\w?))", re.IGNORECASE)
_SPINE = re.compile(r"\b([ctls])(\d{1,2})\s*[-/]\s*\1?(\d{1,2})\b", re.IGNORECASE)
_CJK = "\u3040-\u30ff\u3400-\u9fff"
_TOKEN = re.compile(
    rf"[<>≤≥±√≠]?(?:(?<![\w)])-)?(?:\d+(?:(?:[./:+]|\^-?)\d+)*|(?<![\w.])\.\d+)(?:\+(?![\w+])|[^\W\d_{_CJK}]*\d*)"
    rf"|[{_CJK}]|[^\W_{_CJK}]+|(?<!\S)[<>≤≥±](?!\S)|[√≠∞∅∑∫]"
)

# Is a + or - behind a word its sign? Always behind these names, else only where the word or the clause ends: "HER2-" is
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
# "over 2 weeks" is no comparison
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
_OR_MORE = re.compile(
    r"(?<![\w.,/<>≤≥±])(?P<number>\d[\d.,]*\s?(?:%|[^\W\d_]{1,12})?)\s+"
    rf"(?:or (?P<more>{_MORE}|above|over)|or (?P<less>{_LESS}|below|under)"
    r"|and (?:(?P<above>above|over|older)|below|under|younger))\b",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"\bbetween\s+(?=\.?\d)([^,;]{1,20}?)\s+and\s+(?=\.?\d)", re.IGNORECASE)
_FROM = re.compile(r"\bfrom\s+(?=\.?\d[^,;]{0,20}?\sto\s\.?\d)", re.IGNORECASE)
_EQUALS = re.compile(r"([<>])\s?=|=([<])")
_GLUED = re.compile(r"([<>≤≥±√≠])\s+(?=-?\.?\d)")


def fold(text: str) -> str:
    """One code point for one meaning: NFKC, plain dashes and quotes, no control characters, no LaTeX wrapping."""
    if "&" in text:
        text = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
    text = _VULGAR.sub(" ", _SUPERSCRIPT.sub("^", text))
    text = unicodedata.normalize("NFKC", text).translate(_PLAIN)
    text = "".join(" " if c in "\n\r\t" else c for c in text if c in "\n\r\t" or unicodedata.category(c)[0] != "C")
    if "\\" in text or "$" in text or "^" in text:
        for pattern, plain in _LATEX:
            text = pattern.sub(plain, text)
    return " ".join(text.split())


@lru_cache(maxsize=8192)
def spell_out(text: str, rules: frozenset[str]) -> str:
    """The folded text in one spelling: every rule of `tokens` but its division into tokens."""
    text = fold(text)
    if "punctuation" in rules:
        text = _signs(text)
    if "articles" in rules:
        text = _ARTICLE.sub(" ", text)
    if "case" in rules:
        text = text.casefold()
    if "synonyms" in rules:
        text = _synonyms(text)
    if "number_words" in rules:
        text = _number_words(text)
    if "synonyms" in rules:
        for pattern, sign in _COMPARISONS:
            text = pattern.sub(sign, text)
        text = _OR_MORE.sub(lambda m: f"{'≥' if m['more'] or m['above'] else '≤'}{m['number']}", text)
        text = _FROM.sub("", _BETWEEN.sub(r"\1 to ", text))
    if "punctuation" in rules:
        text = _GLUED.sub(r"\1", _EQUALS.sub(lambda m: "≥" if m[1] == ">" else "≤", text))
        text = _SLASHED.sub(lambda m: m[1] or m[2], _SUM.sub(_sum, text))
        text = _RANGE.sub(" to ", text)
    return " ".join(text.split())


@lru_cache(maxsize=8192)
def tokens(text: str, rules: frozenset[str]) -> tuple[str, ...]:
    """Tokens of an answer after the named rules (a subset of RULES).

    case: letter case is ignored. articles: a, an, the are dropped, but not in "hepatitis A". punctuation: tokens are
    words, numbers with their sign (<5, 2+, 120/80) and single CJK characters, a + or - behind a name is the word
    positive or negative, the dash of a range is "to"; without the rule, tokens are whatever stands between white space.
    number_words: two hundred = 200, fourth = 4th, grade II = grade 2. units: 3.5 cm = 35 mm = 35 millimetres, in base
    units, one token. synonyms: MRI, CT, x-ray, RLL, H&E, both sides, less than … in one spelling, L4-5 = L4-L5.
    """
    text = spell_out(text, rules)
    if "units" in rules:
        parts, last = [], 0
        for quantity in find_quantities(text):
            between = text[last : quantity.start]
            parts += [" to " if last and between.strip() == "-" else between, f" {quantity} "]
            last = quantity.end
        text = "".join([*parts, text[last:]])
    if "punctuation" in rules:
        return tuple(_TOKEN.findall(text.replace("'", "")))
    return tuple(text.split())


def _signs(text: str) -> str:
    text = _PLUS_MINUS.sub("±", text.translate(_SYMBOLS))
    if "+" not in text and "-" not in text:
        return text
    for pattern in _SIGNS:
        text = pattern.sub(_polarity, text)
    return _PLUSES.sub(lambda match: f" {len(match[0])}+ ", text)


def _polarity(match: re.Match) -> str:
    pole = "positive" if match["sign"] == "+" else "negative"
    name = match.groupdict().get("name")
    return f"{name}-{pole} " if name else f" {pole} "  # a hyphen, for the A of A+ is no article


def _synonyms(text: str) -> str:
    for pattern, meaning in _SPELLINGS:
        text = pattern.sub(meaning, text)
    text = _WITH.sub("with ", text)
    text = _NON.sub("non", text)
    text = _IMMUNOGLOBULIN.sub("ig ", text)
    text = _GREEK_LETTER.sub(lambda m: f"{m[1]}{' ' if m[1] else ''}{_GREEK[m[2].lower()]}{' ' if m[3] else ''}", text)
    return _SPINE.sub(r"\1\2 \1\3", text)


def _number_words(text: str) -> str:
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


def _sum(match: re.Match) -> str:
    """ "3 + 4 = 7" says no more than "3+4"; a wrong total stays, and is then a number of its own."""
    parts = re.findall(r"\d+", match["sum"])
    total = match["total"]
    rest = "" if total is None or int(total) == sum(map(int, parts)) else f" = {total}"
    return "+".join(parts) + rest
