"""May two runs be compared? Not on other data, and not if other judges or rules made their figures."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from recipe.mrpo.common.printable import printable
from recipe.mrpo.evaluate.scores.compare.run import Run

OTHER = ("data", "judging")
"""Sections of the manifests that must agree; `--other data` and `--other judging` let them differ."""
TOLD = ("generation",)
"""Sections that may differ and are told."""


def check(first: Run, second: Run, *, other: Collection[str] = ()) -> list[str]:
    """What differs and may, as sentences. Raises ValueError, one sentence, for runs that are not comparable."""
    common = set(first.questions) & set(second.questions)
    if not common:
        raise ValueError(
            f"{_shown(first)} and {_shown(second)} have no question in common: a question is known by data_source, "
            "split and index; compare runs on the same data"
        )
    notes = []
    changed = _other_texts(first, second, common)
    if changed:
        sentence = (
            f"{len(changed)} of {len(common)} common questions have another text or gold answer in {_shown(second)} "
            f"than in {_shown(first)} (the first: {changed[0]})"
        )
        if "data" not in other:
            raise ValueError(f"{sentence}: the runs saw other data; --other data compares them all the same")
        notes.append(f"OTHER DATA: {sentence}.")
    notes += _manifests(first, second, other)
    return notes


def _other_texts(first: Run, second: Run, common: Collection[str]) -> list[str]:
    texts = dict(zip(first.questions, first.text, strict=True))
    return [name for name, text in zip(second.questions, second.text, strict=True)
            if name in common and texts[name] != text]  # fmt: skip


def _manifests(first: Run, second: Run, other: Collection[str]) -> list[str]:
    if first.manifest is None or second.manifest is None:
        without = [_shown(run) for run in (first, second) if run.manifest is None]
        return [
            f"No manifest in {' and '.join(without)}: the texts of the questions were compared, the judges were not."
        ]
    notes = []
    for section in (*OTHER, *TOLD):
        names = differing(first.manifest.get(section), second.manifest.get(section), section)
        if not names:
            continue
        sentence = f"{_shown(first)} and {_shown(second)} differ in {', '.join(names[:4])}" + (
            f" and {len(names) - 4} more" if len(names) > 4 else ""
        )
        if section in OTHER and section not in other:
            raise ValueError(f"{sentence}; --other {section} compares them all the same")
        notes.append(f"{sentence}.")
    return notes


def differing(first: Any, second: Any, path: str) -> list[str]:
    """Dotted names of the values that differ. Names of files do not decide, their hashes do."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        keys = [*first, *(key for key in second if key not in first)]
        return [name for key in keys if f"{path}.{key}" != "data.files"
                for name in differing(first.get(key), second.get(key), f"{path}.{printable(key, 40)}")]  # fmt: skip
    return [] if json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True) else [path]


def _shown(run: Run) -> str:
    return printable(run.name, 60)
