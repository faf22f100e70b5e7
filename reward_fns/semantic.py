"""Does the reasoning mean the same as the gold reasoning? Rewards on meaning, by an encoder or by a judge's verdict."""

from __future__ import annotations

from typing import Protocol

MODES = ("encoder", "verdict")


class TextEncoder(Protocol):
    """What the semantic reward needs of `reward_fns.bertscore.Encoder`."""

    def similarity(self, text: str, other: str) -> float: ...


def semantic_reward(reasoning: str, gold_reasoning: str | None, *, encoder: TextEncoder) -> float | None:
    """Cosine of the mean token embeddings of reasoning and gold reasoning, in [0, 1].

    No reasoning scores 0; without gold reasoning the reward is unknown (None).
    Source: arXiv 2505.13973, semantic alignment reward.
    """
    if not gold_reasoning or not gold_reasoning.strip():
        return None
    if not reasoning.strip():
        return 0.0
    return encoder.similarity(reasoning, gold_reasoning)


def verdict_reward(verdict: bool | int | None) -> float | None:
    """A judge's yes (1) or no (0): does the whole reasoning mean the same as the gold reasoning? None stays unknown.

    Raises ValueError for anything else. Source: arXiv 2505.13973, semantic alignment reward.
    """
    if verdict is None:
        return None
    if verdict not in (0, 1):
        raise ValueError(f"a verdict is yes (1), no (0) or None, not {verdict!r}")
    return float(verdict)
