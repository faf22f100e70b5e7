"""What a person wants to know of verl's log while it runs: milestones and the numbers of each step."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_STEP = re.compile(r"\bstep:(\d+) - (.*)")
_VALUE = re.compile(r"([\w/@.-]+):(?:np\.float\d+\()?(-?\d+(?:\.\d+)?(?:e-?\d+)?)")
_ERROR = re.compile(r"Traceback \(most recent call last\)|Error executing job|^mrpo: |\b\w*(?:Error|Exception): ")

MILESTONES = (
    ("Started a local Ray instance", "Ray is up"),
    ("After FSDP, memory", "the model is built"),
    ("actor and ref model engine initialized", "training engine is up, starting vLLM"),
    ("checkpoint engine manager initialized", "vLLM is up"),
    ("Initial validation metrics", "validation before training is done"),
)
_SHOWN = (
    ("mrpo/reward/answer", "answer"),
    ("mrpo/reward/process", "process"),
    ("mrpo/wrong_answers", "wrong"),
    ("mrpo/steps_per_rollout", "steps"),
    ("mrpo/tokens/up", "up"),
    ("mrpo/tokens/down", "down"),
    ("training/rollout_actor_probs_pearson_corr", "probs corr"),
)


def values_of(line: str) -> tuple[int, dict[str, float]] | None:
    """Number and metrics of a step, if `line` is verl's line about one."""
    found = _STEP.search(_ANSI.sub("", line))
    return None if found is None else (int(found[1]), {k: float(v) for k, v in _VALUE.findall(found[2])})


class Progress:
    """Prints a line per milestone and step, with the seconds since the start; keeps the first error."""

    def __init__(self, total_steps: int, say: Callable[[str], None]):
        self.total_steps, self.say, self.first_error = total_steps, say, None
        self._started, self._seen = time.monotonic(), set()

    def __call__(self, line: str) -> None:
        plain = _ANSI.sub("", line)
        for text, milestone in MILESTONES:
            if text in plain and milestone not in self._seen:
                self._seen.add(milestone)
                self._print(milestone)
        step = values_of(plain)
        if step and step[0] > 0:
            shown = ", ".join(f"{name} {step[1][key]:.3g}" for key, name in _SHOWN if key in step[1])
            self._print(f"step {step[0]} of {self.total_steps}: {shown}")
        if self.first_error is None and _ERROR.search(plain):
            self.first_error = plain.strip()

    def _print(self, text: str) -> None:
        self.say(f"  {time.monotonic() - self._started:5.0f} s  {text}")
