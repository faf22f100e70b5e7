"""The rewards that come with the package, as factories of their options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from reward_fns import length, semantic
from reward_fns.answer.math_gate import load as load_math_verify
from reward_fns.answer.options import AnswerOptions
from reward_fns.answer.reward import PairEncoder, answer_reward
from reward_fns.answer.sandbox import get_worker
from reward_fns.answer.score import AnswerScore
from reward_fns.answer.similarity import load_stemmer
from reward_fns.answer.terms.table import load_terms
from reward_fns.choices import choices_of, chosen_text
from reward_fns.format import format_reward
from reward_fns.process import process_reward
from reward_fns.registry import NODE, RewardFn, RewardInput, reads_no_labels, register_reward

if TYPE_CHECKING:
    from reward_fns.bertscore import Encoder


def _encoder(
    name: str, path: str, *, encoder_layer: int, encoder_device: str, encoder_batch_size: int, encoder_cache: int
) -> Encoder:
    from reward_fns.bertscore import EncoderError, get_encoder  # torch, only when an encoder is asked for

    try:
        return get_encoder(
            path, layer=encoder_layer, device=encoder_device, batch_size=encoder_batch_size, cache_size=encoder_cache
        )
    except EncoderError as error:
        option = {"path": "encoder", "layer": "encoder_layer"}[error.setting]
        raise ValueError(f"{NODE}.{name}.{option}: {error}") from error


@dataclass(frozen=True)
class AnswerReward:
    """The answer reward with its options bound; `score` holds the parts of the value."""

    options: AnswerOptions
    encoder: PairEncoder | None
    reads_labels: ClassVar[bool] = False

    def score(self, given: RewardInput) -> AnswerScore:
        # The published arithmetic (compat=reference) knows no choices.
        choices = choices_of(given.extra_info) if self.options.compat == "none" else ()
        return answer_reward(
            chosen_text(given.prediction, choices),
            given.gold,
            options=self.options,
            encoder=self.encoder,
            completion=given.parsed.text,
            question=given.question,
        )

    def __call__(self, given: RewardInput) -> float:
        return self.score(given).value


@register_reward("answer")
def _answer(
    *,
    mode: str,  # read where rollouts are scored: a verdict takes the place of this measure
    fallback: str,
    compat: str,
    accept: str,
    mix: Mapping[str, float],
    encoder: str | None,
    encoder_layer: int,
    encoder_device: str,
    encoder_batch_size: int,
    encoder_cache: int,
    normalise: Sequence[str],
    conflicts: Sequence[str],
    conflict_cap: float,
    yes_no: str,
    max_chars: int,
    max_math_chars: int,
    math_timeout_s: float,
) -> AnswerReward:
    options = AnswerOptions(
        mix=dict(mix),
        compat=compat,
        accept=accept,
        normalise=frozenset(normalise),
        conflicts=frozenset(conflicts),
        conflict_cap=conflict_cap,
        yes_no=yes_no,
        max_chars=max_chars,
        max_math_chars=max_math_chars,
        math_timeout_s=math_timeout_s,
    )
    if encoder is None and options.mix["rouge1"] + options.mix["bleu1"] == 0:
        raise ValueError(f"{NODE}.answer.mix weighs BERTScore alone; set {NODE}.answer.encoder.")
    load_stemmer()
    if compat == "reference":
        get_worker(math_timeout_s).start()
    else:
        load_math_verify()
        load_terms()
    if encoder is None:
        return AnswerReward(options, None)
    loaded = _encoder(
        "answer",
        encoder,
        encoder_layer=encoder_layer,
        encoder_device=encoder_device,
        encoder_batch_size=encoder_batch_size,
        encoder_cache=encoder_cache,
    )
    return AnswerReward(options, loaded)


@register_reward("process")
def _process() -> RewardFn:
    return lambda given: process_reward(given.labels)


@register_reward("length")
def _length(*, mode: str, k_min: int, k_max: int, floor: float | None) -> RewardFn:
    if k_min > k_max:
        raise ValueError(f"{NODE}.length needs k_min <= k_max, not k_min={k_min}, k_max={k_max}.")
    if mode == "ecr":
        return reads_no_labels(lambda given: length.extended_reasoning_reward(given.num_steps, k_max=k_max))
    if mode == "cwr":
        return reads_no_labels(lambda given: _correct_reasoning(given, k_max))
    return reads_no_labels(lambda given: length.length_reward(given.num_steps, k_min=k_min, k_max=k_max, floor=floor))


def _correct_reasoning(given: RewardInput, k_max: int) -> float | None:
    if given.answer_correct is None:  # an answer reward that failed leaves unknown what depends on it
        return None
    return length.correct_reasoning_reward(given.num_steps, k_max=k_max, answer_correct=given.answer_correct)


@register_reward("format")
def _format() -> RewardFn:
    return reads_no_labels(lambda given: format_reward(given.parsed))


@register_reward("semantic")
def _semantic(
    *,
    mode: str,
    encoder: str | None,
    encoder_layer: int,
    encoder_device: str,
    encoder_batch_size: int,
    encoder_cache: int,
) -> RewardFn:
    if mode == "verdict":
        return lambda given: semantic.verdict_reward(given.overall if given.num_steps else 0)
    if encoder is None:
        raise ValueError(f"{NODE}.semantic.mode=encoder needs {NODE}.semantic.encoder (or {NODE}.answer.encoder).")
    loaded = _encoder(
        "semantic",
        encoder,
        encoder_layer=encoder_layer,
        encoder_device=encoder_device,
        encoder_batch_size=encoder_batch_size,
        encoder_cache=encoder_cache,
    )
    return reads_no_labels(
        lambda given: semantic.semantic_reward(given.reasoning(), given.gold_reasoning, encoder=loaded)
    )
