"""A rollout of the reward manager's tests, and how they run one."""

from __future__ import annotations

import asyncio
import json
import math

import pytest

from recipe.mrpo.rollout.record import RolloutRecord

GOLD_REASONING = "The image is a chest X-ray. The right lower lobe shows a consolidation. This is typical of pneumonia."
EXTRA = {"question": "What is seen?", "gold_reasoning": GOLD_REASONING, "may_leave_machine": True, "split": "train"}
GOOD = (
    "<think>The image is a chest X-ray. The right lower lobe shows a consolidation. The left kidney is enlarged. "
    "This is typical of pneumonia.</think><answer>pneumonia</answer>"
)


def run(manager, row) -> tuple[dict, RolloutRecord]:
    """What the manager returns for a row, and the record in it as the trainer reads it."""
    out = asyncio.run(manager.run_single(row))
    record = RolloutRecord.from_extra_info(json.loads(json.dumps(out["reward_extra_info"])))
    assert set(out) == {"reward_score", "reward_extra_info"}
    assert math.isfinite(out["reward_score"]) and out["reward_score"] == pytest.approx(record.total)
    return out, record


def spied(one) -> list:
    """The requests that a manager's judge is given from now on."""
    seen, label = [], one.judge.label

    async def spy(request):
        seen.append(request)
        return await label(request)

    one.judge.label = spy
    return seen
