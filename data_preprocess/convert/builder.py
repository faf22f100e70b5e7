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
from recipe.mrpo.common.signals import signals_wait

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
        with signals_wait() as check_signals, ThreadPoolExecutor(THREADS) as pool:
            for chunk, records in progress(self._chunks(), self.result.split, self._count()):
                check_signals()
                report = self.parts.report(chunk)
                if report is None:
                    rows, report = self._rows(records, pool, check_signals)
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

    def _rows(
        self, records: list[Record], pool: ThreadPoolExecutor, check_signals: Callable[[], None]
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        rows, report = [], {"bad": [], "avoided": [], "converted": [], "rows": []}
        loaded = []
        for record in records:  # in order: some sources can only be read forwards
            check_signals()
            loaded.append(self._load(record))
        for record, made in zip(records, pool.map(self._row, records, loaded), strict=True):
            check_signals()
            if isinstance(made, BadRow):
                report["bad"].append([str(made.file), made.row, made.reason])
                continue
            row, before = made
            extra = row["extra_info"]
            reasons = (
                self.options.avoid.reason(sha256, image["bytes"])
                for sha256, image in zip(extra["image_hashes"], row["images"], strict=True)
            )
            reason = next((reason for reason in reasons if reason is not None), None)
            if reason is not None:
                report["avoided"].append(reason)
                continue
            rows.append(row)
            has_gold = extra["gold_reasoning"] is not None
            hashes, quirks = extra["image_hashes"], extra["image_quirks"]
            report["rows"].append([record.is_open, has_gold, hashes, extra["answer_type"], quirks])
            for name, (sha256_before, own_quirks), sha256 in zip(extra["image_names"], before, hashes, strict=True):
                if sha256_before != sha256:
                    report["converted"].append(
                        {
                            "image_id": name,
                            "quirks": ", ".join(own_quirks),
                            "sha256_before": sha256_before,
                            "sha256_after": sha256,
                        }
                    )
        return rows, report

    def _load(self, record: Record) -> list[bytes] | BadRow:
        """The bytes of the row's images; no more of them than a row may have are read."""
        limits, loaded = self.options.limits, []
        for image, name in record.images:
            if len(loaded) == limits.max_images:
                more = f"the row has {len(record.images)} images, more than the {limits.max_images} of --max-images"
                return record.bad(more)
            try:
                loaded.append(image.load(limits.max_bytes))
            except DamagedFile:
                raise
            except (OSError, ValueError) as error:
                return record.bad(f"image {name}: {error}")
        return loaded

    def _row(
        self, record: Record, loaded: list[bytes] | BadRow
    ) -> tuple[dict[str, Any], list[tuple[str, tuple[str, ...]]]] | BadRow:
        """The row with hash and quirks of each image of the source, or its fault; runs in several threads."""
        if isinstance(loaded, BadRow):
            return loaded
        too_long = self.options.texts.problem(record)
        if too_long is not None:
            return record.bad(too_long)
        stored, before, sizes = [], [], []
        for (_, name), data in zip(record.images, loaded, strict=True):
            try:
                plain, sha256, info = self._stored(data)
            except (OSError, ValueError) as error:
                return record.bad(f"image {name}: {error}")
            stored.append(plain)
            before.append((sha256, info.quirks))
            sizes.append((info.width, info.height))
        try:
            self.options.limits.refuse(sizes)
        except ValueError as error:
            return record.bad(str(error))
        hashes = [
            old if new is data else digest(new) for (old, _), new, data in zip(before, stored, loaded, strict=True)
        ]
        try:
            row = make_row(
                record,
                stored,
                hashes=hashes,
                quirks=tuple(dict.fromkeys(quirk for _, quirks in before for quirk in quirks)),
                data_source=self.data_source,
                tag=self.tag,
                may_leave_machine=self.may_leave_machine,
                sft=self.options.sft,
            )
        except BadRow as error:
            return error
        return row, before

    def _stored(self, data: bytes) -> tuple[bytes, str, ImageInfo]:
        """The bytes for the row, and hash and facts of the source's bytes. Raises ValueError for a bad image."""
        before = digest(data)
        if before not in self._known:
            self._known[before] = images.inspect(data, self.options.limits)
        info, policy = self._known[before], self.options.image_policy
        needs = sorted(images.NEEDS_CONVERSION.intersection(info.quirks))
        if needs and policy == "fail":
            raise ValueError(f"the image has {', '.join(needs)}, which verl would show wrongly (--image-policy)")
        return images.to_plain(data) if needs and policy == "convert" else data, before, info

    def _note(self, report: dict[str, Any]) -> None:
        result = self.result
        result.dropped.update(report["avoided"])
        for is_open, has_gold, hashes, answer_type, quirks in report["rows"]:
            result.rows += 1
            result.open_rows += is_open
            result.gold_rows += has_gold
            result.images.update(hashes)
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
            hasher.update(repr([(name, image.stamp()) for image, name in record.images]).encode())
            facts = (name for name in record.__slots__ if name not in ("image", "more_images"))
            hasher.update(repr([getattr(record, name) for name in facts]).encode())
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
