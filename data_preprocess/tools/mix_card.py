"""The card of a file that was made of other parquet files of this package: a training mix, a sample."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_preprocess.convert.card import as_json, card_path, file_digests, parquet_facts
from data_preprocess.source.errors import DataError
from data_preprocess.source.text import is_yes_no
from data_preprocess.source.text_files import read_json
from data_preprocess.tools.rows import infos

NO_CARD = "unknown: no card lies beside the file"


def mix_texts(out: Path, whole: Path, files: Sequence[Path], *, options: dict[str, Any]) -> dict[Path, str]:
    """`<name>.card.json` and `<name>.card.md` of `out`, made of `files`; its content still lies in `whole`."""
    card = make_mix_card(out, whole, files, options=options)
    return {card_path(out): as_json(card), out.with_suffix(".card.md"): mix_markdown(card)}


def make_mix_card(out: Path, whole: Path, files: Sequence[Path], *, options: dict[str, Any]) -> dict[str, Any]:
    """The card as plain data: counted on the rows that were written; licences are those of the files' own cards.

    Raises DataError if a card beside one of the files is not a JSON object.
    """
    facts = infos(whole)
    different = list(dict.fromkeys(Path(os.path.abspath(file)) for file in files))
    sources = {
        name: {"sha256": sha256, **_terms(file)}
        for (name, sha256), file in zip(file_digests(different).items(), different, strict=True)
    }
    return {
        "title": out.stem,
        "may_leave_machine": all(info["may_leave_machine"] for info in facts),
        "made_of": sources,
        "options": options,
        "parquet": parquet_facts(out, whole),
        "rows": len(facts),
        "open_rows": sum(not is_yes_no(info["answer"]) for info in facts),
        "rows_with_gold_reasoning": sum(info["gold_reasoning"] is not None for info in facts),
        "different_images": len({info["image_sha256"] for info in facts}),
        "data_sources": dict(sorted(Counter(info["data_source"] for info in facts).items())),
        "answer_types": dict(sorted(Counter(info["answer_type"] for info in facts).items())),
    }


def _terms(file: Path) -> dict[str, Any]:
    """The terms of use by the card beside a file."""
    path = card_path(file)
    if not path.is_file():
        return {"licence": NO_CARD}
    card = read_json(path)
    if not isinstance(card, dict):
        raise DataError(f"{path.name} is not a data set card: it must be a JSON object")
    made_of = card.get("made_of")
    if made_of is not None:  # a mix of mixes
        if not isinstance(made_of, dict) or not all(isinstance(terms, dict) for terms in made_of.values()):
            raise DataError(f"{path.name} is not a data set card: made_of must hold the files with their terms")
        return {"licence": {name: terms.get("licence", NO_CARD) for name, terms in made_of.items()}}
    return {name: card.get(name) for name in ("title", "licence", "homepage", "citation", "hub", "caution")}


def mix_markdown(card: dict[str, Any]) -> str:
    """The card for reading."""
    lines = [f"# {card['title']}", ""]
    if not card["may_leave_machine"]:
        lines += ["**Rows of this file may not leave the machine.**", ""]
    parquet = card["parquet"]
    facts = {
        "Rows": f"{card['rows']} ({card['open_rows']} open)",
        "By data_source": ", ".join(f"{name} {count}" for name, count in card["data_sources"].items()),
        "Answer types": ", ".join(f"{name} {count}" for name, count in card["answer_types"].items()),
        "Images": f"{card['different_images']} different",
        "With gold reasoning": card["rows_with_gold_reasoning"],
        "File": f"{parquet['file']}, {parquet['bytes']:,} bytes, sha256 `{parquet['sha256']}`",
    }
    lines += ["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in facts.items())]
    lines += ["", "## Made of", ""]
    for name, source in card["made_of"].items():
        licence = source["licence"]
        licence = "; ".join(f"{n}: {v}" for n, v in licence.items()) if isinstance(licence, dict) else licence
        lines.append(f"- {name}: licence {licence}; sha256 `{source['sha256']}`")
    return "\n".join(lines) + "\n"
