"""What the data tests share besides fixtures: where the sample lies, drawing images, reading rows."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow.parquet as pq
from PIL import Image

VQA_RAD = Path(__file__).parents[3] / "examples" / "data" / "vqa_rad_sample"
GOLD = VQA_RAD / "gold_reasoning.jsonl"


def draw(format: str = "PNG", size: tuple[int, int] = (40, 30), mode: str = "RGB", **save) -> bytes:
    """A small image with a gradient, so that a flip, a rotation or a wrong scale shows."""
    grey = Image.linear_gradient("L").resize(size)
    image = grey if mode == "L" else grey.convert(mode)
    out = io.BytesIO()
    image.save(out, format=format, **save)
    return out.getvalue()


def read_rows(path: Path) -> list[dict]:
    return pq.read_table(path).to_pylist()
