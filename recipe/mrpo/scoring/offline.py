"""One completion scored with the offline judge: the rewards for trainers that do not run our reward manager."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from recipe.mrpo.common.plain import plain
from recipe.mrpo.judge.overlap.judge import Thresholds, judge_steps, judge_whole
from recipe.mrpo.options.tree import load_options
from recipe.mrpo.scoring.rollout import Case, Scorer
from recipe.mrpo.scoring.row import Row


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str | Sequence[str],
    extra_info: Mapping[str, Any] | None = None,
    *,
    mrpo: Mapping[str, Any] | None = None,
    **_: Any,
) -> dict[str, float]:
    """One completion's reward: {"score": weighted sum, "acc": answer reward > tau, "reward/<name>": value, ...}.

    Steps are labelled by the offline overlap judge, whatever mrpo.judge.name says; only the `mrpo` reward manager asks
    a model. Without gold reasoning the process reward is unknown: it is left out of the sum (so it is for the whole
    group, which shares its row), "reward/process" is nan (verl wants the same keys in every row) and "process_known"
    is 0. A reward that raises an error is unknown as well and counted in "reward_errors". `mrpo` holds options over
    the defaults of options.yaml. `data_source` names the row in messages: one rule for all datasets.

    Raises OptionError or ValueError for options that make no sense, ValueError for a row without a gold answer or with
    columns that cannot be read, and RuntimeError if the answer reward cannot be computed: without it the completion is
    neither right nor wrong, and verl's stock reward managers have no word for that.
    """
    scorer, thresholds = _setup(json.dumps(plain(mrpo), sort_keys=True))
    if scorer.asks_for_verdict:
        raise ValueError(
            "mrpo.rewards.answer.mode=judge needs a judge, and this function asks none; use the reward manager mrpo, "
            "or set mrpo.rewards.answer.mode=text."
        )
    row = Row.of(ground_truth, extra_info, data_source=data_source)
    case = scorer.begin(solution_str, row)
    if case.wrong is None:
        raise RuntimeError("the answer reward cannot be computed; the log has the error")
    labels, overall = _labels(case, row, thresholds)
    score = scorer.finish(case, labels, overall)
    known = {name: value for name, value in score.values.items() if value is not None}
    return {
        "score": score.total,
        "acc": float(not case.wrong),
        "num_steps": float(len(case.steps)),
        "answer_capped": float(case.answer_parts.get("capped", math.nan)),
        "process_known": float("process" in known),
        "reward_errors": float(len(score.errors)),
        **{f"reward/{name}": known.get(name, math.nan) for name in score.values},
    }


def _labels(case: Case, row: Row, thresholds: Thresholds) -> tuple[tuple[int, ...] | None, int | None]:
    """Labels of the steps and grade of the whole by the offline judge; unknown without gold reasoning."""
    if not case.steps:
        return (), None
    if not row.gold_reasoning.strip():
        return None, None
    texts = case.step_texts
    verdicts = judge_steps(
        texts, question=row.question, answers=row.gold, gold_reasoning=row.gold_reasoning, thresholds=thresholds
    )
    whole = judge_whole(texts, verdicts, answers=row.gold, gold_reasoning=row.gold_reasoning, thresholds=thresholds)
    return tuple(verdict.label for verdict in verdicts), whole


@lru_cache(maxsize=8)
def _setup(overrides: str) -> tuple[Scorer, Thresholds]:
    options = load_options(json.loads(overrides))
    return Scorer(options), Thresholds(**options.judge.overlap)
