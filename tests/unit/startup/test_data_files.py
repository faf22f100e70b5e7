"""Files of the data in every form that verl reads; another one, or a broken one, is a sentence."""

from __future__ import annotations

import json

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from omegaconf import OmegaConf

from recipe.mrpo.options.tree import OptionError
from recipe.mrpo.startup.data_files import types_differ
from recipe.mrpo.startup.data_rows import check_rows
from tests.unit.startup.helpers import GOOD, LIMITS, write_rows

PRIVATE = GOOD | {"extra_info": GOOD["extra_info"] | {"may_leave_machine": False}}


@pytest.fixture(autouse=True)
def cache_of_datasets(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def check(*files, **more) -> bool:
    data = OmegaConf.create({"train_files": [str(file) for file in files], **more})
    return check_rows(data, "train_files", reasoning_required=True, limits=LIMITS).private


def refused(*files, **more) -> str:
    with pytest.raises(OptionError) as caught:
        check(*files, **more)
    assert "\n" not in str(caught.value) and "data.train_files" in str(caught.value)
    return str(caught.value)


def written(file, rows):
    text = json.dumps(rows) if file.suffix == ".json" else "".join(json.dumps(row) + "\n" for row in rows)
    file.write_text(text)
    return file


@pytest.mark.parametrize("name", ["t.json", "t.jsonl"])
def test_the_rows_of_a_json_file_are_looked_at_too(tmp_path, name):
    assert check(written(tmp_path / name, [GOOD] * 3)) is False
    assert check(written(tmp_path / f"private-{name}", [PRIVATE, PRIVATE])) is True
    bare = GOOD | {"extra_info": {"split": "train"}}
    with pytest.raises(OptionError, match=rf"row 1 of .*bare-{name} has no extra_info.gold_reasoning"):
        check(written(tmp_path / f"bare-{name}", [GOOD, bare]))


def test_what_datasets_makes_of_json_is_what_is_looked_at(tmp_path):
    """A text that looks like a date becomes one."""
    dated = GOOD | {"reward_model": {"ground_truth": "2020-01-01"}}
    with pytest.raises(OptionError, match=r"reward_model\.ground_truth of row 0 .* not datetime"):
        check(written(tmp_path / "a.jsonl", [dated]))


def test_a_flag_that_some_rows_of_a_json_file_lack_is_refused(tmp_path):
    with pytest.raises(OptionError, match=r"row 0 .* has extra_info.may_leave_machine and row 1 .* has not"):
        check(written(tmp_path / "b.jsonl", [PRIVATE, GOOD]))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.parquet", b"", "cannot be read"),
        ("a.parquet", b"PAR1 not a parquet file PAR1", "cannot be read"),
        ("a.json", b"", "cannot be read"),
        ("a.json", b'{"prompt": ', "cannot be read"),
        ("a.jsonl", b"[1, 2]\n", "a.jsonl"),
        ("a.jsonl", b"\xff\xfe", "cannot be read"),
        ("a.csv", b"prompt\n", "must name files that end in .parquet, .json, .jsonl"),
        ("a.PARQUET", b"", "must name files that end in"),
    ],
)
def test_a_file_that_verl_cannot_read_is_one_sentence(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    assert said in refused(tmp_path / name)


def test_a_cut_parquet_file_and_a_folder_are_one_sentence(tmp_path):
    whole = tmp_path / "a.parquet"
    write_rows(whole, [{}] * 500)
    data = whole.read_bytes()
    for cut in (len(data) // 3, len(data) - 5):
        whole.write_bytes(data[:cut])
        assert "cannot be read" in refused(whole)
    whole.write_bytes(data[:100] + bytes(200) + data[300:])  # the footer is whole, a page is not
    assert "cannot be read" in refused(whole)
    (tmp_path / "folder.parquet").mkdir()
    assert "cannot be read" in refused(tmp_path / "folder.parquet")


def test_a_file_without_rows_is_refused(tmp_path):
    table = pa.Table.from_pylist([GOOD]).slice(0, 0)
    pq.write_table(table, tmp_path / "a.parquet")
    assert "has no rows" in refused(tmp_path / "a.parquet")


@pytest.mark.parametrize("given", [5, {"a": 1}, True])
def test_a_file_name_that_is_none_is_refused(given):
    with pytest.raises(OptionError, match=r"data\.train_files must name files"):
        check_rows(OmegaConf.create({"train_files": [given]}), "train_files", reasoning_required=True, limits=LIMITS)


def test_a_file_of_another_machine_is_read_or_refused(tmp_path):
    import fsspec

    with fsspec.open("memory://bucket/private.parquet", "wb") as file:
        pq.write_table(pa.Table.from_pylist([PRIVATE]), file)
    assert check("memory://bucket/private.parquet") is True
    for absent in ("memory://bucket/absent.parquet", "nosuchprotocol://host/a.parquet"):
        assert "copy it to this machine" in refused(absent)


def test_files_whose_columns_verl_cannot_join_are_refused(tmp_path):
    one = write_rows(tmp_path / "one.parquet", [{"extra_info": GOOD["extra_info"] | {"index": 1}}])
    two = write_rows(tmp_path / "two.parquet", [{"extra_info": GOOD["extra_info"] | {"index": "1"}}])
    assert "extra_info.index has another type" in refused(one, two)
    more = write_rows(
        tmp_path / "more.parquet", [{"extra_info": GOOD["extra_info"] | {"organ": "heart"}, "ability": "x"}]
    )
    assert check(one, more) is False  # a field that one file lacks is null there


@pytest.mark.parametrize(
    ("first", "second", "place"),
    [
        (pa.int64(), pa.int64(), None),
        (pa.int64(), pa.null(), None),
        (pa.int64(), pa.string(), "c"),
        (pa.string(), pa.large_string(), "c"),
        (pa.list_(pa.string()), pa.list_(pa.int64()), "c"),
        (pa.list_(pa.null()), pa.list_(pa.int64()), None),
        (pa.struct([("a", pa.int64())]), pa.struct([("b", pa.string())]), None),
        (pa.struct([("a", pa.int64())]), pa.struct([("a", pa.string())]), "c.a"),
    ],
)
def test_types_join_as_datasets_joins_them(first, second, place):
    assert types_differ(first, second, "c") == place
    features = [datasets.Features.from_arrow_schema(pa.schema([("c", t)])) for t in (first, second)]
    empty = [datasets.Dataset.from_dict({"c": [None]}, features=f) for f in features]
    if place is None:
        datasets.concatenate_datasets(empty)
    else:
        with pytest.raises(ValueError, match="align"):
            datasets.concatenate_datasets(empty)


def test_a_data_set_class_of_the_users_own_is_left_alone_and_said(tmp_path, caplog):
    assert check("anything.csv", custom_cls={"path": "mine.py", "name": "Mine"}) is False
    assert "data.custom_cls reads data.train_files" in caplog.text
