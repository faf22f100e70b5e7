"""Conversion to parquet: rows per second, peak memory, equal bytes of two runs, going on after kill -9.

    python benchmarks/bench_data.py --rows 13000 --kilobytes 400 --out /tmp/bench_data

Every row has a different image, so each is hashed and decoded. Three processes convert: one to the end,
one that is killed when half of its chunks are there, one that goes on. Needs 2 x rows x kilobytes of disk.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from data_preprocess.convert.images import Limits
from data_preprocess.convert.options import ConvertOptions
from data_preprocess.convert.parquet import CHUNK_ROWS
from data_preprocess.convert.run import convert
from data_preprocess.reasoning.gold import GoldReasoning
from data_preprocess.source.records import Loaded, Record
from data_preprocess.tools.shared_images import Avoid


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
    name: str = "image"

    def load(self, max_bytes: int) -> bytes:
        return self.data + self.number.to_bytes(8, "big")

    def stamp(self) -> tuple[object, ...]:
        return ("image", self.number)


def records(rows: int, data: bytes) -> Loaded:
    made = [
        Record(
            split="train", index=i, question=f"What is number {i}?", answers=("a finding",),
            image=NumberedImage(data, i), image_id=f"{i}.jpg", file="bench", where=i,
        )
        for i in range(rows)
    ]  # fmt: skip
    return Loaded(records=made)


def convert_here(rows: int, data: bytes, out: Path) -> dict[str, Any]:
    """Convert in this process; what it took."""
    options = ConvertOptions(
        out=out, splits=(), open_only=False, limit=None, backbone="qwen2_5_vl", reasoning="optional", sft=False,
        drop_duplicates=False, skip_bad=False, image_policy="convert", limits=Limits(2**26, 10**8, 4, 8, 10**9),
        avoid=Avoid((), max_bits=None),
    )  # fmt: skip
    begun, cpu = time.perf_counter(), time.process_time()
    result = convert(
        records(rows, data), options, data_source="bench", may_leave_machine=True, gold=GoldReasoning(),
        progress=lambda items, label, total: items,
    )  # fmt: skip
    return {
        "seconds": time.perf_counter() - begun,
        "cpu_seconds": time.process_time() - cpu,
        "kept": result.splits[0].kept,
        "peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def start(args: argparse.Namespace, image: Path) -> subprocess.Popen:
    command = [sys.executable, __file__, "--rows", str(args.rows), "--out", str(args.out), "--only-convert", str(image)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen) -> dict[str, Any]:
    printed, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"the conversion ended with status {process.returncode}")
    return json.loads(printed)


def kill_halfway(process: subprocess.Popen, args: argparse.Namespace) -> None:
    """SIGKILL when half of the chunks are there."""
    half = -(-args.rows // CHUNK_ROWS) // 2
    while sum(1 for _ in args.out.glob(".train.parquet.parts/*.json")) < half:
        if process.poll() is not None:
            raise SystemExit("the conversion ended before it could be killed")
        time.sleep(0.05)
    process.kill()
    process.communicate()


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
    parser.add_argument("--out", type=Path, required=True, help="an empty folder; it is removed at the end")
    parser.add_argument("--only-convert", type=Path, metavar="IMAGE", help=argparse.SUPPRESS)  # of the processes
    args = parser.parse_args()
    if args.only_convert:
        print(json.dumps(convert_here(args.rows, args.only_convert.read_bytes(), args.out)))
        return
    args.out.mkdir(parents=True)
    image, file = args.out / "image.jpg", args.out / "train.parquet"
    image.write_bytes(noise_jpeg(args.kilobytes))
    whole = finish(start(args, image))
    first, size = file_hash(file), file.stat().st_size
    file.unlink()
    kill_halfway(start(args, image), args)
    left = sorted(path.name for path in args.out.iterdir())
    rest = finish(start(args, image))
    report = {
        "rows": args.rows,
        "image_bytes": image.stat().st_size + 8,
        "seconds": round(whole["seconds"], 1),
        "rows_per_second": round(args.rows / whole["seconds"], 1),
        "rows_per_cpu_second": round(args.rows / whole["cpu_seconds"], 1),
        "peak_memory_mib": max(whole["peak_memory_mib"], rest["peak_memory_mib"]),
        "file_bytes": size,
        "left_by_the_killed_process": left,
        "rows_kept_of_the_killed_process": rest["kept"],
        "seconds_to_go_on": round(rest["seconds"], 1),
        "equal_bytes": file_hash(file) == first,
    }
    shutil.rmtree(args.out)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
