"""The published answer reward, compat=reference: math-verify on the whole completion, overlap with its quirks."""

from __future__ import annotations

import re

from reward_fns.answer.options import AnswerOptions
from reward_fns.answer.sandbox import get_worker
from reward_fns.answer.score import Draft, parts_of
from reward_fns.answer.similarity import bleu1, rouge1_f1, stem

_TAG = re.compile(r"<[^>]+>")
_NOT_ALNUM = re.compile(r"[^a-z0-9]+")


def published_draft(prediction: str, gold: str, completion: str, options: AnswerOptions) -> Draft:
    """The published code's score for one gold answer, as a draft; `completion` is all that math-verify reads."""
    if get_worker(options.math_timeout_s).accepts(completion, gold):
        return Draft(1.0, parts_of(accepted="math"), {})
    rouge = rouge1_f1(reference_rouge_tokens(prediction), reference_rouge_tokens(gold))
    return Draft(None, parts_of(), {"rouge1": rouge, "bleu1": bleu1(prediction.split(), gold.split())})


def reference_rouge_tokens(text: str) -> tuple[str, ...]:
    """Tokens of the published ROUGE-1: tags dropped, lower case, runs of a-z0-9, Porter stems (ASCII only)."""
    return stem(_NOT_ALNUM.sub(" ", _TAG.sub(" ", text).lower()).split())
