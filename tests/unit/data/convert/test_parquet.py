"""Rows and files: every rule of the schema, whole files or none, equal bytes, going on after an interruption."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_preprocess.command.exit_status import INTERRUPTED
from data_preprocess.convert import builder, parquet
from data_preprocess.convert.builder import Builder
from data_preprocess.convert.parquet import PartFile, write_parquet
from data_preprocess.convert.schema import RL_SCHEMA, SFT_SCHEMA, find_fault, make_row
from data_preprocess.source.errors import DataError
from data_preprocess.source.records import Record
from tests.unit.data.helpers import ROOT, MemoryImage, draw, hf_image, write_hf

IMAGE = draw()


def record(**values) -> Record:
    facts = dict(
        split="train", index=0, question="What plane?", answers=("Axial",), image=MemoryImage("a.png", IMAGE),
        image_id="a.png", file="records.json", where=3,
    )  # fmt: skip
    return Record(**facts | values)


def row(*, sft: bool = False, **values) -> dict:
    return make_row(
        record(**values), [IMAGE], hashes=[hashlib.sha256(IMAGE).hexdigest()], quirks=(), data_source="test",
        tag="think", may_leave_machine=True, sft=sft,
    )  # fmt: skip


def damaged(*path, value) -> dict:
    out = copy.deepcopy(row())
    at = out
    for name in path[:-1]:
        at = at[name]
    if value is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return out


def test_a_good_row_has_no_fault():
    assert find_fault(row()) is None
    assert find_fault(row(sft=True, gold_reasoning="It is.")) is None


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (damaged("ability", value=...), "columns missing: ['ability']"),
        (damaged("more", value=1), "unknown: ['more']"),
        (damaged("extra_info", "answers", value=...), "extra_info lacks ['answers']"),
        (damaged("extra_info", "question", value=" "), "extra_info.question is empty"),
        (damaged("extra_info", "split", value="dev"), "extra_info.split='dev' is not one of"),
        (damaged("extra_info", "answer_type", value="CLOSED "), "extra_info.answer_type='CLOSED ' is not one of"),
        (damaged("extra_info", "answers", value=["Other"]), "must begin with the answer"),
        (damaged("extra_info", "answers", value=["Axial", " "]), "hold no empty text"),
        (damaged("extra_info", "gold_reasoning", value=""), "gold_reasoning is empty"),
        (damaged("data_source", value=""), "data_source is empty"),
        (damaged("images", value=[]), "there is no image"),
        (damaged("images", value=[{"bytes": b""}]), "there is no image"),
        (damaged("images", value=[{"bytes": IMAGE}] * 2), "1 <image> placeholders for 2 images"),
        (damaged("prompt", value=[{"role": "user", "content": "What?"}]), "0 <image> placeholders for 1 images"),
        (damaged("prompt", value=[{"role": "user", "content": "<image><video>"}]), "contains one of <video>, <audio>"),
        (damaged("reward_model", "ground_truth", value="Coronal"), "reward_model must be"),
    ],
)
def test_each_rule_is_told(bad, reason):
    assert reason in find_fault(bad)


@pytest.mark.parametrize(
    ("values", "sft", "reason"),
    [
        ({"question": "<video> What?"}, False, "the question contains <video>"),
        ({}, True, "SFT needs gold reasoning"),
        ({"answers": ("a <image> b",), "gold_reasoning": "So."}, True, "2 <image> placeholders for 1 images"),
    ],
)
def test_a_bad_record_is_named_by_file_and_row(values, sft, reason):
    with pytest.raises(ValueError, match=rf"^records.json, row 3: .*{reason}"):
        row(sft=sft, **values)


def test_written_rows_come_back(tmp_path):
    rows = [row(index=i) for i in range(150)]
    assert write_parquet(rows, tmp_path / "a.parquet", schema=RL_SCHEMA) == 150
    assert pq.read_table(tmp_path / "a.parquet").to_pylist() == rows
    assert pq.read_schema(tmp_path / "a.parquet").equals(RL_SCHEMA)


def test_sft_rows_come_back(tmp_path):
    rows = [row(sft=True, gold_reasoning="It is axial.")]
    write_parquet(rows, tmp_path / "a.parquet", schema=SFT_SCHEMA)
    assert pq.read_table(tmp_path / "a.parquet").to_pylist() == rows


def test_equal_rows_give_equal_bytes(tmp_path):
    for name in "ab":
        write_parquet((row(index=i) for i in range(70)), tmp_path / name, schema=RL_SCHEMA)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("place", [0, 100])
def test_a_bad_row_leaves_the_old_file_and_nothing_else(tmp_path, place):
    path = tmp_path / "a.parquet"
    write_parquet([row()], path, schema=RL_SCHEMA)
    before = path.read_bytes()
    rows = [row(index=i) for i in range(120)]
    rows[place]["data_source"] = ""
    with pytest.raises(ValueError, match=rf"a.parquet, row {place}: data_source is empty"):
        write_parquet(rows, path, schema=RL_SCHEMA)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_a_disk_error_while_replacing_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.parquet"
    write_parquet([row()], path, schema=RL_SCHEMA)
    before = path.read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parquet.os, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        write_parquet([row(index=9)], path, schema=RL_SCHEMA)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_images_are_stored_uncompressed_and_text_compressed(tmp_path):
    write_parquet([row()], tmp_path / "a.parquet", schema=RL_SCHEMA)
    group = pq.ParquetFile(tmp_path / "a.parquet").metadata.row_group(0)
    codecs = {group.column(i).path_in_schema: group.column(i).compression for i in range(group.num_columns)}
    assert codecs.pop("images.list.element.bytes") == "UNCOMPRESSED" and set(codecs.values()) == {"ZSTD"}


# --- parts ---


def test_parts_of_another_run_are_thrown_away(tmp_path):
    path = tmp_path / "a.parquet"
    with closing(PartFile(path, schema=RL_SCHEMA, fingerprint="one")) as parts:
        parts.put(0, [row()], {"n": 1})
    with closing(PartFile(path, schema=RL_SCHEMA, fingerprint="one")) as parts:
        assert parts.report(0) == {"n": 1}
    with closing(PartFile(path, schema=RL_SCHEMA, fingerprint="two")) as parts:
        assert parts.report(0) is None


def test_two_processes_cannot_write_one_file(tmp_path):
    path = tmp_path / "a.parquet"
    first = PartFile(path, schema=RL_SCHEMA, fingerprint="one")
    with pytest.raises(DataError, match="another process is writing"):
        PartFile(path, schema=RL_SCHEMA, fingerprint="one")
    first.close()
    PartFile(path, schema=RL_SCHEMA, fingerprint="one").close()


@pytest.mark.parametrize("name", ["000000.arrow", "000000.json"])
@pytest.mark.parametrize("size", [0, 40])
def test_a_part_that_a_power_cut_left_without_content_is_made_again(tmp_path, name, size):
    with closing(PartFile(tmp_path / "a.parquet", schema=RL_SCHEMA, fingerprint="one")) as parts:
        parts.put(0, [row()], {"n": "x" * 60})
        os.truncate(parts.folder / name, size)
        assert parts.report(0) is None


def test_a_part_counts_only_with_its_report(tmp_path, monkeypatch):
    parts = PartFile(tmp_path / "a.parquet", schema=RL_SCHEMA, fingerprint="one")
    monkeypatch.setattr(parquet.json, "dumps", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        parts.put(0, [row()], {})
    assert parts.report(0) is None


def test_an_interrupted_conversion_goes_on_and_ends_with_the_same_bytes(rad, monkeypatch):
    monkeypatch.setattr(builder, "CHUNK_ROWS", 10)
    rad.convert()
    whole = {split: (rad.out / f"{split}.parquet").read_bytes() for split in ("train", "test")}
    for split in whole:
        (rad.out / f"{split}.parquet").unlink()

    opened = []
    make = Builder._row

    def row_until_stopped(self, record, data):
        if len(opened) >= 33:
            raise KeyboardInterrupt
        opened.append(record)
        return make(self, record, data)

    monkeypatch.setattr(Builder, "_row", row_until_stopped)
    assert rad.convert() == INTERRUPTED
    assert not list(rad.out.glob("*.parquet"))

    after = []
    monkeypatch.setattr(Builder, "_row", lambda self, r, data: after.append(r) or make(self, r, data))
    assert rad.convert() == 0
    assert len(after) == 77 - 30  # three whole chunks of ten were kept
    assert {split: (rad.out / f"{split}.parquet").read_bytes() for split in whole} == whole
    assert sorted(p.name for p in rad.out.iterdir() if p.name.startswith(".")) == []


@pytest.fixture(scope="module")
def long_source(tmp_path_factory):
    """1,000 rows in the Hugging Face layout, every image with bytes of its own: a second's work in 16 chunks."""
    folder = tmp_path_factory.mktemp("long")
    picture = draw("JPEG", size=(900, 900))
    rows = [
        {"image": hf_image(picture + n.to_bytes(4, "big")), "question": f"What is {n}?", "answer": "a finding"}
        for n in range(1000)
    ]
    write_hf(folder, "data/train-00000-of-00001.parquet", rows, group=100)
    return folder


def conversion(source: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "data_preprocess", "vqa_rad", "--source", str(source), "--out", str(out)]


@pytest.mark.parametrize(
    ("number", "status", "said"),
    [
        (signal.SIGKILL, -9, ""),  # cannot be caught
        (signal.SIGTERM, 143, "stopped by SIGTERM; the same command goes on where this one stopped"),
        (signal.SIGHUP, 129, "stopped by SIGHUP; the same command goes on"),
        (signal.SIGINT, INTERRUPTED, "interrupted; the same command goes on"),
    ],
)
@pytest.mark.long
def test_a_process_that_is_killed_leaves_no_file_and_the_next_one_goes_on(long_source, tmp_path, number, status, said):
    whole = tmp_path / "whole"
    subprocess.run(conversion(long_source, whole), cwd=ROOT, check=True, timeout=900, capture_output=True)
    for attempt in range(5):
        cut = tmp_path / f"cut{attempt}"
        process = subprocess.Popen(conversion(long_source, cut), cwd=ROOT, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 300
        while len(list(cut.glob(".train.parquet.parts/*.json"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.002)
        process.send_signal(number)
        _, errors = process.communicate(timeout=300)
        if not (cut / "train.parquet").exists():
            break  # else it was done before the signal came
    assert process.returncode == status and said in errors and "Traceback" not in errors
    assert [path.name for path in cut.iterdir()] == [".train.parquet.parts"]
    again = subprocess.run(
        conversion(long_source, cut), cwd=ROOT, check=True, timeout=900, capture_output=True, text=True
    )
    assert "rows were there from an interrupted run" in again.stdout
    for path in whole.iterdir():
        assert (cut / path.name).read_bytes() == path.read_bytes()
    assert sorted(p.name for p in cut.iterdir()) == sorted(p.name for p in whole.iterdir())


SIGNAL_WHILE_LOCKED = """
import concurrent.futures, os, signal, sys, threading
from data_preprocess.__main__ import main

NUMBER, CALL, MAIN = int(sys.argv[1]), int(sys.argv[2]), threading.get_ident()
take, calls = threading.Condition.__enter__, 0

def take_and_signal(condition):
    global calls
    taken = take(condition)
    if threading.get_ident() == MAIN and "concurrent" in sys._getframe(1).f_code.co_filename:
        calls += 1
        if calls == CALL:
            os.kill(os.getpid(), NUMBER)
    return taken

threading.Condition.__enter__ = take_and_signal
status = main(sys.argv[3:])
assert calls >= CALL, calls
sys.exit(status)
"""
"""A signal whose handler runs in the instant in which the main thread holds a lock of the image threads."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("call", [1, 40])
def test_a_signal_while_the_image_threads_share_a_lock_ends_the_conversion(rad, number, call):
    words = ["vqa_rad", "--source", str(rad.folder), "--out", str(rad.out)]
    ended = subprocess.run(
        [sys.executable, "-c", SIGNAL_WHILE_LOCKED, str(int(number)), str(call), *words],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 128 + number
    assert "the same command goes on where this one stopped" in ended.stderr and "Traceback" not in ended.stderr
    assert rad.convert() == 0


def test_an_image_that_changed_after_an_interruption_is_read_anew(rad, monkeypatch):
    make = Builder.assemble
    monkeypatch.setattr(Builder, "assemble", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    assert rad.convert("--split", "test") == INTERRUPTED
    monkeypatch.setattr(Builder, "assemble", make)
    other = draw("JPEG", size=(50, 50))
    for image in rad.image("x").parent.iterdir():
        image.write_bytes(other)
    assert rad.convert("--split", "test") == 0
    stored = pq.read_table(rad.out / "test.parquet").column("images").to_pylist()
    assert {image[0]["bytes"] for image in stored} == {other}


def test_the_schema_of_all_files_is_one(tmp_path):
    # verl concatenates the files of a run, which needs equal features in all of them.
    assert pa.unify_schemas([RL_SCHEMA, RL_SCHEMA]).equals(RL_SCHEMA)
    assert RL_SCHEMA.field("extra_info").type == SFT_SCHEMA.field("extra_info").type


def test_cards_and_files_get_their_names_together(rad, monkeypatch, capsys):
    """A card that cannot be made leaves the old pair, and the next run goes on with the parts."""
    assert rad.convert("--split", "test", "--limit", "2") == 0
    before = {path.name: path.read_bytes() for path in rad.out.iterdir()}

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("data_preprocess.command.dataset.card_texts", full)
        assert rad.convert("--split", "test") == 1
    assert "No space left" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in rad.out.iterdir() if path.is_file()} == before
    assert rad.convert("--split", "test") == 0
    assert "rows were there from an interrupted run" in capsys.readouterr().out
    card = json.loads((rad.out / "test.card.json").read_text())
    assert card["parquet"]["bytes"] == (rad.out / "test.parquet").stat().st_size > len(before["test.parquet"])


def test_parts_that_another_version_of_the_code_has_made_are_thrown_away(rad, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        patch.setattr(Builder, "assemble", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert rad.convert("--split", "test") == INTERRUPTED
    monkeypatch.setattr(builder, "code_hash", lambda: "another version")
    assert rad.convert("--split", "test") == 0
    assert "interrupted run" not in capsys.readouterr().out


@pytest.mark.parametrize("room", [".", "source", "convert", "reasoning", "tools", "command", "tools/annotate"])
def test_a_change_in_any_room_is_another_version_of_the_code(tmp_path, room):
    package = tmp_path / "package"
    shutil.copytree(builder.PACKAGE, package)
    assert builder.code_hash(package) == builder.code_hash()
    with min((package / room).glob("*.py")).open("a") as stream:
        stream.write("# changed\n")
    builder.code_hash.cache_clear()
    assert builder.code_hash(package) != builder.code_hash()


def test_a_split_whose_rows_are_all_bad_is_no_file(rad, written, capsys):
    for image in rad.image("x").parent.iterdir():
        image.write_bytes(b"broken")
    assert rad.convert("--skip-bad", "--split", "test") == 1
    assert "split test has no row left" in (told := capsys.readouterr().err) and "bad image or row" in told
    assert not [name for name in written() if name in ("test.parquet", "test.card.json")]
