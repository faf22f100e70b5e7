"""The card beside each parquet file: its content, its source, the rows that were left out and why."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from data_preprocess.convert.result import Result, SplitResult
from data_preprocess.datasets import DatasetInfo
from data_preprocess.source.records import Loaded


def card_texts(
    result: Result,
    loaded: Loaded,
    info: DatasetInfo,
    *,
    options: dict[str, Any],
    revision: str | None,
    gold_files: list[Path],
) -> dict[Path, str]:
    """`<split>.card.json` and `<split>.card.md` of every split, without dates or paths of this machine.

    `options`: the options of the command, by name; a file is given as its hash.
    """
    sources, gold = file_digests(loaded.files), file_digests(gold_files)
    texts: dict[Path, str] = {}
    for split in result.splits:
        card = make_card(split, result, loaded, info, options=options, revision=revision, sources=sources, gold=gold)
        texts |= {card_path(split.path): as_json(card), split.path.with_suffix(".card.md"): as_markdown(card)}
    return texts


def card_path(parquet: Path) -> Path:
    return parquet.with_suffix(".card.json")


def as_json(card: dict[str, Any]) -> str:
    return json.dumps(card, indent=2, ensure_ascii=False) + "\n"


def make_card(
    split: SplitResult,
    result: Result,
    loaded: Loaded,
    info: DatasetInfo,
    *,
    options: dict[str, Any],
    revision: str | None,
    sources: dict[str, str],
    gold: dict[str, str],
) -> dict[str, Any]:
    """The card as plain data; every number in it was counted on the rows that were written."""
    leaves = info.may_leave_machine if loaded.may_leave_machine is None else loaded.may_leave_machine
    size = f"{split.open_rows} open questions; the study has {info.open_test_size}" if info.open_test_size else None
    return {
        "title": info.title,
        "data_source": loaded.data_source or info.data_source,
        "split": split.split,
        "homepage": info.homepage,
        "hub": {"repository": info.hub, "revision": revision},
        "licence": loaded.licence or info.licence,
        "citation": info.citation,
        "caution": info.caution,
        "may_leave_machine": leaves,
        "source_files_sha256": sources,
        "notes": result.notes,
        "options": options,
        "parquet": parquet_facts(split.path, split.whole or split.path),
        "rows": split.rows,
        "open_rows": split.open_rows,
        "yes_no_rows": split.rows - split.open_rows,
        "answer_types": dict(sorted(split.answer_types.items())),
        "test_size": size if split.split == "test" else None,
        "images": {
            "different": len(split.images),
            "quirks": dict(sorted(split.quirks.items())),
            "converted_to_png": split.converted,
        },
        "gold_reasoning": {"rows": split.gold_rows, "join": split.join.summary(), "files": gold},
        "dropped": {reason: count for reason, count in split.dropped.items() if count},
        "bad": [str(error) for error in result.bad],
    }


def as_markdown(card: dict[str, Any]) -> str:
    """The card for reading."""
    lines = [f"# {card['title']}, {card['split']}", ""]
    if not card["may_leave_machine"]:
        lines += ["**This data may not leave the machine.**", ""]
    if card["caution"]:
        lines += [card["caution"], ""]
    hub = card["hub"]
    facts = {
        "data_source": card["data_source"],
        "Source": card["homepage"],
        "Hugging Face": f"{hub['repository']} at {hub['revision']}" if hub["revision"] else None,
        "Licence": card["licence"],
        "Cite": card["citation"],
        "Rows": f"{card['rows']} ({card['open_rows']} open, {card['yes_no_rows']} yes/no)",
        "Answer types of the source": ", ".join(f"{name} {count}" for name, count in card["answer_types"].items()),
        "Test size": card["test_size"],
        "Images": f"{card['images']['different']} different",
        "With gold reasoning": card["gold_reasoning"]["rows"],
        "File": f"{card['parquet']['file']}, {card['parquet']['bytes']:,} bytes, sha256 `{card['parquet']['sha256']}`",
    }
    rows = [f"| {name} | {value} |" for name, value in facts.items() if value not in (None, "")]
    lines += ["| | |", "| --- | --- |", *rows]
    sections = {
        "Left out": [f"{count}: {reason}" for reason, count in card["dropped"].items()],
        "Notes": card["notes"],
        "Image quirks": [f"{count} rows: {quirk}" for quirk, count in card["images"]["quirks"].items()],
        "Images stored as 8-bit PNG instead of their original bytes": [
            f"{entry['image_id']} ({entry['quirks']})" for entry in card["images"]["converted_to_png"]
        ],
        "Bad rows": card["bad"],
        "Gold reasoning join": [f"{count} {kind}" for kind, count in card["gold_reasoning"]["join"].items()],
        "Source files": [f"{name}: sha256 `{sha256}`" for name, sha256 in card["source_files_sha256"].items()],
    }
    for title, items in sections.items():
        if items:
            lines += ["", f"## {title}", "", *(f"- {item}" for item in items)]
    return "\n".join(lines) + "\n"


def parquet_facts(path: Path, whole: Path) -> dict[str, Any]:
    """Name, size and hash of a parquet file; its content still lies in `whole`."""
    return {"file": path.name, "bytes": whole.stat().st_size, "sha256": file_digest(whole)}


def file_digests(files: Iterable[Path]) -> dict[str, str]:
    """sha256 by name; files of one name get as much of their folders' names as tells them apart."""
    # Absolute, so that no path is the end of another one: then the whole path, at least, tells them apart.
    different = list(dict.fromkeys(Path(os.path.abspath(file)) for file in files))
    parts = [file.parts for file in different]
    named = {}
    for file, own in zip(different, parts, strict=True):
        length = next(n for n in range(1, len(own) + 1) if sum(other[-n:] == own[-n:] for other in parts) == 1)
        named["/".join(own[-length:])] = file_digest(file)
    return named


def file_digest(file: Path) -> str:
    """sha256 of a file of any size."""
    hasher = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(2**20):
            hasher.update(block)
    return hasher.hexdigest()
