"""Unigram overlap of two token sequences: ROUGE-1 F1 and BLEU-1.

Both are ten lines, so no metrics package is needed; the Porter stemmer is nltk's, the very class behind the
`rouge_score` package of the published runs. nltk is imported at the first call that stems.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache


def rouge1_f1(prediction: Sequence[str], reference: Sequence[str]) -> float:
    """ROUGE-1 F1 of two token sequences, in [0, 1].

    With o the clipped count of common tokens: P = o/|prediction|, R = o/|reference|, F1 = 2PR/(P+R); 0 when o = 0.
    Source: Lin 2004, "ROUGE", section 2.
    """
    overlap = sum((Counter(prediction) & Counter(reference)).values())
    if overlap == 0:
        return 0.0
    precision, recall = overlap / len(prediction), overlap / len(reference)
    return 2 * precision * recall / (precision + recall)


def bleu1(prediction: Sequence[str], reference: Sequence[str]) -> float:
    """BLEU with unigrams only, in [0, 1]: clipped precision times the brevity penalty.

    With o the clipped count of common tokens: (o/|p|) * min(1, exp(1 - |r|/|p|)). Smoothing of zero counts does not
    touch it: no common unigram gives 0. Source: Papineni et al. 2002, section 2.3.
    """
    overlap = sum((Counter(prediction) & Counter(reference)).values())
    if overlap == 0:
        return 0.0
    return overlap / len(prediction) * min(1.0, math.exp(1 - len(reference) / len(prediction)))


def stem(tokens: Sequence[str]) -> tuple[str, ...]:
    """Porter stems of the tokens longer than three characters; shorter ones stay, as in `rouge_score`."""
    return tuple(porter_stem(token) if len(token) > 3 else token for token in tokens)


@lru_cache(maxsize=1)
def load_stemmer():
    """nltk's Porter stemmer."""
    from nltk.stem.porter import PorterStemmer  # half a second: only for those who stem

    return PorterStemmer()


@lru_cache(maxsize=65536)
def porter_stem(token: str) -> str:
    return load_stemmer().stem(token)
