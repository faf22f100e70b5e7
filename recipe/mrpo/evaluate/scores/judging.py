"""What the judge of steps failed at, left out and used."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from recipe.mrpo.evaluate.scores.columns import Columns

SUMS = ("calls", "retries", "fallbacks", "prompt_tokens", "completion_tokens", "estimated_calls", "cache_faults")


def judge_scores(columns: Columns) -> dict[str, Any]:
    """Rollouts by status, the failures among them, and sums of calls and tokens where the records say them."""
    names = columns.names["judge_status"]
    status = Counter(names[n] for n in columns.judge_status)
    failed = sum(count for name, count in status.items() if name.startswith("failed"))
    used = {name: columns.used[name] for name in SUMS if name in columns.used}
    tokens = columns.tokens[columns.tokens >= 0]
    return {
        "status": dict(sorted(status.items())),
        "failed": failed,
        "failed_share": failed / len(columns) if len(columns) else None,
        "reward_errors": dict(sorted(columns.errors.items())),
        "latency_s": columns.used.get("latency_s"),
        "used": used,
        "response_tokens": {"known": len(tokens), "mean": float(np.mean(tokens)) if len(tokens) else None},
    }
