"""Choosing the rows of a split; every row left out is counted under its reason."""

from __future__ import annotations

from collections.abc import Collection

from data_preprocess.convert.options import ConvertOptions
from data_preprocess.convert.result import SplitResult
from data_preprocess.reasoning.gold import GoldReasoning
from data_preprocess.source.errors import BadRow
from data_preprocess.source.records import Loaded, Record
from data_preprocess.source.text import row_key


def listed_twice(loaded: Loaded) -> list[BadRow]:
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
    records: list[Record], result: SplitResult, *, options: ConvertOptions, gold: GoldReasoning, shared: Collection[str]
) -> list[Record]:
    """The rows of one split to write; every row left out is counted under its reason."""
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


def why(result: SplitResult, loaded: Loaded) -> str:
    reasons = [f"{count} {reason}" for reason, count in result.dropped.items() if count]
    return ", ".join(reasons) or f"the source has the splits {', '.join(loaded.splits()) or 'none'}"
