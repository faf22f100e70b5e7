"""What the builder reads of verl's parquet rows (docs/architecture.md, "Rows")."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from recipe.mrpo.rollout.steps import parse, split_steps


@dataclass(frozen=True, slots=True)
class Row:
    """One question about one image, and the sentences of its gold reasoning (none where the row has no reasoning)."""

    messages: tuple[dict, ...]
    """Chat messages; a text with ``<image>`` in it is a list of content entries, as verl makes it."""
    text: str
    """Every text of the prompt, for the tokenizer."""
    image: bytes
    answer: str
    sentences: tuple[str, ...]
    think_tag: str
    """``think``, or ``thinking`` where the prompt asks for that one."""

    def open_image(self):
        """The image in RGB (PIL)."""
        from PIL import Image

        return Image.open(io.BytesIO(self.image)).convert("RGB")


def read_rows(path: Path) -> list[Row]:
    """Rows of a parquet file, in its order. Raises ValueError naming the file for a row without exactly one image."""
    import pandas

    table = pandas.read_parquet(path)
    missing = {"prompt", "images", "reward_model", "extra_info"} - set(table.columns)
    if missing:
        raise ValueError(f"{path} has no column {', '.join(sorted(missing))}: it was not made by data_preprocess.")
    return [_row(record, f"{path}, row {number}") for number, record in enumerate(table.to_dict("records"))]


def _row(record: dict, where: str) -> Row:
    if len(record["images"]) != 1:
        raise ValueError(f"{where} has {len(record['images'])} images; the tiny model is taught with one a row.")
    texts = [str(message["content"]) for message in record["prompt"]]
    extra = record["extra_info"] or {}
    return Row(
        messages=tuple(_message(message) for message in record["prompt"]),
        text="\n".join(text.replace("<image>", "") for text in texts),
        image=record["images"][0]["bytes"],
        answer=str(record["reward_model"]["ground_truth"]).strip(),
        sentences=_sentences(extra.get("gold_reasoning")),
        think_tag="thinking" if any("<thinking>" in text for text in texts) else "think",
    )


def _message(message: dict) -> dict:
    before, mark, after = str(message["content"]).partition("<image>")
    if not mark:
        return {"role": message["role"], "content": before}
    entries = [{"type": "text", "text": before}, {"type": "image"}, {"type": "text", "text": after}]
    return {"role": message["role"], "content": [entry for entry in entries if entry.get("text") != ""]}


def _sentences(reasoning: str | None) -> tuple[str, ...]:
    text = f"<think>{reasoning or ''}</think>"
    return tuple(
        " ".join(text[step.start : step.end].split())
        for step in split_steps(parse(text), splitter="rules", unclosed_think="drop")
    )
