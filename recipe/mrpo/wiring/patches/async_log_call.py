"""Patch of verl 0.9.1: a log call of the `separate_async` trainer that cannot work (hybrid_engine=False).

`PPOTrainerSeparateAsync._setup` ends with `logger.info(..., flush=True)`. `flush` belongs to `print`; a logger raises
TypeError, after every server has started. Without the plugin, VERL_LOGGING_LEVEL=WARN passes it: a call below the level
is not looked at.

Upstream: no issue was found; docs/upstream.md has the text of a report. To be deleted when the trainer no longer passes
`flush` to its logger (tests/upstream says so).
"""

from __future__ import annotations

import inspect
import logging
from types import ModuleType


class WithoutFlush(logging.LoggerAdapter):
    """The same logger; an argument `flush` is left out."""

    def process(self, msg, kwargs):
        return msg, {name: value for name, value in kwargs.items() if name != "flush"}


def mend_log_call(module: ModuleType) -> None:
    """Adapt the logger of `verl.trainer.ppo.v1.trainer_separate_async`; step aside where verl has mended the call."""
    if "flush=True" in inspect.getsource(module):
        module.logger = WithoutFlush(module.logger, {})
