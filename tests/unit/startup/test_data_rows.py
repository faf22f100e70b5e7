"""Rows that `startup.data_rows` takes or refuses."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recipe.mrpo.startup.prepare import prepare
from tests.unit.startup.helpers import GOOD, refusal, write_rows


@pytest.mark.parametrize(
    ("rows", "row"),
    [
        ([{"extra_info": {"split": "train"}}], 0),
        ([{"extra_info": {"gold_reasoning": "It is."}}, {"extra_info": {"gold_reasoning": None}}], 1),
        ([{"extra_info": {"gold_reasoning": "It is."}}] * 2 + [{"extra_info": {"gold_reasoning": " \n"}}], 2),
        ([{"extra_info": {"gold_reasoning": "It is."}}, {"extra_info": None}], 1),
    ],
    ids=["never", "null", "blank", "no extra_info"],
)
def test_a_dataset_without_gold_reasoning_is_refused_with_the_row_and_both_ways_out(config_of, tmp_path, rows, row):
    file = write_rows(tmp_path / "t.parquet", rows)
    message = refusal(config_of(f"data.train_files=[{file}]"))
    assert f"row {row} of {file}" in message
    assert "--gold-reasoning" in message and "+mrpo.gold_reasoning=optional" in message


ELSEWHERE = ("+mrpo.judge.name=openai", "+mrpo.judge.openai.base_url=http://judge.invalid/v1",
             "+mrpo.judge.openai.model=m")  # fmt: skip


@pytest.mark.parametrize("split", ["train_files", "val_files"])
@pytest.mark.parametrize("value", ["false", "true", 0, 1, None])
def test_a_row_that_does_not_say_clearly_whether_it_may_leave_is_refused(config_of, tmp_path, split, value):
    info = {"gold_reasoning": "It is."}
    rows = [{"extra_info": {**info, "may_leave_machine": value}}] * 2
    file = write_rows(tmp_path / "t.parquet", rows)
    message = refusal(config_of(f"data.{split}=[{file}]"))
    assert f"extra_info.may_leave_machine of row 0 of {file} is {value!r}" in message


def test_private_rows_are_refused_for_a_judge_elsewhere_and_rows_without_the_flag_are_not(config_of, tmp_path):
    info = {"gold_reasoning": "It is."}
    flagged = [{"extra_info": {**info, "may_leave_machine": leaves}} for leaves in (True, False)]
    private = write_rows(tmp_path / "private.parquet", flagged)
    public = write_rows(tmp_path / "public.parquet", flagged[:1])
    bare = write_rows(tmp_path / "bare.parquet", [{"extra_info": info}])
    for allowed in (public, bare):
        prepare(config_of(f"data.train_files=[{allowed}]", *ELSEWHERE))
    assert "mrpo.judge.allow_hosts=[judge.invalid]" in refusal(config_of(f"data.train_files=[{private}]", *ELSEWHERE))
    # verl joins the files of a split; the rows of `bare` would then have null.
    message = refusal(config_of(f"data.train_files=[{public},{bare}]"))
    assert f"row 0 of {public} has extra_info.may_leave_machine and row 0 of {bare} has not" in message


def test_a_dataset_without_the_column_is_refused(config_of, tmp_path):
    file = str(tmp_path / "t.parquet")
    pq.write_table(pa.Table.from_pylist([{"prompt": GOOD["prompt"]}]), file)
    assert "no column extra_info" in refusal(config_of(f"data.train_files={file}"))


@pytest.mark.parametrize("files", ["train_files", "val_files"])
@pytest.mark.parametrize("name", ["tool_agent", None])
def test_a_row_for_another_agent_loop_is_refused(config_of, good_file, tmp_path, files, name):
    info = {"gold_reasoning": "The heart is large."}
    rows = [{"extra_info": info, "agent_name": "single_turn_agent"}] * 2
    fine = write_rows(tmp_path / "fine.parquet", rows)
    prepare(config_of(f"data.{files}={fine}"))
    file = write_rows(tmp_path / "t.parquet", [*rows, {"extra_info": info, "agent_name": name}])
    message = refusal(config_of(f"data.{files}={file}"))
    assert f"row 2 of {file} asks for {name!r}" in message and "set its agent_name to single_turn_agent" in message


def test_every_training_file_is_looked_at(config_of, good_file, tmp_path):
    bad = write_rows(tmp_path / "bad.parquet", [{"extra_info": {"split": "train"}}])
    assert bad in refusal(config_of(f"data.train_files=[{good_file},{bad}]"))


def test_optional_gold_reasoning_lets_such_a_dataset_pass(config_of, tmp_path):
    file = write_rows(tmp_path / "t.parquet", [{"extra_info": {"split": "train"}}])
    prepare(config_of(f"data.train_files={file}", "+mrpo.gold_reasoning=optional"))
