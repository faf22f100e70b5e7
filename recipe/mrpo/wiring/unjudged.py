"""Marks the prompts whose steps will not be judged, before they are generated; the reward manager reads the mark.

verl tells a reward worker nothing about validation, and every column of a prompt travels to it: so the choice of
`judge/spending.py` is one more column.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from omegaconf import DictConfig

from recipe.mrpo.judge.spending import BY_SHARE, BY_VALIDATION, group_is_judged, validation_is_judged
from recipe.mrpo.rollout.record import RolloutRecord
from recipe.mrpo.scoring.row import prompt_id
from recipe.mrpo.wiring.validation_counts import PREFIX

COLUMN = "mrpo_unjudged"
"""Column of a prompt: why its steps are not judged; empty or missing: they are."""


def mark_groups(batch: Any, options: DictConfig, *, step: int) -> None:
    """Add the column to a batch of training prompts (verl's TensorDict), unless every group is judged."""
    judge = options.judge
    if judge.share >= 1:
        return
    from verl.utils.tensordict_utils import assign_non_tensor_stack

    names = [name for name in ("data_source", "extra_info", "raw_prompt", "reward_model") if name in batch.keys()]  # noqa: SIM118
    columns = {name: _values(batch, name) for name in names}
    prompts = [prompt_id({name: values[i] for name, values in columns.items()}) for i in range(len(batch))]
    judged = [group_is_judged(p, step=step, share=judge.share, seed=judge.share_seed) for p in prompts]
    assign_non_tensor_stack(batch, COLUMN, ["" if each else BY_SHARE for each in judged])


def _values(batch: Any, name: str) -> list[Any]:
    column = batch[name]
    return column.tolist() if hasattr(column, "tolist") else list(column)


class MarkedBatches:
    """A validation's batches with the column in each; `batches` yields a mapping of columns for each batch."""

    def __init__(self, batches: Iterable[Mapping[str, Any]]) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for batch in self._batches:
            rows = len(batch["raw_prompt"])
            yield {**batch, COLUMN: np.array([BY_VALIDATION] * rows, dtype=object)}


class Validating(Protocol):
    """What is needed of verl's trainer."""

    config: DictConfig
    global_steps: int
    total_training_steps: int


def validation_is_left_out(trainer: Validating) -> bool:
    """Are the steps of the trainer's next validation left unjudged (`mrpo.judge.validation_every`)?"""
    every, step = trainer.config.mrpo.judge.validation_every, trainer.global_steps
    return every > 1 and not validation_is_judged(
        step,
        every=every,
        test_freq=int(trainer.config.trainer.test_freq),
        last=step >= trainer.total_training_steps,
    )


def known_totals(columns: Mapping[str, list[Any]], records: Sequence[RolloutRecord | None]) -> dict[str, list[Any]]:
    """A validation's columns in which the sum of rewards is None where a reward that counts was not judged.

    Without this the mean of `reward` would fall by the whole process reward in a validation that is not judged.
    """
    partial = [record is not None and left_out(record, BY_VALIDATION) and not record.complete for record in records]
    if "reward" not in columns or not any(partial):
        return dict(columns)
    totals = [None if part else value for value, part in zip(columns["reward"], partial, strict=True)]
    return {**columns, "reward": totals}


def unjudged_counts(sources: Sequence[str], records: Sequence[RolloutRecord | None]) -> dict[str, float]:
    """For each data source the rollouts of a validation that were left unjudged on purpose."""
    counts = dict.fromkeys(map(str, sources), 0.0)
    for source, record in zip(sources, records, strict=True):
        counts[str(source)] += record is not None and left_out(record, BY_VALIDATION)
    return {f"{PREFIX}/{source}/unjudged_total": count for source, count in counts.items()}


def left_out(record: RolloutRecord, reason: str) -> bool:
    return record.judge_status == f"skipped:{reason}"
