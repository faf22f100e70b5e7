"""PMC-VQA (Zhang et al. 2023, https://huggingface.co/datasets/RadGenome/PMC-VQA), asked open-ended.

    python -m data_preprocess.pmc_vqa --source DIR --out data/pmc_vqa

The study's test set is `test_clean.csv`, 2,000 multiple-choice questions of which only the question is shown; the text
of the right choice is the gold answer. `--source` holds `test_clean.csv` (and `train.csv`) with `images/` or
`images.zip`, or a Hugging Face copy of the clean test set with the columns query, answer, image.

No file of the release was available when this was written: the loader is tested on files made in the documented form.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from data_preprocess.datasets import DatasetInfo, Source
from data_preprocess.source.delimited import read_csv
from data_preprocess.source.errors import BadRow, NotThere
from data_preprocess.source.fields import field_text
from data_preprocess.source.parquet_shards import ShardRow, hf_files
from data_preprocess.source.parquet_shards import load as load_shards
from data_preprocess.source.records import Loaded, Record

INFO = DatasetInfo(
    name="pmc_vqa",
    data_source="pmc-vqa",
    title="PMC-VQA",
    homepage="https://huggingface.co/datasets/RadGenome/PMC-VQA",
    licence="not confirmed; figures from PubMed Central, under the licences of their articles",
    citation="Zhang, Wu, Zhao, Lin, Zhang, Wang, Xie. PMC-VQA, arXiv 2305.10415 (2023).",
    hub="RadGenome/PMC-VQA",
    hub_patterns=("train.csv", "test_clean.csv", "images.zip"),
    splits=("train", "test"),
    open_test_size=2000,
    may_leave_machine=True,
    caution="images.zip has 19 GB.",
)
FILES = {"train": "train.csv", "test": "test_clean.csv"}
_CHOICES = ("Choice A", "Choice B", "Choice C", "Choice D")
_PREFIX = re.compile(r"^\s*[A-D]\s*:\s*")
"""The letter of a choice; no dot, which is part of names ("C. albicans")."""


def load(source: Source) -> Loaded:
    """Raises DataError if neither form is there."""
    files = {split: source.folder / name for split, name in FILES.items() if (source.folder / name).is_file()}
    files = {split: file for split, file in files.items() if source.wants(split)}
    if files:
        return _load_csv(source, files)
    parquet = hf_files(source.folder, "test") or hf_files(source.folder, "train")
    if parquet:
        notes = ["layout hf (clean test set)"]
        columns = ("query", "answer")
        return load_shards(source, {"test": parquet}, columns, _of_shard, optional=("context",), notes=notes)
    raise NotThere(f"no PMC-VQA in {source.folder}: looked for {', '.join(FILES.values())} and for a parquet copy")


def _load_csv(source: Source, files: dict[str, Path]) -> Loaded:
    image = source.image_maker(("images", "figures"), ("images.zip",))
    loaded = Loaded(notes=["layout official; choices are not shown to the model"], files=list(files.values()))
    for split, file in files.items():
        index = -1
        for line, values in read_csv(file, ("Figure_path", "Question", "Answer", *_CHOICES)):
            index += 1
            where = f"line {line}"
            try:
                if isinstance(values, BadRow):
                    raise values
                name = field_text(values, "Figure_path", file, where)
                choices = [_PREFIX.sub("", values[choice]).strip() for choice in _CHOICES]
                loaded.records.append(
                    Record(
                        split=split,
                        index=index,
                        question=field_text(values, "Question", file, where),
                        answers=(_PREFIX.sub("", field_text(values, "Answer", file, where)),),
                        image=image(name),
                        image_id=name,
                        file=file.name,
                        where=where,
                        context="choices: " + " | ".join(choices),
                    )
                )
            except BadRow as error:
                loaded.bad.append(error.of(split))
    return loaded


def _of_shard(row: ShardRow) -> Record:
    return row.record(question="query", answers=(_PREFIX.sub("", row.text("answer")),), context=row.optional("context"))


if __name__ == "__main__":
    from data_preprocess.command.dataset import main

    sys.exit(main(["pmc_vqa", *sys.argv[1:]]))
