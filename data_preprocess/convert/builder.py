"""One split on its way into its parquet file: images are read and checked, rows are made chunk by chunk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from data_preprocess.convert import images
from data_preprocess.convert.images import ImageInfo
from data_preprocess.convert.options import ConvertOptions
from data_preprocess.convert.parquet import CHUNK_ROWS, PartFile
from data_preprocess.convert.prompts import think_tag
from data_preprocess.convert.result import SplitResult
from data_preprocess.convert.schema import RL_SCHEMA, SFT_SCHEMA, make_row
from data_preprocess.source.errors import BadRow, DamagedFile
from data_preprocess.source.image_refs import digest
from data_preprocess.source.records import Record
from recipe.mrpo.common import images as common_images

THREADS = 2
"""Images hashed and decoded at a time; Pillow and hashlib let other threads run meanwhile. Each may hold a whole
decoded image, so this bounds memory."""


class Builder:
    """One split on its way into its parquet file."""

    def __init__(
        self,
        records: list[Record],
        result: SplitResult,
        options: ConvertOptions,
        data_source: str,
        may_leave_machine: bool,
    ):
        self.records, self.result, self.options = records, result, options
        self.data_source, self.may_leave_machine = data_source, may_leave_machine
        self.tag = think_tag(options.backbone)
        self.schema = SFT_SCHEMA if options.sft else RL_SCHEMA
        self.parts = PartFile(result.path, schema=self.schema, fingerprint=self._fingerprint())
        self._known: dict[str, ImageInfo] = {}

    def build(self, progress: Callable[[Iterable, str, int], Iterable]) -> list[BadRow]:
        """Make the parts that are not there yet; returns the rows that cannot be used."""
        bad: list[BadRow] = []
        with ThreadPoolExecutor(THREADS) as pool:
            for chunk, records in progress(self._chunks(), self.result.split, self._count()):
                report = self.parts.report(chunk)
                if report is None:
                    rows, report = self._rows(records, pool)
                    self.parts.put(chunk, rows, report)
                else:
                    self.result.kept += len(records)
                bad += [BadRow(*fault) for fault in report["bad"]]
                self._note(report)
        self.result.dropped["bad image or row (--skip-bad)"] = len(bad)
        return bad

    def assemble(self, progress: Callable[[Iterable, str, int], Iterable]) -> None:
        count = self._count()
        chunks = progress(range(count), f"{self.result.split}, writing the file", count)
        self.result.whole = self.parts.assemble(chunks)

    def _count(self) -> int:
        return -(-len(self.records) // CHUNK_ROWS)

    def _chunks(self) -> Iterator[tuple[int, list[Record]]]:
        for chunk in range(self._count()):
            yield chunk, self.records[chunk * CHUNK_ROWS : (chunk + 1) * CHUNK_ROWS]

    def _rows(self, records: list[Record], pool: ThreadPoolExecutor) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        rows, report = [], {"bad": [], "avoided": [], "converted": [], "rows": []}
        loaded = [self._load(record) for record in records]  # in order: some sources can only be read forwards
        for record, made in zip(records, pool.map(self._row, records, loaded), strict=True):
            if isinstance(made, BadRow):
                report["bad"].append([str(made.file), made.row, made.reason])
                continue
            row, before = made
            sha256 = row["extra_info"]["image_sha256"]
            reason = self.options.avoid.reason(sha256, row["images"][0]["bytes"])
            if reason is not None:
                report["avoided"].append(reason)
                continue
            rows.append(row)
            extra = row["extra_info"]
            has_gold = extra["gold_reasoning"] is not None
            report["rows"].append([record.is_open, has_gold, sha256, extra["answer_type"], extra["image_quirks"]])
            if before != extra["image_sha256"]:
                report["converted"].append(
                    {
                        "image_id": record.image_id,
                        "quirks": ", ".join(extra["image_quirks"]),
                        "sha256_before": before,
                        "sha256_after": extra["image_sha256"],
                    }
                )
        return rows, report

    def _load(self, record: Record) -> bytes | BadRow:
        try:
            return record.image.load(self.options.limits.max_bytes)
        except DamagedFile:
            raise
        except (OSError, ValueError) as error:
            return record.bad(f"image {record.image_id}: {error}")

    def _row(self, record: Record, data: bytes | BadRow) -> tuple[dict[str, Any], str] | BadRow:
        """The row and the hash of the source's bytes, or its fault; runs in several threads."""
        if isinstance(data, BadRow):
            return data
        too_long = self.options.texts.problem(record)
        if too_long is not None:
            return record.bad(too_long)
        limits, policy = self.options.limits, self.options.image_policy
        try:
            before = digest(data)
            if before not in self._known:
                self._known[before] = images.inspect(data, limits)
            quirks = self._known[before].quirks
            needs = sorted(images.NEEDS_CONVERSION.intersection(quirks))
            if needs and policy == "fail":
                raise ValueError(f"the image has {', '.join(needs)}, which verl would show wrongly (--image-policy)")
            if needs and policy == "convert":
                data = images.to_plain(data)
        except (OSError, ValueError) as error:
            return record.bad(f"image {record.image_id}: {error}")
        try:
            row = make_row(
                record,
                data,
                sha256=digest(data) if needs else before,
                quirks=quirks,
                data_source=self.data_source,
                tag=self.tag,
                may_leave_machine=self.may_leave_machine,
                sft=self.options.sft,
            )
        except BadRow as error:
            return error
        return row, before

    def _note(self, report: dict[str, Any]) -> None:
        result = self.result
        result.dropped.update(report["avoided"])
        for is_open, has_gold, sha256, answer_type, quirks in report["rows"]:
            result.rows += 1
            result.open_rows += is_open
            result.gold_rows += has_gold
            result.images.add(sha256)
            result.answer_types[answer_type] += 1
            result.quirks.update(quirks)
        for entry in report["converted"]:
            if entry not in result.converted:
                result.converted.append(entry)

    def _fingerprint(self) -> str:
        """Hash of all that the rows of this file depend on, so that parts of another run are never mixed in."""
        options = self.options
        facts = [
            str(self.schema),
            self.tag,
            options.image_policy,
            repr(options.limits),
            repr(options.texts),
            options.sft,
        ]
        facts += [self.data_source, self.may_leave_machine, options.avoid.fingerprint(), CHUNK_ROWS, code_hash()]
        hasher = hashlib.sha256(json.dumps(facts).encode())
        for record in self.records:
            hasher.update(repr((record.image_id, record.image.stamp())).encode())
            hasher.update(repr([getattr(record, name) for name in record.__slots__ if name != "image"]).encode())
        return hasher.hexdigest()


PACKAGE = Path(__file__).parents[1]
"""`data_preprocess` with all its rooms."""


@cache
def code_hash(package: Path = PACKAGE) -> str:
    """sha256 of the source that makes rows (all rooms of the package, and the image code it shares with the judge).

    Rows of two versions are never mixed in one file.
    """
    hasher = hashlib.sha256()
    for file in (*sorted(package.rglob("*.py")), Path(common_images.__file__)):
        hasher.update(file.read_bytes())
    return hasher.hexdigest()
