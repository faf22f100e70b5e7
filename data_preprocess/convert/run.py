"""From records to parquet: join gold reasoning, choose rows, check images, write; all data sets go through here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from data_preprocess.convert.builder import Builder
from data_preprocess.convert.choose import choose, listed_twice, why
from data_preprocess.convert.options import ConvertOptions
from data_preprocess.convert.parquet import write_texts
from data_preprocess.convert.result import BadRows, Result, SplitResult
from data_preprocess.reasoning.gold import GoldReasoning, shared_names
from data_preprocess.source.errors import DataError
from data_preprocess.source.records import Loaded


def convert(
    loaded: Loaded,
    options: ConvertOptions,
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
    found = [*loaded.bad, *listed_twice(loaded)]
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
            raise DataError(f"split {split} has no row left: {why(result, loaded)}")
        results.append(result)
        chosen_rows.append(chosen)
    builders: list[Builder] = []
    try:
        for chosen, result in zip(chosen_rows, results, strict=True):
            builders.append(Builder(chosen, result, options, data_source, may_leave_machine))
        for builder in builders:
            bad += builder.build(progress)
        if bad and not options.skip_bad:
            raise BadRows(bad)
        empty = [result for result in results if not result.rows]
        if empty:
            raise DataError(f"split {empty[0].split} has no row left: {why(empty[0], loaded)}")
        for builder in builders:
            builder.assemble(progress)
        result = Result(results, bad, list(loaded.notes), gold.unused())
        write_texts(describe(result), publish=[builder.parts for builder in builders])
        for builder in builders:
            builder.parts.discard()
    except DataError:  # the same source gives the same error again, so the parts are of no use
        for builder in builders:
            builder.parts.discard()
        raise
    finally:
        for builder in builders:
            builder.parts.close()
    return result
