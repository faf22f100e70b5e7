"""One stem for the forms of a medical word: metastasis, metastases, metastatic; vertebra, vertebral; lobule, lobular.

nltk's Porter stemmer does the English endings. The Latin and Greek ones, which it does not know, are the table here.
"""

from __future__ import annotations

import re
from functools import lru_cache

from reward_fns.answer.similarity import porter_stem

_LATIN = tuple(
    (re.compile(pattern), stem)
    for pattern, stem in (
        (r"(?<=...)(?:plasia|plasias|plastic)$", "plas"),
        (r"(?<=..)(?:trophy|trophic|trophied|trophies)$", "troph"),
        (r"(?<=..)(?:oma|omas|omata|omatous)$", "oma"),
        (r"(?<=..)(?:ema|emas|ematous)$", "ema"),
        (r"(?<=..)(?:itis|itides|itic)$", "itis"),
        (r"(?<=...)(?:osis|oses|otic)$", "os"),
        (r"(?<=....)(?:asis|ases|atic)$", "as"),
        (r"(?<=...)(?:ified|ifies|ify|ification|ifications)$", "if"),
        (r"(?<=...)(?:cle|cles|cular)$", "cul"),
        (r"(?<=....)(?:atory|arity|ality)$", ""),
        (r"(?<=....)(?:eum|eal)$", ""),
        (r"(?<=....)(?:ia|ias|ic|ical|ically)$", ""),
        (r"(?<=....)(?:ous|ously)$", ""),
        (r"(?<=....)(?:us|i|um|a|ae|al|ar)$", ""),
    )
)


@lru_cache(maxsize=65536)
def stem_of(word: str) -> str:
    """The stem of a lower-case word; words of up to three letters and those that are not letters alone stay."""
    if len(word) <= 3 or not word.isalpha() or not word.isascii():
        return word
    for pattern, stem in _LATIN:
        if match := pattern.search(word):
            return word[: match.start()] + stem
    return porter_stem(word)
