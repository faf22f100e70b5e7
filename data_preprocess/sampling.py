"""Choosing rows: balanced over groups, and by how often the start model solves them."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_preprocess.errors import DataError
from data_preprocess.text import join_text


def quotas(sizes: Mapping[Hashable, int], total: int) -> dict[Hashable, int]:
    """Rows to take from each group so that the groups are as equal as their sizes allow; sums to min(total, all rows).

    The smallest groups are taken whole and what they lack is shared by the others (water-filling). What does not
    divide evenly goes to the first groups in the order given.
    """
    out = dict.fromkeys(sizes, 0)
    remaining, open_groups = min(total, sum(sizes.values())), list(sizes)
    while remaining and open_groups:
        share, extra = divmod(remaining, len(open_groups))
        small = [g for g in open_groups if sizes[g] - out[g] <= share]
        if not small:
            for position, group in enumerate(open_groups):
                out[group] += share + (position < extra)
            return out
        for group in small:
            remaining -= sizes[group] - out[group]
            out[group] = sizes[group]
            open_groups.remove(group)
    return out


def balanced(groups: Sequence[Hashable], total: int, *, seed: int) -> list[int]:
    """Rows (their positions, ascending) that are balanced over `groups`, one group value per row."""
    members: dict[Hashable, list[int]] = {}
    for row, group in enumerate(groups):
        members.setdefault(group, []).append(row)
    generator = random.Random(seed)
    wanted = quotas({group: len(rows) for group, rows in members.items()}, total)
    return sorted(row for group, rows in members.items() for row in generator.sample(rows, wanted[group]))


@dataclass(frozen=True)
class PassRates:
    """How often a question was solved, by (question, answer) as joins compare them, out of a dump of rollouts."""

    solved: dict[tuple[str, str], tuple[int, int]]
    """(rollouts that were right, rollouts)."""

    @classmethod
    def read(cls, files: Iterable[Path], questions: Iterable[tuple[str, str]]) -> PassRates:
        """Read verl's dumps (`trainer.rollout_data_dir`): a rollout is right if `acc` is 1.

        A dump holds the prompt and the gold answer, not the row: lines are counted for the question (one of
        `questions`, with its gold answer) that stands in the prompt; the longest one if one is part of another.
        Raises DataError for a line that is none, or has no `acc`.
        """
        by_gold: dict[str, list[tuple[str, tuple[str, str]]]] = {}
        for question, answer in dict.fromkeys(questions):
            by_gold.setdefault(join_text(answer), []).append(
                (join_text(question), (join_text(question), join_text(answer)))
            )
        for candidates in by_gold.values():
            candidates.sort(key=lambda item: -len(item[0]))
        solved: Counter[tuple[str, str]] = Counter()
        asked: Counter[tuple[str, str]] = Counter()
        for file in files:
            for number, line in enumerate(_lines(file), start=1):
                try:
                    entry = json.loads(line)
                    prompt, gold, right = join_text(entry["input"]), join_text(str(entry["gts"])), float(entry["acc"])
                except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
                    raise DataError(
                        f"{file.name}, line {number} is no rollout with input, gts and acc: {error}"
                    ) from error
                key = next((key for question, key in by_gold.get(gold, ()) if question in prompt), None)
                if key is not None:
                    asked[key] += 1
                    solved[key] += right >= 1
        return cls({key: (solved[key], count) for key, count in asked.items()})

    def of(self, info: Mapping[str, Any]) -> float | None:
        """Share of right rollouts for a row; None if it is not in the dump."""
        right, count = self.solved.get((join_text(info["question"]), join_text(info["answer"])), (0, 0))
        return right / count if count else None


def _lines(file: Path) -> list[str]:
    try:
        return [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error}") from error


def curate(
    infos: Sequence[Mapping[str, Any]], rates: PassRates, *, low: float, high: float
) -> tuple[list[int], Counter[str]]:
    """Rows whose pass rate is above `low` and below `high`, and why the others are left out.

    With a group of equal rewards every advantage is 0, so questions that are always or never solved teach nothing.
    Rows without a rollout in the dump are kept.
    """
    keep, dropped = [], Counter()
    for row, info in enumerate(infos):
        rate = rates.of(info)
        if rate is not None and rate <= low:
            dropped[f"solved in at most {low:g} of its rollouts"] += 1
        elif rate is not None and rate >= high:
            dropped[f"solved in at least {high:g} of its rollouts"] += 1
        else:
            keep.append(row)
    return keep, dropped
