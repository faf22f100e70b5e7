"""What the data tests share besides fixtures: where the sample lies, drawing images, reading rows."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from data_preprocess.__main__ import main

ROOT = Path(__file__).parents[3]
VQA_RAD = ROOT / "examples" / "data" / "vqa_rad_sample"
GOLD = VQA_RAD / "gold_reasoning.jsonl"


def draw(format: str = "PNG", size: tuple[int, int] = (40, 30), mode: str = "RGB", **save) -> bytes:
    """A small image with a gradient, so that a flip, a rotation or a wrong scale shows."""
    grey = Image.linear_gradient("L").resize(size)
    image = grey if mode == "L" else grey.convert(mode)
    out = io.BytesIO()
    image.save(out, format=format, **save)
    return out.getvalue()


def turned() -> bytes:
    """A JPEG that a viewer turns by 90 degrees."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return draw("JPEG", exif=exif)


def read_rows(path: Path) -> list[dict]:
    return pq.read_table(path).to_pylist()


SAMPLES = Path(__file__).parents[2] / "data"


def run(dataset: str, source: Path, out: Path, *options: str) -> int:
    """`python -m data_preprocess <dataset>` in this process."""
    return main([dataset, "--source", str(source), "--out", str(out), *map(str, options)])


def write_hf(folder: Path, name: str, rows: list[dict], *, group: int = 3) -> Path:
    """A Hugging Face parquet file with row groups of its own."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=group)
    return path


def hf_image(data: bytes, path: str | None = None) -> dict:
    return {"bytes": data, "path": path}


@dataclass(frozen=True, slots=True)
class MemoryImage:
    """Bytes at hand (tests, small sets)."""

    name: str
    data: bytes

    def load(self, max_bytes: int) -> bytes:
        return self.data

    def stamp(self) -> tuple[object, ...]:
        return self.name, hashlib.sha256(self.data).hexdigest()
