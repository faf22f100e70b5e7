"""The records of a batch as arrays, read once: what the estimators need of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from recipe.mrpo.credit.token_runs import Edges
from recipe.mrpo.rollout.record import RolloutRecord
from recipe.mrpo.wiring.reward_table import answer_states, label_matrix, reward_matrix, weighted


@dataclass(frozen=True)
class BatchTable:
    """Row i is record i; a row without a record has unknown rewards, no steps, no answer and no tokens."""

    values: torch.Tensor
    """(B, M) float64 rewards before weights, 0 where unknown."""
    weights: dict[str, float]
    """The weight of each of the M rewards by name."""
    missing: torch.Tensor
    """(B, M) bool: unknown rewards."""
    wrong: torch.Tensor
    """(B,) bool."""
    undecided: torch.Tensor
    """(B,) bool: neither right nor wrong."""
    labels: torch.Tensor
    """(B, K) float64, NaN where unknown."""
    num_steps: torch.Tensor
    """(B,) int64."""
    spans: Edges
    """Token spans of the steps of each row."""
    response_tokens: np.ndarray
    """(B,) int64."""

    @classmethod
    def of(cls, records: Sequence[RolloutRecord | None]) -> BatchTable:
        """Raises ValueError for a reward that no advantage can be computed with."""
        values, weights, missing = reward_matrix(records)
        wrong, undecided = answer_states(records)
        labels, num_steps = label_matrix(records, [True] * len(records))
        spans = Edges.of([() if r is None else r.spans for r in records])
        tokens = (0 if r is None else r.response_tokens for r in records)
        lengths = np.fromiter(tokens, dtype=np.int64, count=len(records))
        return cls(values, weights, missing, wrong, undecided, labels, num_steps, spans, lengths)

    def weighted_rewards(self, *, process_only_if_right: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """`reward_table.weighted_rewards` of the records."""
        states = self.wrong, self.undecided
        return weighted(self.values, self.weights, self.missing, *states, process_only_if_right=process_only_if_right)
