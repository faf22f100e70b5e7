"""One spelling for terms that mean the same in an answer: MRI, CT, x-ray, RLL, H&E, Greek letters, spine levels."""

from __future__ import annotations

import re
from collections.abc import Callable

from reward_fns.answer.words.spelling import american

# Written out, so that the side inside an abbreviation is seen; only forms that mean one thing in an answer.
_SYNONYMS: dict[str, str | Callable[[re.Match[str]], str]] = {
    r"x-?\s?rays?|xrays?|plain films?|radiographs?|radiographies|radiography": "xray",
    r"cxr": "chest xray",
    r"axr|kub": "abdominal xray",
    r"mri?(?: imaging)?|magnetic resonance(?: imaging)?": "mri",
    r"ct|cat scan|computed tomograph(?:y|ic)|computerized tomography|computed axial tomography": "ct",
    r"ct scan|mri scan": lambda m: m[0][:-5],
    r"ultrasound|ultrasonograph(?:y|ic)|sonograph(?:y|ic)|sonogram|ultrasonogram": "ultrasound",
    r"positron emission tomography|pet scan": "pet",
    r"angiograms?|angiograph(?:y|ic)": "angiography",
    r"mammograms?|mammograph(?:y|ic)": "mammography",
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
    r"rt|rightwards?": "right",
    r"lt|leftwards?": "left",
    r"w/o": "without",
    r"daily": "per day",
    r"around(?= [<>]?\d)": "about",
    r"r(?= (?:sided?|lungs?|hemi\w+|kidney|(?:upper|middle|lower) lobe|lobe|ventricle|atrium|hilum)\b)": "right",
    r"l(?= (?:sided?|lungs?|hemi\w+|kidney|(?:upper|middle|lower) lobe|lobe|ventricle|atrium|hilum)\b)": "left",
    r"t2[\s-](?:weighted[\s-])?flair": "flair",
    r"(?<!\*)t2(?:\*(?!\*)|[\s-]star(?!\w))": "t2star",
    r"t1-?\s?wi?": "t1 weighted",
    r"t2-?\s?wi?": "t2 weighted",
    r"(?:one|1) on (?:each|either) sides?": "bilateral",
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
_ANY = re.compile(
    rf"(?<!\w)(?:{'|'.join(f'({key})' for key in sorted(_SYNONYMS, key=lambda key: -len(key)))})(?!\w)", re.IGNORECASE
)
_SCAN = next(i for i, key in enumerate(sorted(_SYNONYMS, key=lambda key: -len(key)), 1) if key == "ct scan|mri scan")
_WITH = re.compile(r"(?<!\w)w/\s?(?=[^\W\d_])", re.IGNORECASE)
# One word, however it is parted: sub-acute, pre-contrast; "pre- and post-contrast" and "post contrast" as well.
_BEGINNING = re.compile(
    r"\b(sub|pre|post|multi)[-\s](?!(?:and|or|to|of|in|on|with|the)\b)(?=[^\W\d_]{2})"
    r"|\b(intra|extra|inter|peri|supra|infra|hyper|hypo|iso|micro|macro|endo|exo)-(?=[^\W\d_]{3})",
    re.IGNORECASE,
)
# No range, nor a number: CA 19-9, CA 125. "Ca 10-12" is calcium, "ca 125 mm" a length.
_TUMOR_MARKER = re.compile(
    r"\bca[\s-]?(?:(19)-9|(15)-3|(72)-4|(27)[-.]29|(125)(?!\s?(?:[mck]?m|[mk]?g|m?l|days?|weeks?|months?|years?)\b))(?![\w%-]|[.,]\d)",
    re.IGNORECASE,
)
_NON = re.compile(r"\bnon[-\s](?=[^\W\d_])", re.IGNORECASE)
_IMMUNOGLOBULIN = re.compile(r"\b(?:ig|immunoglobulin\s)(?=[agmed]\b)", re.IGNORECASE)
_GREEK = {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "κ": "kappa", "λ": "lambda"}
GREEK = frozenset(_GREEK.values())  # without μ, which is micro
_GREEK_LETTER = re.compile(rf"(\w?)([{''.join(_GREEK)}])(?=(\w?))", re.IGNORECASE)
_TNM = re.compile(r"\b(p?t(?:is|[0-4x])[a-d]?)\s?(n[0-3x][a-c]?)(?:\s?(m[01x]))?\b", re.IGNORECASE)  # T3 N1 M0
_DIGIT = re.compile(r"\d")
_SPINE = re.compile(r"\b([ctls])(\d{1,2})\s*[-/]\s*\1?(\d{1,2})\b", re.IGNORECASE)


def holds_synonym(text: str) -> bool:
    return _ANY.search(text) is not None


def synonyms(text: str) -> str:
    """The text with its terms in one spelling."""
    text = american(text)
    found = {match.lastindex for match in _ANY.finditer(text) if match.lastindex is not None}
    if found:  # one search for most texts, which hold none; "computed tomography scan" has a "ct scan" only then
        for number in sorted({*found, _SCAN}):
            pattern, meaning = _SPELLINGS[number - 1]
            text = pattern.sub(meaning, text)
    text = _WITH.sub("with ", text)
    text = _NON.sub("non", text)
    text = _BEGINNING.sub(lambda m: m[1] or m[2], text)
    text = _IMMUNOGLOBULIN.sub("ig ", text)
    if not text.isascii():
        text = _GREEK_LETTER.sub(
            lambda m: f"{m[1]}{' ' if m[1] else ''}{_GREEK[m[2].lower()]}{' ' if m[3] else ''}", text
        )
    if not _DIGIT.search(text):
        return text
    text = _TUMOR_MARKER.sub(lambda m: f"ca{m[m.lastindex or 0]}", text)
    text = _TNM.sub(lambda m: "".join(part or "" for part in m.groups()), text)
    return _SPINE.sub(r"\1\2 \1\3", text)
