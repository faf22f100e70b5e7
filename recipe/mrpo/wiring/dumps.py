"""Columns of a rollout that MRPO adds to verl's JSONL dumps: its steps, labels and advantages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from recipe.mrpo.rollout.record import RECORD_KEY, RolloutRecord


def training_columns(
    keys: Sequence[str],
    records: Sequence[RolloutRecord | None],
    tokens: Mapping[str, Sequence[Sequence[Any]]],
    *,
    stage_cuts: tuple[float, float],
) -> dict[str, dict[str, Any]]:
    """By key of a row: its numbers, its record and the advantages that the actor was given.

    `tokens`: columns `advantages` and `response_mask`, one sequence for each row. Rows without a record are left out.
    """
    rows = zip(keys, records, tokens["advantages"], tokens["response_mask"], strict=True)
    return {
        key: record.to_extra_info(stage_cuts=stage_cuts) | advantage_columns(record, advantages, mask)
        for key, record, advantages, mask in rows
        if record is not None
    }


def advantage_columns(record: RolloutRecord, advantages: Sequence[float], mask: Sequence[int]) -> dict[str, Any]:
    """The token advantages of a row in a dump: A of the tokens outside every step, and of each step.

    A step without tokens has None; the outside has None if every token belongs to a step.
    """
    inside = {t for t0, t1 in record.spans for t in range(t0, t1)}
    outside = [a for t, (a, m) in enumerate(zip(advantages, mask, strict=True)) if m and t not in inside]
    steps = [advantages[t0] if t0 < min(t1, len(advantages)) else None for t0, t1 in record.spans]
    return {"advantage": outside[-1] if outside else None, "step_advantages": steps}


def dump_columns(columns: Mapping[str, list[Any]], kept: Mapping[str, Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Columns of a JSONL dump with the record unfolded into `mrpo` and, for training rows, its advantages beside it.

    `kept`: what `training_columns` made; empty for a validation.
    """
    columns = dict(columns)
    uids = columns.get("uid", [])
    if kept:
        names = list(dict.fromkeys(name for info in kept.values() for name in info))
        columns |= {name: [kept.get(uid, {}).get(name) for uid in uids] for name in names}
    if RECORD_KEY in columns:
        texts = columns.pop(RECORD_KEY)
        records = [None if text is None else json.loads(text) for text in texts]
        for name in ("advantage", "step_advantages"):
            values = columns.pop(name, None)
            for record, value in zip(records, values or (), strict=False):
                if record is not None:
                    record[name] = value
        columns["mrpo"] = records
    return columns
