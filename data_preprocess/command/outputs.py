"""Files that a command will write: not inputs, not folders; files of another source are reported."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from data_preprocess.convert.card import card_path
from data_preprocess.source.errors import DataError
from data_preprocess.source.mapping import SPLITS


def with_cards(parquet: Path) -> list[Path]:
    """A parquet file and the two cards beside it."""
    return [parquet, card_path(parquet), parquet.with_suffix(".card.md")]


def refuse_overwriting(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Raises DataError if a file to write is one of the inputs, under whatever name, or is a folder."""
    inputs = list(inputs)
    for output in outputs:
        if output.is_dir():
            raise DataError(f"{output} is a folder; a file of that name is to be written, so name another")
        for source in inputs:
            if same_file(output, source):
                raise DataError(f"{output} is an input of this command; name another file to write")


def refuse_inside(out: Path, folders: Iterable[Path], *, below: Iterable[Path] = ()) -> None:
    """Raises DataError if the folder `out` is one of the folders that are read, or lies below one of `below`."""
    place = _real(out)
    for folder in folders:
        if place == _real(folder):
            raise DataError(f"--out {out} is a folder that this command reads ({folder}); name another one")
    for folder in below:
        if _real(folder) in place.parents:
            raise DataError(f"--out {out} lies inside {folder}, which this command reads; name another one")


def same_file(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:  # one is not there
        return _real(one) == _real(other)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def strangers(out: Path, written: Iterable[Path]) -> list[str]:
    """Sentences about files of other splits in `out` that were not made from the same source in the same form."""
    written = list(written)
    card = _card(written[0]) if written else None
    told = []
    for split in SPLITS:
        file = out / f"{split}.parquet"
        if card is None or file in written or not file.exists():
            continue
        why = _difference(card, _card(file))
        if why:
            told.append(f"{file} is left from an earlier run: {why}; remove it, or write it anew")
    return told


def _card(parquet: Path) -> dict[str, Any] | None:
    try:
        card = json.loads(card_path(parquet).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return card if isinstance(card, dict) else None


def _difference(new: dict[str, Any], old: dict[str, Any] | None) -> str | None:
    """Why two cards do not belong to one data set in one form; None: they may belong together."""
    if old is None:
        return "no card of this package lies beside it"
    if old.get("data_source") != new["data_source"]:
        return f"its data_source is {old.get('data_source')}, not {new['data_source']}"
    files, before = new["source_files_sha256"], old.get("source_files_sha256")
    before = before if isinstance(before, dict) else {}
    changed = [name for name in files if before.get(name, files[name]) != files[name]]
    if changed:
        return f"it was made from another {changed[0]}"
    if old.get("hub") != new["hub"]:
        return "it was made from another revision"
    options = old.get("options") if isinstance(old.get("options"), dict) else {}
    for name in ("backbone", "sft"):
        if options.get(name) != new["options"].get(name):
            return f"it was made with another --{name}"
    return None
