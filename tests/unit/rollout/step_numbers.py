"""The step of each token, read off the spans: how tests look at an alignment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def step_of_token(spans: Sequence[tuple[int, int]], length: int) -> np.ndarray:
    """Step number (1-based) of each of `length` tokens, 0 outside every step; shape (length,)."""
    out = np.zeros(length, dtype=np.int64)
    for k, (t0, t1) in enumerate(spans, start=1):
        out[t0:t1] = k
    return out
