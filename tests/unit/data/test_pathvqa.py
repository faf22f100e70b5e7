"""PathVQA: the three layouts on real rows with drawn images, and pickles that are programs."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import pytest

from data_preprocess.source.errors import DataError
from data_preprocess.source.safe_pickle import read_plain_pickle
from tests.unit.data.helpers import SAMPLES, draw, hf_image, read_rows, run, write_hf

ROWS = [json.loads(line) for line in (SAMPLES / "pathvqa" / "hf_rows.jsonl").read_text().splitlines()]
LXMERT = json.loads((SAMPLES / "pathvqa" / "ucsd_lxmert_pvqa_test.json").read_text())
OPEN = sum(row["answer"] not in ("yes", "no") for row in ROWS)


def draw_images(folder: Path, names) -> None:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(draw("JPEG"))


@pytest.fixture
def official(tmp_path):
    """The official layout; the records are the real ones of the LXMERT form, which keeps the original case."""
    folder = tmp_path / "pvqa"
    records = [
        {"image": r["img_id"], "question": q, "answer": next(iter(a))}
        for r in LXMERT
        for q, a in zip(r["sentf"]["pvqa"], r["labelf"]["pvqa"], strict=True)
    ]
    draw_images(folder / "images" / "test", {f"{r['img_id']}.jpg" for r in LXMERT})
    (folder / "qas" / "test").mkdir(parents=True)
    file = folder / "qas" / "test" / "test_qa.pkl"
    file.write_bytes(pickle.dumps(records))
    return folder, file, records


@pytest.mark.parametrize("source", ["pvqa", "."])
def test_pickle_layout(official, tmp_path, source, capsys):
    assert run("pathvqa", tmp_path / source, tmp_path / "out", "--open-only") == 0
    rows = read_rows(tmp_path / "out" / "test.parquet")
    assert len(rows) == OPEN
    assert {row["extra_info"]["image_id"] for row in rows} <= {f"{r['img_id']}.jpg" for r in LXMERT}


def test_lxmert_layout_keeps_questions_and_answers_aligned(tmp_path):
    (tmp_path / "pvqa_test.json").write_text(json.dumps(LXMERT))
    draw_images(tmp_path / "images" / "test", {f"{r['img_id']}.jpg" for r in LXMERT})
    assert run("pathvqa", tmp_path, tmp_path / "out") == 0
    pairs = {(r["extra_info"]["question"].lower().replace(" ?", "?"), r["extra_info"]["answer"].lower())
             for r in read_rows(tmp_path / "out" / "test.parquet")}  # fmt: skip
    assert {(row["question"], row["answer"]) for row in ROWS} == pairs  # the Hugging Face rows are the same 27


def test_hugging_face_layout(tmp_path):
    rows = [
        {"image": hf_image(draw("JPEG"), r["image_file"]), "question": r["question"], "answer": r["answer"]}
        for r in ROWS
    ]
    write_hf(tmp_path / "hf", "data/test-00000-of-00002.parquet", rows[:10])
    write_hf(tmp_path / "hf", "data/test-00001-of-00002.parquet", rows[10:])
    assert run("pathvqa", tmp_path / "hf", tmp_path / "out") == 0
    info = [row["extra_info"] for row in read_rows(tmp_path / "out" / "test.parquet")]
    assert [i["index"] for i in info] == list(range(27))
    assert [(i["image_id"], i["question"]) for i in info] == [(r["image_file"], r["question"]) for r in ROWS]


def test_lists_that_are_not_aligned_are_told(tmp_path, capsys, written):
    broken = json.loads(json.dumps(LXMERT))
    broken[0]["labelf"]["pvqa"].pop()
    broken[1]["labelf"]["pvqa"][0] = {"a": 1, "b": 1}
    (tmp_path / "pvqa_test.json").write_text(json.dumps(broken))
    draw_images(tmp_path / "images" / "test", {f"{r['img_id']}.jpg" for r in LXMERT})
    assert run("pathvqa", tmp_path, tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert "pvqa_test.json, row 0: 3 questions but 2 answers; the lists must be aligned" in error
    assert "pvqa_test.json, row 1, question 0: an answer must be an object with one key" in error
    assert written() == []


# --- pickles ---


class Evil:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def test_a_pickle_that_would_run_code_is_refused_and_nothing_runs(official, tmp_path, capsys, written):
    _, file, records = official
    marker = tmp_path / "ran"
    file.write_bytes(pickle.dumps([*records, Evil(marker)]))
    assert run("pathvqa", tmp_path, tmp_path / "out") == 1
    assert "test_qa.pkl is refused: it asks for posix.mkdir" in capsys.readouterr().err
    assert not marker.exists() and written() == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a pickle",
        pickle.dumps(["x" * 100])[:-20],
        b"cos\nsystem\n(S'touch ran'\ntR.",  # protocol 0, written by hand
        b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.",  # STACK_GLOBAL
        b"\x80\x02P123\n.",  # a persistent id
        b"\x80\x02\x82\x01.",  # a code of the extension registry
        b"\x80\x04\x8e" + b"\xff" * 8 + b".",  # bytes of a size that no machine has
        pickle.dumps(Path("x")),
    ],
)
def test_whatever_is_no_plain_data_is_refused(tmp_path, data):
    file = tmp_path / "a.pkl"
    file.write_bytes(data)
    with pytest.raises(DataError, match=r"a.pkl is refused"):
        read_plain_pickle(file)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_of_every_protocol_is_read(tmp_path, protocol):
    content = [{"image": "train_0001", "question": "What?", "answer": 3, "more": (None, True, 1.5, "ä")}]
    file = tmp_path / "a.pkl"
    file.write_bytes(pickle.dumps(content, protocol=protocol))
    assert read_plain_pickle(file) == content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a": 1}, "must hold a list of records, not dict"),
        ([{"question": "What?", "answer": "a"}], "row 0: fields missing: image"),
        (["text"], "row 0: a record must be a JSON object, not str"),
        ([{"image": "test_0155", "question": "What?", "answer": float("nan")}], "row 0: answer is empty"),
        ([{"image": "../../x", "question": "What?", "answer": "a"}], "leads out of its folder"),
    ],
)
def test_wrong_content_is_told(official, tmp_path, capsys, content, message):
    official[1].write_bytes(pickle.dumps(content))
    assert run("pathvqa", tmp_path, tmp_path / "out") == 1
    assert message in capsys.readouterr().err
