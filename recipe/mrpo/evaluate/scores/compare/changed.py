"""The questions that two runs answer differently, with the texts that a reader needs; a second reading of the files."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from recipe.mrpo.evaluate.rollouts import read_rollouts
from recipe.mrpo.evaluate.scores.compare.run import Run


def changed_questions(first: Run, second: Run, parts: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row for each question whose share of right answers differs, those lost first, then by set and question.

    `parts`: by name of a run the arguments of `read_rollouts` that it was read with.
    """
    one, two = (dict(zip(run.questions, run.right.tolist(), strict=True)) for run in (first, second))
    moved = {name: (one[name], two[name]) for name in one if name in two and one[name] != two[name]}
    texts = {run.name: _texts(run, moved, parts[run.name]) for run in (first, second)}
    unknown = {run.name: dict(zip(run.questions, map(int, run.unknown), strict=True)) for run in (first, second)}
    rows = []
    for name, (before, after) in moved.items():
        about = texts[first.name].get(name) or texts[second.name].get(name) or {}
        rows.append({
            "question_id": name,
            "change": "gained" if after > before else "lost",
            "right": [before, after],
            "not_known": [unknown[run.name].get(name, 0) for run in (first, second)],
            **{key: about.get(key) for key in ("data_source", "index", "image", "question", "gold")},
            "answers": [texts[run.name].get(name, {}).get("answers", []) for run in (first, second)],
        })  # fmt: skip
    return sorted(rows, key=lambda row: (row["change"] != "lost", row["data_source"] or "", row["question_id"]))


def _texts(run: Run, wanted: Collection[str], parts: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for rollout in read_rollouts(run.path, label=run.name, left_out=lambda _: None, **parts):
        if rollout.question_id not in wanted:
            continue
        about = found.setdefault(rollout.question_id, {
            "data_source": rollout.data_source, "index": rollout.index, "image": ", ".join(rollout.image_ids),
            "question": rollout.question, "gold": list(rollout.gold), "answers": [],
        })  # fmt: skip
        about["answers"].append(rollout.answer)
    return found
