"""How long judgements took and how many came from the cache; all other figures of the judge are in the scores."""

from __future__ import annotations

from typing import Any

from recipe.mrpo.evaluate.rollouts import Rollout


class JudgeTime:
    """Sums over rollouts; only a judgement that says its seconds counts in their mean."""

    def __init__(self) -> None:
        self.cached, self.seconds, self.timed, self.slowest = 0, 0.0, 0, 0.0

    def add(self, rollout: Rollout) -> None:
        self.cached += rollout.judge.get("cached") is True
        seconds = rollout.judge.get("latency_s")
        if isinstance(seconds, (int, float)):
            self.seconds, self.timed, self.slowest = self.seconds + seconds, self.timed + 1, max(self.slowest, seconds)

    def summary(self) -> dict[str, Any]:
        """Numbers by name; the mean and the longest of no time are None."""
        return {
            "cached": self.cached,
            "mean_seconds": self.seconds / self.timed if self.timed else None,
            "slowest_seconds": self.slowest if self.timed else None,
        }
