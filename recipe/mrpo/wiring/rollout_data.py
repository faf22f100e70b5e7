"""The only reader of TransferQueue, where verl 0.9.1's v1 trainers keep rollouts.

verl-project/verl#7415 (open) replaces `transfer_queue` by pluggable backends: this file then changes, and no other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import transfer_queue as tq

from recipe.mrpo.rollout.record import RolloutRecord
from recipe.mrpo.startup.verl_settings import AGENT_LOOP, ONE_RESPONSE


class Batch(Protocol):
    """verl's `KVBatchMeta`: which rows a batch has; the rows themselves are in TransferQueue."""

    keys: list[str]
    tags: list[dict[str, Any]]
    partition_id: str


@dataclass(frozen=True)
class RolloutRow:
    """What verl knows about one row of a batch."""

    key: str
    uid: str
    """Id of the prompt; the rollouts of a group share it."""
    output: int
    """Number of this output of its agent loop, from 0."""
    padding: bool
    """A copy that verl added to make the batch divisible; it trains nothing."""
    turns: int
    info: Mapping[str, Any] | None
    """`reward_extra_info`, as the reward manager returned it."""
    generation_s: float | None
    scoring_s: float | None
    """Seconds of generating and of rewarding the rollout, where verl measured them."""


def read_rollouts(batch: Batch) -> list[RolloutRow]:
    """The rows of a batch in its order, `batch.keys`."""
    rows = _read(batch, ["extra_fields", "num_turns", "metrics"])
    turns, extra, timings = (_column(rows, name, len(batch.keys)) for name in ("num_turns", "extra_fields", "metrics"))
    return [
        _row(key, tag, turn, fields or {}, timing if isinstance(timing, Mapping) else {})
        for key, tag, turn, fields, timing in zip(batch.keys, batch.tags, turns, extra, timings, strict=True)
    ]


def _row(
    key: str, tag: Mapping[str, Any], turns: int, fields: Mapping[str, Any], timing: Mapping[str, Any]
) -> RolloutRow:
    uid, _, output = key.rsplit("_", 2)
    return RolloutRow(
        key=key,
        uid=uid,
        output=int(output),
        padding=bool(tag.get("is_padding", False)),
        turns=int(turns),
        info=fields.get("reward_extra_info"),
        generation_s=timing.get("generate_sequences"),
        scoring_s=timing.get("compute_score"),
    )


def records_of(rows: list[RolloutRow]) -> list[RolloutRecord | None]:
    """The record of each row; None for verl's padding rows, which copy the fields of a real one.

    Raises RuntimeError for rollouts of more than one response, and if no row has a record.
    """
    later = [row.key for row in rows if row.output != 0]
    if later:
        raise RuntimeError(
            f"{len(later)} rows are later outputs of a multi-output agent loop (first: {later[0]}); MRPO credits "
            "the steps of one response: use verl's single-turn agent loop (actor_rollout_ref.rollout.agent."
            "default_agent_loop=single_turn_agent)."
        )
    turns = max(row.turns for row in rows)
    if turns > 2:  # question and response; more is the work of an agent loop that the start could not see
        raise RuntimeError(
            f"a rollout of this batch has {turns} turns: {ONE_RESPONSE}; leave the column agent_name out of the "
            f"data, or set it to {AGENT_LOOP}."
        )
    records = [None if row.padding else RolloutRecord.from_extra_info(row.info) for row in rows]
    if not any(record is not None for record in records):
        raise RuntimeError(
            "no rollout of this batch carries step labels: the rewards did not come from MRPO's reward manager; "
            "set reward.reward_manager.name=mrpo."
        )
    return records


def missing_rollouts(rows: Sequence[RolloutRow], *, prompts: int, per_prompt: int) -> int:
    """Rollouts that a batch of `prompts` prompts with `per_prompt` rollouts each should have and has not.

    Where an agent loop raises, verl 0.9.1 takes its rollout out of the group, and a group without any rollout out of
    the batch, each with a line in a log.
    """
    found = Counter(row.uid for row in rows if not row.padding and row.output == 0)
    short = sum(max(0, per_prompt - count) for count in found.values())
    return short + max(0, prompts - len(found)) * per_prompt


def read_token_columns(batch: Batch, names: Sequence[str]) -> dict[str, list[list[Any]]]:
    """Columns with one value a response token, as one list for each row; rows have their own lengths."""
    rows = _read(batch, list(names))
    return {name: [values.tolist() for values in rows[name]] for name in names}


def _read(batch: Batch, fields: list[str]) -> Any:
    return tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=fields)


def _column(rows: Any, name: str, size: int) -> list[Any]:
    """A column as a list; None in each row where TransferQueue left the field out, because no row has it.

    Objects come as a tensor, a stack or a list, depending on TransferQueue's backend.
    """
    if name not in rows.keys():  # noqa: SIM118 - a TensorDict iterates over rows
        return [None] * size
    values = rows[name]
    return values.tolist() if hasattr(values, "tolist") else list(values)
