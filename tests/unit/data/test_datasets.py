"""The contract of a data set, held by every registered one."""

from __future__ import annotations

import inspect
import json

import pytest

from data_preprocess import datasets
from data_preprocess.command.arguments import build_parser
from data_preprocess.convert.schema import SPLITS
from data_preprocess.source.errors import DataError
from data_preprocess.source.records import Loaded
from tests.unit.data.helpers import read_rows, run
from tests.unit.data.made import MAKERS

ALL = pytest.mark.parametrize("name", datasets.NAMES)


def test_every_registered_data_set_has_a_source_to_try():
    assert set(MAKERS) == set(datasets.NAMES)


@ALL
def test_its_facts_are_complete(name):
    part = datasets.get(name)
    info = part.INFO
    assert info.name == name and part.__doc__.strip()
    texts = ("data_source", "title", "licence", *(("homepage", "citation") if name != "own" else ()))
    assert all(getattr(info, text).strip() for text in texts)
    assert set(info.splits) <= set(SPLITS) and info.splits
    assert isinstance(info.may_leave_machine, bool)
    assert info.open_test_size is None or (info.open_test_size > 0 and "test" in info.splits)


def test_no_two_have_one_data_source():
    """verl groups validation metrics by it."""
    names = [datasets.info(name).data_source for name in datasets.NAMES]
    assert len(set(names)) == len(names)


def test_only_data_that_somebody_may_see_leaves_the_machine():
    assert [name for name in datasets.NAMES if not datasets.info(name).may_leave_machine] == ["mimic_cxr_vqa", "own"]


@ALL
def test_load_takes_a_source_and_gives_records_in_order(name, tmp_path):
    part = datasets.get(name)
    assert list(inspect.signature(part.load).parameters) == ["source"]
    folder = tmp_path / name
    options = MAKERS[name](folder)
    args = build_parser(part, name).parse_args(["--source", str(folder), "--out", str(tmp_path), *options])
    loaded = part.load(datasets.Source(folder, None, vars(args)))
    assert isinstance(loaded, Loaded) and loaded.records and not loaded.bad
    assert set(loaded.splits()) <= set(part.INFO.splits)
    assert loaded.files and all(file.is_file() for file in loaded.files)
    for split in loaded.splits():
        places = [(r.language, r.index) for r in loaded.records if r.split == split]
        assert len(set(places)) == len(places) and all(index >= 0 for _, index in places)
    for record in loaded.records:
        assert record.question and all(record.answers) and record.image_id
        assert record.image.load(2**26) and record.image.stamp() == record.image.stamp()


@ALL
def test_it_gives_no_row_of_a_split_that_is_not_asked_for(name, tmp_path):
    part = datasets.get(name)
    folder = tmp_path / name
    options = MAKERS[name](folder)
    for split in part.INFO.splits:
        args = build_parser(part, name).parse_args(
            ["--source", str(folder), "--out", str(tmp_path), *options, "--split", split]
        )
        try:
            loaded = part.load(datasets.Source(folder, None, vars(args)))
        except DataError as error:  # the made source has no such split
            assert str(error)
            continue
        by_column = name in ("own", "vqa_rad")  # one file holds all splits
        assert by_column or set(loaded.splits()) <= {split}


@ALL
def test_its_rows_and_cards_say_whether_they_may_leave_the_machine(name, tmp_path):
    folder = tmp_path / "in"
    options = MAKERS[name](folder)
    assert run(name, folder, tmp_path / "out", *options) == 0
    leaves = datasets.info(name).may_leave_machine or name == "own"  # the sample's mapping says that it may
    for file in (tmp_path / "out").glob("*.parquet"):
        assert {row["extra_info"]["may_leave_machine"] for row in read_rows(file)} == {leaves}
        assert json.loads(file.with_suffix(".card.json").read_text())["may_leave_machine"] is leaves


def test_a_name_that_nobody_knows_names_the_known_ones():
    with pytest.raises(ValueError, match=r"dataset 'vqarad' is unknown; choose one of vqa_rad, .*, or your own as"):
        datasets.get("vqarad")
