"""`mrpo doctor` on data files, broken in one place each."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest


@pytest.mark.parametrize("what", ["cut short", "text", "missing", "image", "columns", "no rows"])
def test_broken_data(doctor, data, tmp_path, what):
    file = tmp_path / "train.parquet"
    table = pq.read_table(data)
    if what == "cut short":
        file.write_bytes(data.read_bytes()[:-100])
    elif what == "text":
        file.write_text("question,answer\n")
    elif what == "image":
        rows = table.to_pylist()
        rows[1]["images"][0]["bytes"] = b"\xff\xd8 no image"
        pq.write_table(type(table).from_pylist(rows, schema=table.schema), file)
    elif what == "columns":
        pq.write_table(table.drop_columns(["reward_model"]), file)
    elif what == "no rows":
        pq.write_table(table.slice(0, 0), file)
    code, found = doctor("--only", "data", "--data", file)
    assert what != "missing" or "correct --data" in found["data"]["do"]
    says = {"cut short": "cannot be read as parquet", "text": "cannot be read as parquet", "missing": "there is no",
            "image": "row 1: an image cannot be decoded", "columns": "no column reward_model",
            "no rows": "no rows"}  # fmt: skip
    assert code == 1 and says[what] in found["data"]["says"]
    assert "mrpo data" in found["data"]["do"]


def test_broken_data_without_gold_reasoning_unless_that_is_wanted(doctor, data, tmp_path):
    file = tmp_path / "train.parquet"
    rows = pq.read_table(data).to_pylist()
    rows[0]["extra_info"]["gold_reasoning"] = None
    pq.write_table(pq.read_table(data).from_pylist(rows, schema=pq.read_schema(data)), file)
    code, found = doctor("--only", "data", "--data", file)
    assert code == 1 and f"{len(rows)} rows, {len(rows) - 1} with gold reasoning" in found["data"]["says"]
    assert doctor("mrpo.gold_reasoning=optional", "--only", "data", "--data", file)[0] == 0


def test_a_file_to_validate_on_may_lack_gold_reasoning(doctor, data, tmp_path):
    """As in a run. The rows name their split; one of the training split makes it a file to train on."""
    file = tmp_path / "test.parquet"
    rows = pq.read_table(data).to_pylist()
    for row in rows:
        row["extra_info"].update(gold_reasoning=None, split="test")
    pq.write_table(pq.read_table(data).from_pylist(rows, schema=pq.read_schema(data)), file)
    code, found = doctor("--only", "data", "--data", file)
    assert code == 0 and "0 with gold reasoning" in found["data"]["says"]
    assert "to train on it" in found["data"]["do"]
    rows[-1]["extra_info"]["split"] = "train"
    pq.write_table(pq.read_table(data).from_pylist(rows, schema=pq.read_schema(data)), file)
    assert doctor("--only", "data", "--data", file)[0] == 1
