"""One run of a comparison and its result, a JSON file that is whole or not there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Job:
    """One arm trained with one seed at one learning rate; `setting` tells comparisons of one world apart."""

    world: str
    setting: str
    arm: str
    seed: int
    lr: float

    def file(self, out: Path) -> Path:
        return out / self.world / self.setting / f"{self.arm}-lr{self.lr:g}-seed{self.seed}.json"

    def result(self, out: Path) -> dict[str, Any] | None:
        """What the run gave; None if it has not been run."""
        file = self.file(out)
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None

    def keep(self, out: Path, result: Mapping[str, Any]) -> None:
        file = self.file(out)
        file.parent.mkdir(parents=True, exist_ok=True)
        scratch = file.with_suffix(".tmp")
        scratch.write_text(json.dumps({**asdict(self), **result}, indent=1) + "\n", encoding="utf-8")
        scratch.replace(file)


@dataclass(frozen=True)
class Comparison:
    """Arms over paired seeds in one setting. Each arm's learning rate is chosen by one rule, or `lr` is that of all.

    The rule: the highest mean accuracy over the tuning seeds, the lower rate where two are equal.
    """

    world: str
    setting: str
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    do: Callable[[Job], Mapping[str, Any]]
    """Runs a job; the result has `early_rate` and `accuracy` in [0, 1]."""
    rates: tuple[float, ...] = ()
    tuning_seeds: tuple[int, ...] = ()
    lr: float | None = None
    baseline: str = "grpo"
    tested: tuple[str, ...] = ()
    """Arms whose difference to the baseline is tested, adjusted by Holm over them."""
    tuned_by: Comparison | None = None
    """Each arm takes its learning rate from there: exact labels, or the same world in a faster loop."""

    def job(self, arm: str, seed: int, lr: float) -> Job:
        return Job(self.world, self.setting, arm, seed, lr)

    def tuning(self) -> list[Job]:
        """Runs that choose the learning rates, seed by seed."""
        if self.lr is not None or self.tuned_by is not None:
            return []
        return [self.job(arm, seed, lr) for seed in self.tuning_seeds for arm in self.arms for lr in self.rates]

    def chosen(self, arm: str, out: Path) -> float | None:
        """The arm's learning rate; None as long as a run that decides it is missing."""
        if self.lr is not None:
            return self.lr
        if self.tuned_by is not None:
            return self.tuned_by.chosen(arm, out)
        means = {}
        for lr in self.rates:
            found = [self.job(arm, seed, lr).result(out) for seed in self.tuning_seeds]
            if any(one is None for one in found):
                return None
            means[lr] = sum(one["accuracy"] for one in found if one) / len(found)
        return max(means, key=lambda lr: (means[lr], -lr))

    def compared(self, out: Path) -> list[Job]:
        """Runs of the comparison whose learning rate is known, seed by seed so that what is there is paired."""
        rates = {arm: self.chosen(arm, out) for arm in self.arms}
        return [self.job(arm, seed, lr) for seed in self.seeds for arm, lr in rates.items() if lr is not None]

    def count(self) -> int:
        return len(self.tuning()) + len(self.arms) * len(self.seeds)
