"""Choosing rows: balanced over groups, and by how often the start model solves them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_preprocess.source.errors import DataError
from data_preprocess.source.text import join_text
from recipe.mrpo.common.jsonl import numbered_rows


def quotas(sizes: Mapping[Hashable, int], total: int) -> dict[Hashable, int]:
    """Rows to take from each group so that the groups are as equal as their sizes allow; sums to min(total, all rows).

    The smallest groups are taken whole, and the others share the rest (water-filling). Rows that do not divide evenly
    go to the first groups in the order given.
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


Identity = tuple[str, str, str, str]
"""data_source, split, index and question: the row, and a guard against a dump of another layout of the same set."""


@dataclass(frozen=True)
class PassRates:
    """How often each row was solved, out of a run's dumps."""

    solved: dict[Identity, tuple[int, int]]
    """(rollouts that were right, rollouts)."""

    @classmethod
    def read(cls, paths: Iterable[Path]) -> PassRates:
        """Read dumps of a run with this project's reward manager, files or folders of them.

        `trainer.rollout_data_dir` and `trainer.validation_data_dir` hold a line per rollout; its `mrpo` record names
        the row (recipe/mrpo/rollout/record.py, `case`), and `acc` is 1 where the answer reward is above tau.
        Raises DataError for a line without them, a broken line that is not the last, or a folder without dumps.
        """
        solved: Counter[Identity] = Counter()
        asked: Counter[Identity] = Counter()
        for file in dump_files(paths):
            try:
                for number, line in numbered_rows(file):
                    identity, right = _rollout(line, f"{file.name}, line {number}")
                    asked[identity] += 1
                    solved[identity] += right
            except OSError as error:
                raise DataError(f"{file} cannot be read: {error}") from error
            except DataError:
                raise
            except ValueError as error:
                raise DataError(str(error)) from error
        return cls({key: (solved[key], count) for key, count in asked.items()})

    def of(self, info: Mapping[str, Any]) -> float | None:
        """Share of right rollouts for a row (`extra_info` with `data_source`); None if it is not in the dumps."""
        right, count = self.solved.get(_identity(info, info["question"]), (0, 0))
        return right / count if count else None


def dump_files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        found = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
        if not found:
            raise DataError(f"{path} holds no *.jsonl")
        yield from found


def _identity(facts: Mapping[str, Any], question: str) -> Identity:
    return facts["data_source"], facts["split"], str(facts["index"]), join_text(question)


def _rollout(line: Any, where: str) -> tuple[Identity, bool]:
    try:
        case = line["mrpo"]["case"]
        identity, right = _identity(case, case["question"]), float(line["acc"])
        hash(identity)  # a list in the place of a text
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DataError(
            f"{where} has no acc and mrpo.case with data_source, split, index and question ({error}): it must come "
            "from a run with this project's reward manager"
        ) from error
    return identity, right >= 1


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
            dropped[f"right in at most {low:g} of its rollouts"] += 1
        elif rate is not None and rate >= high:
            dropped[f"right in at least {high:g} of its rollouts"] += 1
        else:
            keep.append(row)
    return keep, dropped
