"""Time that tests can turn."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.judge.protect.limiters import Clock


@pytest.fixture
def clock(monkeypatch):
    """Time that passes only while somebody sleeps."""
    clock = Clock()

    async def sleep(seconds):
        clock.now += seconds

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return clock
