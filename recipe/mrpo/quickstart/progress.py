"""What a person wants to know of verl's log while it runs: milestones, the numbers of each step, the first error."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from recipe.mrpo.common.printable import printable

_ANSI = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?)")
_ACTOR = re.compile(r"^(?:\([\w:.]*\s?pid=\d+[^)]*\)\s?)+")
_STEP = re.compile(r"^step:(\d+) - (.*)")
_VALUE = re.compile(r"([\w/@.-]+):(?:np\.\w+\()?(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)")
# A line that names an error: ours, or the last line of a traceback.
_KIND = r"(?:[A-Z]\w*(?:Error|Exception|Mismatch|Exit)|Again)"
_ERROR = re.compile(rf"^(?:mrpo: |error: |(?:[A-Za-z_][\w.]*\.)?{_KIND}(?:: |$))")

MILESTONES = (
    ("Started a local Ray instance", "Ray is up"),
    ("After FSDP, memory", "the model is built"),
    ("actor and ref model engine initialized", "the training engine is up; starting vLLM"),
    ("checkpoint engine manager initialized", "vLLM is up"),
    ("Initial validation metrics", "the first validation is done"),
)
SHOWN = (
    ("mrpo/reward/answer", "answer reward"),
    ("mrpo/wrong_answers", "wrong"),
    ("mrpo/valid_steps", "valid steps"),
    ("mrpo/tokens/up", "tokens up"),
    ("mrpo/tokens/down", "down"),
)


def plain(line: str) -> str:
    """A line of the log as printable text, without colours and without the name of the Ray actor that wrote it."""
    return printable(_ACTOR.sub("", _ANSI.sub("", line)).strip())


def values_of(line: str) -> tuple[int, dict[str, float]] | None:
    """Number and metrics of a step, if `line` is verl's line about one."""
    found = _STEP.search(plain(line))
    return None if found is None else (int(found[1]), {k: float(v) for k, v in _VALUE.findall(found[2])})


class Progress:
    """Prints a line per milestone and step, with the seconds since the start; keeps the first error."""

    def __init__(self, total_steps: int, say: Callable[[str], None]):
        self.total_steps, self.say, self.first_error = total_steps, say, None
        self._started, self._seen = time.monotonic(), set()

    def __call__(self, line: str) -> None:
        text = plain(line)
        for sign, milestone in MILESTONES:
            if sign in text and milestone not in self._seen:
                self._seen.add(milestone)
                self._say(milestone)
        number, values = values_of(text) or (0, {})
        shown = ", ".join(f"{name} {values[key]:.2f}" for key, name in SHOWN if key in values)
        if shown:
            self._say(f"step {number} of {self.total_steps}: {shown}")
        if self.first_error is None and _ERROR.search(text):
            self.first_error = text

    def _say(self, text: str) -> None:
        self.say(f"  {time.monotonic() - self._started:5.0f} s  {text}")
