"""How right is a short answer? The answer reward of arXiv 2606.31825, not to be fooled by sides, counts and units."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Protocol

from reward_fns.answer.conflicts.find import CONFLICTS, find_conflict
from reward_fns.answer.math_gate import as_math, is_expression, is_safe, math_verify_accepts
from reward_fns.answer.sandbox import get_worker
from reward_fns.answer.similarity import bleu1, reference_rouge_tokens, rouge1_f1, stem
from reward_fns.answer.words.normalise import RULES, spell_out, tokens
from reward_fns.answer.words.quantities import COUNT, PERCENT, SUM, Quantity, find_quantities

logger = logging.getLogger(__name__)

_ALL_RULES = frozenset(RULES)
_MAX_WORDS_ABOUT_A_NUMBER = 8  # "there are 4 lesions in the liver" answers "4"; a paragraph with a 4 in it does not
_TEMPERATURES = frozenset({"celsius", "fahrenheit"})
_BARE_DEGREES = re.compile(r"(?<=\d)\s?([CF])(?!\w)")
_TERMS = ("rouge1", "bleu1", "bertscore")


class PairEncoder(Protocol):
    """What the answer reward needs of `reward_fns.bertscore.Encoder`."""

    def f1(self, predictions: Sequence[str], references: Sequence[str]) -> list[float]: ...


@dataclass(frozen=True, slots=True)
class AnswerScore:
    """`value` in [0, 1]; `parts` says what it is made of, for logs and dumps (numbers, and short names).

    Parts: accepted (math | number | exact | yes_no | ""), rouge1, bleu1, bertscore (only with an encoder),
    encoder 0/1, conflict ("" or its kind), capped 0/1, empty 0/1, truncated 0/1, reference (index of the gold answer).
    """

    value: float
    parts: Mapping[str, float | str]


@dataclass(frozen=True)
class AnswerOptions:
    """The node mrpo.rewards.answer without weight and encoder; the defaults are in options.yaml.

    Raises ValueError naming the option for a value out of range.
    """

    mix: Mapping[str, float]
    compat: str
    normalise: frozenset[str]
    conflicts: frozenset[str]
    conflict_cap: float
    yes_no: str
    max_chars: int
    max_math_chars: int
    math_timeout_s: float

    def __post_init__(self) -> None:
        node = "mrpo.rewards.answer"
        if set(self.mix) != set(_TERMS) or min(self.mix.values()) < 0 or abs(sum(self.mix.values()) - 1) > 1e-6:
            wanted = ", ".join(_TERMS)
            raise ValueError(f"{node}.mix needs {wanted}, none negative, that sum to 1, not {dict(self.mix)}.")
        for name, value, allowed in (
            ("compat", {self.compat}, ("none", "reference")),
            ("yes_no", {self.yes_no}, ("exact", "leading", "mix")),
            ("normalise", self.normalise, RULES),
            ("conflicts", self.conflicts, CONFLICTS),
        ):
            if unknown := sorted(set(value) - set(allowed)):
                raise ValueError(f"{node}.{name}: {unknown[0]!r} is unknown; choose from {', '.join(allowed)}.")
        if not 0 <= self.conflict_cap <= 1:
            raise ValueError(f"{node}.conflict_cap must be in [0, 1], not {self.conflict_cap}.")
        for name in ("max_chars", "max_math_chars"):
            if getattr(self, name) < 1:
                raise ValueError(f"{node}.{name} must be at least 1, not {getattr(self, name)}.")
        if not 0 < self.math_timeout_s < float("inf"):
            raise ValueError(f"{node}.math_timeout_s must be a number above 0, not {self.math_timeout_s}.")


@dataclass(frozen=True, slots=True)
class _Draft:
    """What one gold answer makes of the prediction before any encoder: a settled value, or what goes into the mix."""

    settled: float | None
    parts: dict[str, float | str]
    overlap: dict[str, float]


def answer_reward(
    prediction: str | None,
    gold: str | Sequence[str],
    *,
    options: AnswerOptions,
    encoder: PairEncoder | None,
    completion: str | None = None,
) -> AnswerScore:
    """Agreement of an answer with the gold answer, or with the best of several, in [0, 1].

        R_ans = 1                                                     if accepted
              = 0.25 ROUGE-1 F1 + 0.25 BLEU-1 + 0.5 BERTScore F1      else (weights: options.mix)
        R_ans = min(R_ans, conflict_cap)                              if not accepted and the answers conflict

    Accepted: equal after normalisation; the same quantity (3.5 cm = 35 mm, 50% = 0.5); or math-verify finds an
    expression equal to a number without a unit or to another expression.
    A yes/no gold answer is scored 0 or 1 (options.yes_no: exact; leading: the first word decides; mix: like the rest).
    Conflicts: see `find_conflict`. Only the answer is looked at, never the reasoning. Without an encoder the other
    weights are scaled to sum to 1, the parts say encoder 0 and a warning is logged once. An empty prediction scores 0;
    characters beyond options.max_chars are not looked at. The encoder is asked once, for all gold answers.

    options.compat = "reference" is the published arithmetic with its quirks: math-verify reads the whole `completion`
    (the prediction, if that is all there is), so that any number in the reasoning can be the answer and "2 lesions" is
    "2 masses"; ROUGE-1 on stems of ASCII words, BLEU-1 on white-space tokens with their case; without an encoder its
    half of the mix is missing, and only math-verify lifts an answer above 0.5. It deviates in three points: parsing and
    comparing together have options.math_timeout_s and 4 GiB (there: 5 s each, by a signal that long computations
    ignore), in a process of their own (`math_worker`); the best of several gold answers counts; and a completion
    without an answer has no overlap.

    Raises ValueError if there is no gold answer; RuntimeError if compat = "reference" cannot start its process.
    Source: arXiv 2606.31825, reward definition; its released code.
    """
    golds = [gold] if isinstance(gold, str) else list(gold)
    if not golds:
        raise ValueError("an answer reward needs at least one gold answer")
    reference = options.compat == "reference"
    if encoder is None:
        _warn_without_encoder(reference)
    common = {"encoder": float(encoder is not None), "empty": 0.0, "truncated": 0.0}
    answer = prediction or ""
    if not answer.strip():
        common["empty"] = 1.0
        if not reference:
            return AnswerScore(0.0, {**_parts(), **common, "reference": 0.0})
    if reference:
        read = answer if completion is None else completion
        drafts = [_published(answer, one, read, options) for one in golds]
    else:
        if len(answer) > options.max_chars:
            answer, common["truncated"] = answer[: options.max_chars], 1.0
        golds = [one[: options.max_chars] for one in golds]
        drafts = [_draft(answer, one, options) for one in golds]
    scores = _finish(drafts, answer, golds, options, encoder)
    best = max(scores, key=lambda i: scores[i].value)
    return AnswerScore(scores[best].value, {**scores[best].parts, **common, "reference": float(best)})


def _draft(prediction: str, gold: str, options: AnswerOptions) -> _Draft:
    prediction, gold = _with_degrees(prediction, gold), _with_degrees(gold, prediction)
    gold_words = tokens(gold, _ALL_RULES)
    if options.yes_no != "mix" and gold_words in (("yes",), ("no",)):
        words = tokens(prediction, _ALL_RULES)
        right = words == gold_words if options.yes_no == "exact" else words[:1] == gold_words
        return _Draft(float(right), _parts(accepted="yes_no" if right else ""), {})
    p_tokens, g_tokens = tokens(prediction, options.normalise), tokens(gold, options.normalise)
    accepted = _accepted(prediction, gold, p_tokens, g_tokens, options)
    if accepted:
        return _Draft(1.0, _parts(accepted=accepted), {})
    conflict = find_conflict(prediction, gold, options.conflicts) or ""
    overlap = {"rouge1": rouge1_f1(stem(p_tokens), stem(g_tokens)), "bleu1": bleu1(p_tokens, g_tokens)}
    return _Draft(None, _parts(conflict=conflict), overlap)


def _published(prediction: str, gold: str, completion: str, options: AnswerOptions) -> _Draft:
    if get_worker(options.math_timeout_s).accepts(completion, gold):
        return _Draft(1.0, _parts(accepted="math"), {})
    rouge = rouge1_f1(reference_rouge_tokens(prediction), reference_rouge_tokens(gold))
    return _Draft(None, _parts(), {"rouge1": rouge, "bleu1": bleu1(prediction.split(), gold.split())})


def _parts(*, accepted: str = "", conflict: str = "") -> dict[str, float | str]:
    return {"accepted": accepted, "conflict": conflict, "capped": 0.0}


def _finish(
    drafts: Sequence[_Draft],
    prediction: str,
    golds: Sequence[str],
    options: AnswerOptions,
    encoder: PairEncoder | None,
) -> dict[int, AnswerScore]:
    """Scores by index of the gold answer: the accepted ones if there are any, for nothing can score more, else all."""
    settled = {i: AnswerScore(d.settled, d.parts) for i, d in enumerate(drafts) if d.settled is not None}
    open_ = [i for i, draft in enumerate(drafts) if draft.settled is None]
    if not open_ or any(score.value == 1.0 for score in settled.values()):
        return settled
    similar: Sequence[float | None] = [None] * len(open_)
    if encoder is not None:
        similar = encoder.f1([prediction.strip()] * len(open_), [golds[i].strip() for i in open_])
    return settled | {i: _mix(drafts[i], f1, options) for i, f1 in zip(open_, similar, strict=True)}


def _mix(draft: _Draft, bertscore: float | None, options: AnswerOptions) -> AnswerScore:
    terms = dict(draft.overlap)
    if bertscore is not None:
        terms["bertscore"] = bertscore
    # The published code leaves the weight of a missing BERTScore out; then no answer is right by its overlap.
    weight = 1.0 if options.compat == "reference" else sum(options.mix[name] for name in terms)
    if weight == 0:
        raise ValueError("mrpo.rewards.answer.mix weighs BERTScore alone; set mrpo.rewards.answer.encoder.")
    value = min(1.0, max(0.0, sum(options.mix[name] * term for name, term in terms.items()) / weight))
    parts = {**draft.parts, **terms}
    if draft.parts["conflict"] and value > options.conflict_cap:
        value, parts["capped"] = options.conflict_cap, 1.0
    return AnswerScore(value, parts)


def _accepted(
    prediction: str, gold: str, p_tokens: tuple[str, ...], g_tokens: tuple[str, ...], options: AnswerOptions
) -> str:
    if p_tokens and p_tokens == g_tokens:
        return "exact"
    if _same_quantity(prediction, gold) or _same_share(prediction, gold):
        return "number"
    return "math" if _same_expression(prediction, gold, options) else ""


def _same_expression(prediction: str, gold: str, options: AnswerOptions) -> bool:
    """Does math-verify find two values equal, of which at least one has to be worked out (2^5 and 32)?

    It sees numbers alone, so no unit, sign or sum may stand beside them (5 cm is not 5%, nor 3+4 4+3 or 7), and what
    our own rules tell apart it is not asked about, unless LaTeX says that it is a root or a fraction to be worked out.
    """
    texts = (prediction, gold)
    if not any(map(is_expression, texts)) or not all(is_expression(text) or _is_bare_count(text) for text in texts):
        return False
    if any(q.relation or q.dimension != COUNT for text in texts for q in _number_and_words(text)[0]):
        return False
    worked_out = any("\\sqrt" in text or "frac{" in text for text in texts)
    if not worked_out and find_conflict(prediction, gold, ("number", "comparison")):
        return False
    written = [as_math(text) for text in texts]
    return all(is_safe(text, max_chars=options.max_math_chars) for text in written) and math_verify_accepts(*written)


def _with_degrees(text: str, other: str) -> str:
    """The text with 37.5 C as 37.5 °C where the other answer has a temperature; elsewhere a C is a letter."""
    if not _BARE_DEGREES.search(text) or _TEMPERATURES.isdisjoint(q.dimension for q in _number_and_words(other)[0]):
        return text
    return _BARE_DEGREES.sub(r" °\1", text)


@lru_cache(maxsize=8192)
def _number_and_words(text: str) -> tuple[tuple[Quantity, ...], int]:
    plain = spell_out(text, _ALL_RULES)
    quantities = find_quantities(plain)
    return quantities, len(tokens(text, _ALL_RULES)) - len(quantities)


def _bare(text: str) -> Quantity | None:
    """The quantity that is all of the text; None for a bound or a sign (<5, 2+), and for 120/80, which is no number."""
    quantities, words = _number_and_words(text)
    if len(quantities) != 1 or words or quantities[0].relation or not isinstance(quantities[0].raw, Fraction):
        return None
    return quantities[0]


def _is_bare_count(text: str) -> bool:
    quantity = _bare(text)
    return quantity is not None and quantity.dimension == COUNT


def _same_share(prediction: str, gold: str) -> bool:
    """Is one a bare percentage and the other the number in it or its share of 1: 50% and 50 or 0.5?"""
    bare = [_bare(text) for text in (prediction, gold)]
    if None in bare or {q.dimension for q in bare} != {COUNT, PERCENT}:
        return False
    percentage, number = sorted(bare, key=lambda q: q.dimension == COUNT)
    return number.raw in (percentage.raw, percentage.raw / 100)


def _same_quantity(prediction: str, gold: str) -> bool:
    """Is one answer a bare quantity and the other that same quantity in a few words ("4" and "there are 4 lesions")?

    A gold answer may hold one word beside its number ("4 lesions"), or the number is not the whole answer ("type 2
    diabetes"). The prediction may add a unit to a bare number, but not put one in place of what is counted ("4 cm" is
    no answer to "4 lesions"), and may not leave out the gold's. Both bound the number alike (<4 is not 4).
    """
    (p, p_words), (g, g_words) = _number_and_words(prediction), _number_and_words(gold)
    if len(p) != 1 or len(g) != 1 or (p_words > 0 and g_words > 0) or g_words > 1:
        return False
    if p_words > _MAX_WORDS_ABOUT_A_NUMBER:
        return False
    if (p_words or g_words) and find_conflict(prediction, gold, ("negation",)):
        return False
    if p[0].relation != g[0].relation:
        return False
    if p[0].dimension == g[0].dimension:
        return p[0].value == g[0].value
    return g[0].dimension == COUNT and not g_words and p[0].dimension != SUM and p[0].raw == g[0].raw


@lru_cache(maxsize=2)
def _warn_without_encoder(reference: bool) -> None:
    if reference:
        meant = "its half of the mix is missing (compat=reference), and no answer scores above 0.5 by its overlap."
    else:
        meant = "the answer reward is ROUGE-1 and BLEU-1 alone, their weights scaled to sum to 1."
    logger.warning(
        "mrpo.rewards.answer.encoder is not set: %s Published figures use BERTScore with BiomedBERT as well.", meant
    )
