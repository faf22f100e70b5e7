"""One spelling for answers that mean the same: case, articles, punctuation, number words, units, synonyms.

Signs that change the meaning are not punctuation: a + or - behind a name, < > ≤ ≥ ± before a number, the dash of a
range.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache

from reward_fns.answer.words.number_words import holds_number_word, number_words
from reward_fns.answer.words.quantities import find_quantities
from reward_fns.answer.words.symbols import comparisons_to_symbols, glue_numbers, symbols_to_words
from reward_fns.answer.words.synonyms import holds_synonym, synonyms

RULES = ("case", "articles", "punctuation", "number_words", "units", "synonyms")
ALL_RULES = frozenset(RULES)

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
_TAG = re.compile(r"</?(?:b|i|u|em|strong|p|br|span|div|code|small|mark|ul|ol|li)\s?/?>", re.IGNORECASE)  # layout
_ENTITY = re.compile(r"&[a-zA-Z]{2,8};")
_SUPERSCRIPT = re.compile(r"(?<=\d)(?=[⁻⁺]?[⁰¹²³⁴-⁹])")  # without a ^ there, NFKC makes 105 of 10⁵
_VULGAR = re.compile(r"(?<=\d)(?=[¼-¾⅐-⅞])")  # and, without a space, 11/2 of 1½
_WRAPPER = re.compile(r"\\(?:text|textbf|mathrm|mathbf|boxed|operatorname)\s*\{([^{}]*)\}")
_MAX_WRAPPERS = 4  # one in the other: \boxed{\text{E}}
_LATEX = (
    (re.compile(r"\\[dt]?frac\s*\{\s*(\d+)\s*\}\s*\{\s*(\d+)\s*\}"), r"\1/\2"),
    (re.compile(r"\\times\b"), " x "),
    (re.compile(r"\\(?:le|leq|leqslant)\b"), "≤"),
    (re.compile(r"\\(?:ge|geq|geqslant)\b"), "≥"),
    (re.compile(r"\\lt\b"), "<"),
    (re.compile(r"\\gt\b"), ">"),
    (re.compile(r"\\pm\b"), "±"),
    (re.compile(r"\^\s*(?:\{\s*\\circ\s*\}|\\circ\b)"), "°"),
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
_NOT_LETTERED = "".join(rf"(?<!\b{word} a)" for word in _LETTERED)
# Lower-case articles before a word, or capital ones that open the text: "hepatitis A" and the blood group "A positive"
# keep theirs.
_ARTICLE = re.compile(
    rf"\ba(?i:{_NOT_LETTERED})\s+(?=\w)|\b(?:an|the)\s+(?=\w)|\b[Tt][Hh][Ee]\s+(?=\w)"
    r"|(?:^|(?<=[.!?]\s))\s*(?:An?|The)\s+(?=[a-z])(?!(?:positive|negative)\W*$)"
)

_SIMPLE = re.compile(r"(?!.*\b(?:an|the|non|pre|post|sub|multi|than|ig[agmed])\b)[a-z]{2,}(?: [a-z]{2,})*")

_CJK = "\u3040-\u30ff\u3400-\u9fff"
TOKEN = re.compile(
    rf"[<>≤≥±√≠]?(?:(?<![\w)])-)?(?:\d+(?:(?:[./:+]|\^-?)\d+)*|(?<![\w.])\.\d+)(?:\+(?![\w+])|[^\W\d_{_CJK}]*\d*)"
    rf"|[{_CJK}]|[^\W_{_CJK}]+|(?<!\S)[<>≤≥±](?!\S)|[√≠∞∅∑∫]"
)


def fold(text: str) -> str:
    """One code point for one meaning: NFKC, plain dashes and quotes, no control characters, no LaTeX wrapping."""
    if "&" in text:
        text = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
    if "<" in text:
        text = _TAG.sub(" ", text)
    if not (text.isascii() and text.isprintable()):
        text = _VULGAR.sub(" ", _SUPERSCRIPT.sub("^", text))
        text = unicodedata.normalize("NFKC", text).translate(_PLAIN)
        text = "".join(" " if c in "\n\r\t" else c for c in text if c in "\n\r\t" or unicodedata.category(c)[0] != "C")
    if "\\" in text or "$" in text or "^" in text:
        for _ in range(_MAX_WRAPPERS):
            text = _WRAPPER.sub(r"\1", text)
        for pattern, plain in _LATEX:
            text = pattern.sub(plain, text)
    return " ".join(text.split())


@lru_cache(maxsize=8192)
def spell_out(text: str, rules: frozenset[str]) -> str:
    """The folded text in one spelling: every rule of `tokens` but its division into tokens."""
    text = fold(text)
    if "punctuation" in rules:
        text = symbols_to_words(text)
    if "articles" in rules:
        text = _ARTICLE.sub(" ", text)
    if "case" in rules:
        text = text.casefold()
    if "synonyms" in rules:
        text = synonyms(text)
    if "number_words" in rules:
        text = number_words(text)
    if "synonyms" in rules:
        text = comparisons_to_symbols(text)
    if "punctuation" in rules:
        text = glue_numbers(text)
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
        text = with_units(text)
    if "punctuation" in rules:
        return tuple(TOKEN.findall(text.replace("'", "")))
    return tuple(text.split())


def is_spelled_out(text: str) -> bool:
    """Do ALL_RULES leave these lower-case words as they are? No for a text that is not simple enough to tell."""
    return _SIMPLE.fullmatch(text) is not None and not holds_synonym(text) and not holds_number_word(text)


def words_of(spelled: str) -> tuple[str, ...]:
    """The tokens of a text, or of a part of one, that ALL_RULES have spelled out already."""
    return tuple(TOKEN.findall(with_units(spelled).replace("'", "")))


def with_units(text: str) -> str:
    """The text, spelled out, with each quantity as one token in its base unit."""
    parts, last = [], 0
    for quantity in find_quantities(text):
        between = text[last : quantity.start]
        parts += [" to " if last and between.strip() == "-" else between, f" {quantity} "]
        last = quantity.end
    return "".join([*parts, text[last:]])
