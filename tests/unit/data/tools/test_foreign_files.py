"""Other people's parquet in verl's form (geometry3k): every tool reads it or says in a sentence what it lacks."""

from __future__ import annotations

import base64
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_preprocess.__main__ import main
from tests.unit.data.helpers import VQA_RAD, draw, read_rows, run

ONE, OTHER = draw(), draw(size=(60, 20))


def geometry(image, number: int = 0, **changes) -> dict:
    """A row as verl's examples/data_preprocess/geo3k.py writes it."""
    row = {
        "data_source": "hiyouga/geometry3k",
        "prompt": [{"role": "user", "content": f"<image>Find x{number}. You FIRST think …"}],
        "images": [{"bytes": image, "path": None}],
        "ability": "math",
        "reward_model": {"style": "rule", "ground_truth": str(number)},
        "extra_info": {"split": "train", "index": number, "answer": str(number), "question": f"Find x{number}."},
    }
    return row | changes


@pytest.fixture
def file(tmp_path):
    return write(tmp_path / "geo.parquet", geometry(ONE), geometry(OTHER, 1), geometry(ONE, 2))


def write(path, *rows):
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def test_report_reads_it(file, tmp_path, capsys):
    page, numbers = tmp_path / "r.html", tmp_path / "r.json"
    assert main(["report", str(file), "--html", str(page), "--json", str(numbers)]) == 0
    facts = json.loads(numbers.read_text())["files"]["geo.parquet"]
    assert (facts["rows"], facts["images"], facts["with gold reasoning"]) == (3, 2, 0)
    assert "not said (3)" in facts["by modality"] and "Find x0." in page.read_text()
    assert "may not leave" not in capsys.readouterr().err


def test_drop_overlap_knows_its_images_by_their_bytes(tmp_path):
    run("vqa_rad", VQA_RAD, tmp_path / "all", "--split", "test")
    shown = read_rows(tmp_path / "all" / "test.parquet")
    image = shown[0]["images"][0]["bytes"]
    file = write(tmp_path / "geo.parquet", geometry(image))
    run("vqa_rad", VQA_RAD, tmp_path / "out", "--split", "test", "--drop-overlap", file)
    left = read_rows(tmp_path / "out" / "test.parquet")
    assert len(left) == sum(row["images"][0]["bytes"] != image for row in shown) < len(shown)


@pytest.mark.parametrize(
    ("kind", "images"),
    [
        ("a list of bytes", [ONE]),
        ("base64", base64.b64encode(ONE).decode()),
        ("an image that is no list", {"bytes": ONE, "path": None}),
        ("two images", [{"bytes": ONE}, {"bytes": OTHER}]),
    ],
)
def test_every_form_of_the_images_is_read(tmp_path, kind, images):
    file = write(tmp_path / "geo.parquet", geometry(ONE, images=images))
    assert main(["report", str(file)]) == 0
    assert run("vqa_rad", VQA_RAD, tmp_path / "out", "--drop-overlap", file) == 0


TOOLS = {
    "report": lambda file, tmp: main(["report", str(file)]),
    "drop-overlap": lambda file, tmp: run("vqa_rad", VQA_RAD, tmp / "out", "--drop-overlap", file),
    "sample": lambda file, tmp: main(["sample", str(file), "--out", str(tmp / "s.parquet")]),
    "annotate": lambda file, tmp: main(
        ["annotate", str(file), "--out", str(tmp / "a.jsonl"), "--base-url", "http://127.0.0.1:9/v1", "--model", "m",
         "--retries", "0"]
    ),
}  # fmt: skip


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("as it is", {}),
        ("names of files", {"images": ["a.png"]}),
        ("numbers as images", {"images": [3]}),
        ("no images", {"images": []}),
        ("null", {"images": None}),
        ("no picture", {"images": [{"bytes": b"hello"}]}),
        ("extra_info as text", {"extra_info": "{}"}),
        ("extra_info without a question", {"extra_info": {"split": "train"}}),
        ("no extra_info", {"extra_info": None}),
        ("reward_model as text", {"reward_model": "x", "extra_info": {"index": 1}}),
        ("question as a number", {"extra_info": {"question": 3, "answer": 4}}),
        ("may_leave_machine as text", {"extra_info": {"question": "a?", "answer": "b", "may_leave_machine": "no"}}),
        ("gold_reasoning as a list", {"extra_info": {"question": "a?", "answer": "b", "gold_reasoning": ["c"]}}),
    ],
)
def test_no_tool_ends_in_a_traceback(tmp_path, capsys, tool, what, changes):
    file = write(tmp_path / "geo.parquet", geometry(ONE) | changes)
    status = TOOLS[tool](file, tmp_path)
    told = capsys.readouterr()
    assert "Traceback" not in told.err and status in (0, 1, 3)
    if status == 1:
        assert told.err.startswith("error: ") or "geo.parquet" in told.err


def test_sample_says_what_the_rows_lack(file, tmp_path, capsys):
    assert main(["sample", str(file), "--out", str(tmp_path / "s.parquet")]) == 1
    told = capsys.readouterr().err
    assert "geo.parquet was not made by this package (its extra_info lacks answer_raw" in told
    assert "python -m data_preprocess own" in told and not (tmp_path / "s.parquet").exists()


def test_a_damaged_file_is_named(tmp_path, capsys):
    run("vqa_rad", VQA_RAD, tmp_path / "rad", "--split", "test")
    file = tmp_path / "rad" / "test.parquet"
    data = bytearray(file.read_bytes())
    group = pq.ParquetFile(file).metadata.row_group(0)
    for number in range(group.num_columns):
        place = group.column(number).data_page_offset
        data[place : place + 30] = b"\xff" * 30
    file.write_bytes(data)
    for tool in TOOLS.values():
        assert tool(file, tmp_path) == 1
        assert "test.parquet is damaged (" in capsys.readouterr().err
