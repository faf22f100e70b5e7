"""All figures of a run as one nested dict, ready for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from recipe.mrpo.evaluate.rollouts import Rollout
from recipe.mrpo.evaluate.scores.answers import answer_scores
from recipe.mrpo.evaluate.scores.calibration import calibration_scores
from recipe.mrpo.evaluate.scores.columns import Columns, columns_of
from recipe.mrpo.evaluate.scores.groups import counts
from recipe.mrpo.evaluate.scores.judging import judge_scores
from recipe.mrpo.evaluate.scores.looking import looking_scores, prior_scores
from recipe.mrpo.evaluate.scores.options import ScoreOptions
from recipe.mrpo.evaluate.scores.reasoning import reasoning_scores
from recipe.mrpo.evaluate.scores.repeats import repeat_scores

FORMAT = 1
SHOWN = 5
"""Sentences on what was left out that the scores keep."""


def score(rollouts: Iterable[Rollout], options: ScoreOptions, *, left_out: Sequence[str] = ()) -> dict[str, Any]:
    """All figures of the rollouts of one run, read once.

    `left_out`: the sentences that the reader told; the list may fill while `rollouts` is read. Raises ValueError if
    there is no rollout, or none that the options could score.
    """
    return scores_of(columns_of(rollouts, cluster=options.cluster), options, left_out=left_out)


def scores_of(every: Columns, options: ScoreOptions, *, left_out: Sequence[str] = ()) -> dict[str, Any]:
    """All figures of columns; as `score`. Only the condition `image` counts, but for `looking`."""
    if not len(every):
        told = f"; {len(left_out)} rows were left out, the first: {left_out[0]}" if left_out else ""
        raise ValueError(f"there is no rollout to score{told}")
    columns = every.where(every.condition == 0)
    if not len(columns):
        columns = every.where(every.condition == every.condition.min())  # a run of one condition alone
    if options.answers == "verdict" and not (columns.verdict >= 0).any():
        raise ValueError(
            "no answer has a verdict: run mrpo evaluate judge with a chat judge, or set --answers reward to take the "
            "answer reward"
        )
    return {
        "format": FORMAT,
        "run": every.run,
        "source": {
            "origins": dict(sorted(every.origins.items())),
            "steps": sorted(step for step in every.training_steps if step is not None),
        },
        "options": options.plain(),
        "counts": counts(columns),
        "left_out": {
            "rows": len(left_out),
            "first": list(left_out[:SHOWN]),
            "duplicates": every.duplicates,
            "other_conditions": len(every) - len(columns),
        },
        "without_cluster": every.without_cluster,
        "answers": answer_scores(columns, options),
        "verdicts_known": int((columns.verdict >= 0).sum()),
        "reasoning": reasoning_scores(columns, options),
        "looking": looking_scores(every, options),
        "prior": prior_scores(columns, options),
        "repeats": repeat_scores(columns, options),
        "calibration": calibration_scores(columns, options),
        "judge": judge_scores(columns),
    }
