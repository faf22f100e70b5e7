"""From records to parquet: join gold reasoning, choose rows, check images, write; all datasets go through here."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from data_preprocess.convert import images
from data_preprocess.convert.images import ImageInfo, Limits
from data_preprocess.convert.parquet import CHUNK_ROWS, PartFile, write_texts
from data_preprocess.convert.prompts import think_tag
from data_preprocess.convert.schema import RL_SCHEMA, SFT_SCHEMA, make_row
from data_preprocess.reasoning.gold import GoldReasoning, JoinReport, shared_names
from data_preprocess.source.errors import BadRow, DataError
from data_preprocess.source.records import Loaded, Record
from data_preprocess.source.text import row_key
from data_preprocess.tools.shared_images import Avoid

REASONING = ("optional", "required")
THREADS = 2
"""Images hashed and decoded at a time; Pillow and hashlib let other threads run meanwhile. Each may hold a whole
decoded image, so this bounds memory."""


@dataclass(frozen=True)
class Options:
    """Everything a conversion may be asked; defaults stand in cli.py."""

    out: Path
    splits: tuple[str, ...]
    """Empty: all that the source has."""
    open_only: bool
    limit: int | None
    backbone: str
    reasoning: str
    sft: bool
    drop_duplicates: bool
    skip_bad: bool
    image_policy: str
    limits: Limits
    avoid: Avoid
    """Images of other sets, whose rows are left out."""


@dataclass
class SplitResult:
    """What became of one split."""

    split: str
    path: Path
    whole: Path | None = None
    """The complete file before it gets its name."""
    rows: int = 0
    open_rows: int = 0
    gold_rows: int = 0
    kept: int = 0
    """Rows that an interrupted run had made already."""
    dropped: Counter[str] = field(default_factory=Counter)
    quirks: Counter[str] = field(default_factory=Counter)
    converted: list[dict[str, str]] = field(default_factory=list)
    """Images that were not stored as original bytes: image_id, quirks, sha256 before and after."""
    images: set[str] = field(default_factory=set)
    answer_types: Counter[str] = field(default_factory=Counter)
    join: JoinReport = field(default_factory=JoinReport)


@dataclass
class Result:
    splits: list[SplitResult]
    bad: list[BadRow]
    notes: list[str]
    gold_unused: int


class BadRows(DataError):
    """Rows that cannot be used, and no `--skip-bad`: nothing is written."""

    def __init__(self, bad: list[BadRow]):
        self.bad = bad
        shown = "\n".join(f"  {error}" for error in bad[:20])
        more = f"\n  … and {len(bad) - 20} more" if len(bad) > 20 else ""
        super().__init__(
            f"{len(bad)} bad row{'s' * (len(bad) > 1)}, nothing was written:\n{shown}{more}\n"
            "Mend the source, or leave these rows out with --skip-bad."
        )


def convert(
    loaded: Loaded,
    options: Options,
    *,
    data_source: str,
    may_leave_machine: bool,
    gold: GoldReasoning,
    progress: Callable[[Iterable, str, int], Iterable],
    describe: Callable[[Result], dict[Path, str]] = lambda result: {},
) -> Result:
    """Write `<out>/<split>.parquet` for every split asked for, all or none.

    `describe`: texts of the files to write beside them; it is called when all splits are complete but none has its name
    yet (`SplitResult.whole`). Raises BadRows if rows or images are bad and `skip_bad` is off, DataError if a split has
    no row left.
    """
    found = [*loaded.bad, *_listed_twice(loaded)]
    bad = [error for error in found if not options.splits or error.split in (None, *options.splits)]
    if bad and not options.skip_bad:
        raise BadRows(bad)
    if not loaded.records:
        raise DataError("; ".join(["the source has no usable record", *loaded.notes]))
    results, chosen_rows, shared = [], [], shared_names(loaded.records)
    for split in options.splits or tuple(loaded.splits()):
        result = SplitResult(split, options.out / f"{split}.parquet")
        chosen = choose(
            [record for record in loaded.records if record.split == split],
            result,
            options=options,
            gold=gold,
            shared=shared,
        )
        if not chosen:
            raise DataError(f"split {split} has no row left: {_why(result, loaded)}")
        results.append(result)
        chosen_rows.append(chosen)
    builders: list[_Builder] = []
    try:
        for chosen, result in zip(chosen_rows, results, strict=True):
            builders.append(_Builder(chosen, result, options, data_source, may_leave_machine))
        for builder in builders:
            bad += builder.build(progress)
        if bad and not options.skip_bad:
            for builder in builders:
                builder.parts.discard()
            raise BadRows(bad)
        empty = [result for result in results if not result.rows]
        if empty:
            raise DataError(f"split {empty[0].split} has no row left: {_why(empty[0], loaded)}")
        for builder in builders:
            builder.assemble(progress)
        result = Result(results, bad, list(loaded.notes), gold.unused())
        write_texts(describe(result), publish=[builder.parts for builder in builders])
        for builder in builders:
            builder.parts.discard()
    finally:
        for builder in builders:
            builder.parts.close()
    return result


def _listed_twice(loaded: Loaded) -> list[BadRow]:
    """Takes records out that repeat another one, id and all, and says which."""
    first: dict[tuple[str, ...], Record] = {}
    kept, bad = [], []
    for record in loaded.records:
        key = (record.split, record.record_id, *row_key(record.image_id, record.question, record.answer))
        other = record if record.record_id is None else first.setdefault(key, record)
        if other is record:
            kept.append(record)
        else:
            bad.append(record.bad(f"the same record as {_place(other)}, record_id {record.record_id!r} included"))
    loaded.records[:] = kept
    return bad


def _place(record: Record) -> str:
    return record.where if isinstance(record.where, str) else f"row {record.where}"


def choose(
    records: list[Record], result: SplitResult, *, options: Options, gold: GoldReasoning, shared: Collection[str]
) -> list[Record]:
    """Rows of one split that are to be written; what is left out is counted under its reason."""
    if options.open_only:
        result.dropped["yes/no question (--open-only)"] = sum(not record.is_open for record in records)
        records = [record for record in records if record.is_open]
    records, result.join = gold.join(records, shared=shared)
    keep, seen = [], set()
    for record in records:
        key = row_key(record.image_id, record.question, record.answer)
        if (options.reasoning == "required" or options.sft) and record.gold_reasoning is None:
            reason = "no gold reasoning (--reasoning required)" if not options.sft else "no gold reasoning (--sft)"
        elif options.drop_duplicates and key in seen:
            reason = "duplicate of (image, question, answer) (--drop-duplicates)"
        elif options.limit is not None and len(keep) >= options.limit:
            reason = "beyond --limit"
        else:
            seen.add(key)
            keep.append(record)
            continue
        result.dropped[reason] += 1
    return keep


def _why(result: SplitResult, loaded: Loaded) -> str:
    reasons = [f"{count} {reason}" for reason, count in result.dropped.items() if count]
    return ", ".join(reasons) or f"the source has the splits {', '.join(loaded.splits()) or 'none'}"


class _Builder:
    """One split on its way into its parquet file."""

    def __init__(
        self, records: list[Record], result: SplitResult, options: Options, data_source: str, may_leave_machine: bool
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
        except (OSError, ValueError) as error:
            return record.bad(f"image {record.image_id}: {error}")

    def _row(self, record: Record, data: bytes | BadRow) -> tuple[dict[str, Any], str] | BadRow:
        """The row and the hash of the source's bytes, or what is wrong with it; runs in several threads."""
        if isinstance(data, BadRow):
            return data
        limits, policy = self.options.limits, self.options.image_policy
        try:
            before = images.digest(data)
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
                sha256=images.digest(data) if needs else before,
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
        facts = [str(self.schema), self.tag, options.image_policy, repr(options.limits), options.sft, self.data_source]
        facts += [self.may_leave_machine, options.avoid.fingerprint(), CHUNK_ROWS, _code()]
        hasher = hashlib.sha256(json.dumps(facts).encode())
        for record in self.records:
            hasher.update(repr((record.image_id, record.image.stamp())).encode())
            hasher.update(repr([getattr(record, name) for name in record.__slots__ if name != "image"]).encode())
        return hasher.hexdigest()


@cache
def _code() -> str:
    """Hash of all source of `data_preprocess`: rows of two versions are never mixed in one file."""
    hasher = hashlib.sha256()
    for file in sorted(Path(__file__).parents[1].rglob("*.py")):
        hasher.update(file.read_bytes())
    return hasher.hexdigest()
