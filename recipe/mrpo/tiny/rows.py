"""What the builder reads of verl's parquet rows (docs/architecture.md, "Rows")."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from recipe.mrpo.rollout.steps import parse, split_steps

IMAGE = "<image>"


@dataclass(frozen=True, slots=True)
class Row:
    """One question about its images, and the sentences of its gold reasoning (none where the row has no reasoning)."""

    messages: tuple[dict, ...]
    """Chat messages; a text with ``<image>`` in it is a list of content entries, as verl makes it."""
    text: str
    """Every text of the prompt, for the tokenizer."""
    images: tuple[bytes, ...]
    answer: str
    sentences: tuple[str, ...]
    think_tag: str
    """``think``, or ``thinking`` where the prompt asks for that one."""

    def open_images(self) -> list:
        """The images in RGB (PIL), in order."""
        from PIL import Image

        return [Image.open(io.BytesIO(image)).convert("RGB") for image in self.images]


def read_rows(path: Path) -> list[Row]:
    """Rows of a parquet file, in its order. Raises ValueError naming file and row for images without a place."""
    import pandas

    table = pandas.read_parquet(path)
    missing = {"prompt", "images", "reward_model", "extra_info"} - set(table.columns)
    if missing:
        raise ValueError(f"{path} has no column {', '.join(sorted(missing))}: it was not made by data_preprocess.")
    return [_row(record, f"{path}, row {number}") for number, record in enumerate(table.to_dict("records"))]


def _row(record: dict, where: str) -> Row:
    texts = [str(message["content"]) for message in record["prompt"]]
    images, places = len(record["images"]), sum(text.count(IMAGE) for text in texts)
    if not images or images != places:
        raise ValueError(
            f"{where} has {images} images and {places} times {IMAGE}; the tiny model is taught with images."
        )
    extra = record["extra_info"] or {}
    return Row(
        messages=tuple(_message(message) for message in record["prompt"]),
        text="\n".join(text.replace(IMAGE, "") for text in texts),
        images=tuple(image["bytes"] for image in record["images"]),
        answer=str(record["reward_model"]["ground_truth"]).strip(),
        sentences=_sentences(extra.get("gold_reasoning")),
        think_tag="thinking" if any("<thinking>" in text for text in texts) else "think",
    )


def _message(message: dict) -> dict:
    texts = str(message["content"]).split(IMAGE)
    if len(texts) == 1:
        return {"role": message["role"], "content": texts[0]}
    entries = [{"type": "text", "text": texts[0]}]
    for text in texts[1:]:
        entries += [{"type": "image"}, {"type": "text", "text": text}]
    return {"role": message["role"], "content": [entry for entry in entries if entry.get("text") != ""]}


def _sentences(reasoning: str | None) -> tuple[str, ...]:
    text = f"<think>{reasoning or ''}</think>"
    return tuple(
        " ".join(text[step.start : step.end].split())
        for step in split_steps(parse(text), splitter="rules", unclosed_think="drop")
    )
