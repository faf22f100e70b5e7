"""Does the completion keep to the response format?"""

from __future__ import annotations

from typing import Protocol


class HasForm(Protocol):
    """What the format reward needs of `recipe.mrpo.rollout.parsing.ParsedRollout`."""

    @property
    def well_formed(self) -> bool: ...


def format_reward(parsed: HasForm) -> float:
    """1 for one closed think block, then one closed answer, both not empty, and only white space around; otherwise 0.

    Source: the response format of arXiv 2606.31825; `recipe.mrpo.rollout.parsing.parse` decides what is well-formed.
    """
    return float(parsed.well_formed)
