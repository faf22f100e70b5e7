"""Conversion to parquet: rows per second, peak memory, equal bytes of two runs, going on after an interruption.

    python benchmarks/bench_data.py --rows 13000 --kilobytes 400 --out /tmp/bench_data

Every row has an image of its own (other bytes, so each is hashed and decoded). Needs 2 x rows x kilobytes of disk.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import resource
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from data_preprocess.convert import Options, convert
from data_preprocess.gold import GoldReasoning
from data_preprocess.images import Limits
from data_preprocess.overlap import Avoid
from data_preprocess.records import Loaded, Record


def noise_jpeg(kilobytes: int) -> bytes:
    """A JPEG of about that size: smooth shapes with noise, like a radiograph."""
    side, quality = 1024, 95
    generator = np.random.default_rng(0)
    y, x = np.mgrid[0:side, 0:side] / side
    for noise in range(1, 60):
        pixels = 128 + 80 * np.sin(7 * x + 3 * y) + generator.normal(0, noise, (side, side))
        out = io.BytesIO()
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(out, format="JPEG", quality=quality)
        if out.tell() >= kilobytes * 1000:
            break
    return out.getvalue()


@dataclass(frozen=True)
class NumberedImage:
    """The same picture with a number behind its end, which no reader sees: other bytes, other hash."""

    data: bytes
    number: int
    stop_at: int | None
    name: str = "image"

    def __str__(self) -> str:
        return f"image {self.number}"

    def load(self, max_bytes: int) -> bytes:
        if self.number == self.stop_at:
            raise KeyboardInterrupt
        return self.data + self.number.to_bytes(8, "big")


def records(rows: int, data: bytes, stop_at: int | None) -> Loaded:
    made = [
        Record(
            split="train", index=i, question=f"What is number {i}?", answers=("a finding",),
            image=NumberedImage(data, i, stop_at), image_id=f"{i}.jpg", file="bench", where=i,
        )
        for i in range(rows)
    ]  # fmt: skip
    return Loaded(records=made)


def run(rows: int, data: bytes, out: Path, stop_at: int | None = None) -> float:
    """Convert; returns seconds."""
    options = Options(
        out=out, splits=(), open_only=False, limit=None, backbone="qwen2_5_vl", reasoning="optional", sft=False,
        drop_duplicates=False, skip_bad=False, image_policy="convert", limits=Limits(2**26, 10**8, 4),
        avoid=Avoid((), max_bits=None),
    )  # fmt: skip
    begun = time.perf_counter()
    convert(
        records(rows, data, stop_at), options, data_source="bench", may_leave_machine=True, gold=GoldReasoning(),
        progress=lambda items, label, total: items,
    )  # fmt: skip
    return time.perf_counter() - begun


def file_hash(file: Path) -> str:
    hasher = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(2**20):
            hasher.update(block)
    return hasher.hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=13000)
    parser.add_argument("--kilobytes", type=int, default=400)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    data = noise_jpeg(args.kilobytes)
    file = args.out / "train.parquet"
    seconds = run(args.rows, data, args.out)
    first, size = file_hash(file), file.stat().st_size
    file.unlink()
    try:
        run(args.rows, data, args.out, stop_at=args.rows // 2)
    except KeyboardInterrupt:
        parts = sum(1 for _ in args.out.glob(".train.parquet.parts/*.parquet"))
    rest = run(args.rows, data, args.out)
    report = {
        "rows": args.rows,
        "image_bytes": len(data) + 8,
        "seconds": round(seconds, 1),
        "rows_per_second": round(args.rows / seconds, 1),
        "file_bytes": size,
        "peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "interrupted_after_chunks": parts,
        "seconds_to_go_on": round(rest, 1),
        "equal_bytes": file_hash(file) == first,
    }
    shutil.rmtree(args.out)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
