"""What the answer reward is made of: the draft that one gold answer makes of an answer, and the score at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reward_fns.answer.options import AnswerOptions


@dataclass(frozen=True, slots=True)
class AnswerScore:
    """`value` in [0, 1]; `parts` holds its components, for logs and dumps (numbers, and short names).

    Parts: accepted (math | number | exact | covered | yes_no | ""), rouge1, bleu1, bertscore (only with an encoder),
    encoder 0/1, conflict ("" or its kind), capped 0/1, empty 0/1, truncated 0/1, reference (index of the gold answer).
    """

    value: float
    parts: Mapping[str, float | str]


@dataclass(frozen=True, slots=True)
class Draft:
    """What one gold answer makes of the prediction before any encoder: a settled value, or what goes into the mix."""

    settled: float | None
    parts: dict[str, float | str]
    overlap: dict[str, float]
    says_other: bool = False
    """Does the answer state more than the gold answer or a part of it (options.accept: covered)?"""


def parts_of(*, accepted: str = "", conflict: str = "") -> dict[str, float | str]:
    """The parts that every draft has."""
    return {"accepted": accepted, "conflict": conflict, "capped": 0.0}


def mixed(draft: Draft, bertscore: float | None, options: AnswerOptions) -> AnswerScore:
    """The weighted mean of the overlap and the BERTScore (None: no encoder), under the cap if the answers conflict."""
    terms = dict(draft.overlap)
    if bertscore is not None:
        terms["bertscore"] = bertscore
    # The published code leaves the weight of a missing BERTScore out; then no answer is right by its overlap.
    weight = 1.0 if options.compat == "reference" else sum(options.mix[name] for name in terms)
    if weight == 0:
        raise ValueError("mrpo.rewards.answer.mix weighs BERTScore alone; set mrpo.rewards.answer.encoder.")
    value = min(1.0, max(0.0, sum(options.mix[name] * term for name, term in terms.items()) / weight))
    parts = {**draft.parts, **terms}
    # Overlap alone does not make an answer right, and ranks a sibling ("left kidney") above a paraphrase.
    alone = bertscore is None and options.compat != "reference" and options.accept == "covered"
    if alone and draft.says_other:
        value = 0.0
    if (draft.parts["conflict"] or alone) and value > options.conflict_cap:
        value, parts["capped"] = options.conflict_cap, 1.0
    return AnswerScore(value, parts)
