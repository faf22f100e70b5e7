"""Which pass@k the page shows where nobody has named one."""

from __future__ import annotations

import numpy as np

from recipe.mrpo.evaluate.scores.columns import Columns


def which_k(columns: Columns) -> tuple[int, ...]:
    """2, 4, 8, ... below n, and n, for n answers to a question (the median over the questions).

    Counted are the answers that are scored: those with the question's own image, if there are any.

    Nothing for training rollouts: they are answers of many policies, one after another.
    """
    if "train" in columns.origins or not len(columns):
        return ()
    asked = columns.question[columns.condition == columns.condition.min()]
    most = int(np.median(np.unique(asked, return_counts=True)[1]))
    return tuple(sorted({2**power for power in range(1, most.bit_length()) if 2**power <= most} | {most} - {0, 1}))
