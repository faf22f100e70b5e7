"""Work that goes on although the task that began it was cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

_RUNNING: set[asyncio.Task[Any]] = set()
"""An event loop itself keeps only weak references to its tasks."""


def in_background(work: Coroutine[Any, Any, Any]) -> None:
    """Run `work` to its end in the running event loop; a cancel of the caller does not reach it."""
    task = asyncio.ensure_future(work)
    _RUNNING.add(task)
    task.add_done_callback(_RUNNING.discard)
