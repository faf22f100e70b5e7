"""One seed of the chain world as a curve: how accuracy rises and early failures fall, update by update."""

from __future__ import annotations

from typing import Any

from recipe.mrpo.rollout.first_failure import first_failure_position
from recipe.mrpo.worlds.arms import MAIN, with_judge
from recipe.mrpo.worlds.chain.scene import ChainWorld
from recipe.mrpo.worlds.chain.train import EARLY, Pushes, RunSettings, run

BARS = "▁▂▃▄▅▆▇█"
SHOWN = (("accuracy", "right answers"), ("early_rate", "early failures"))


class TrainingCurve:
    """Watches a run: rates of the rollouts that it is trained with by scene labels, over every `every` updates."""

    def __init__(self, every: int):
        self.points: list[dict[str, float]] = []
        self._every, self._updates, self._early, self._right, self._rollouts = every, 0, 0, 0, 0

    def __call__(self, update: Pushes) -> None:
        valid = update.choices == update.scenes.truth
        first = [first_failure_position(row) for row in valid.int().tolist()]
        self._early += sum(place is not None and place < EARLY for place in first)
        self._right += int(valid[:, -1].sum())
        self._rollouts += len(first)
        self._updates += 1
        if self._updates % self._every == 0:
            rates = {"early_rate": self._early / self._rollouts, "accuracy": self._right / self._rollouts}
            self.points.append({"step": self._updates, **rates})
            self._early = self._right = self._rollouts = 0


def curve(*, seed: int, updates: int = 100, every: int = 10) -> dict[str, Any]:
    """Tests of grpo and mrpo (judge `local`) from one start, on the same scenes with the same noise."""
    import torch

    torch.set_num_threads(1)
    few = {name: MAIN[name] for name in ("grpo", "mrpo")}
    settings = RunSettings(updates=updates, lr=4e-3, test_every=every)
    arms = {arm.removesuffix("_local"): how for arm, how in with_judge(few, "local").items()}
    return {"seed": seed, "updates": updates} | {
        name: run(ChainWorld(), arm, settings, seed=seed) for name, arm in arms.items()
    }


def bars(values: list[float]) -> str:
    """Shares in [0, 1] as a row of blocks.

    >>> bars([0.0, 0.5, 1.0])
    '▁▅█'
    """
    return "".join(BARS[min(len(BARS) - 1, int(v * len(BARS)))] for v in values)


def lines(found: dict[str, Any]) -> list[str]:
    """The curve for a terminal, and one sentence on what improved."""
    out = []
    for key, name in SHOWN:
        for arm in ("grpo", "mrpo"):
            values = [row[key] for row in found[arm]]
            out.append(f"{name:15} {arm}  {bars(values)}  {values[0]:4.0%} to {values[-1]:4.0%}")
    first, last, other = found["mrpo"][0], found["mrpo"][-1], found["grpo"][-1]
    out.append(
        f"In {found['updates']} updates with mrpo right answers went from {first['accuracy']:.0%} to "
        f"{last['accuracy']:.0%} and early failures from {first['early_rate']:.0%} to {last['early_rate']:.0%} of all "
        f"rollouts; with grpo, on the same scenes, to {other['accuracy']:.0%} and {other['early_rate']:.0%} (one seed; "
        "docs/evidence.md has ten)."
    )
    return out
