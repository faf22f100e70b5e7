"""A run that fails leaves nothing half-written, and one that can go on says so."""

from __future__ import annotations

import errno
import os
import shlex
import subprocess
import sys

import pytest

from data_preprocess.convert import parquet
from data_preprocess.tools import sample
from tests.unit.data.helpers import ROOT, VQA_RAD, run


def hidden(out) -> list[str]:
    return sorted(path.name for path in out.iterdir() if path.name.startswith("."))


def test_a_split_that_has_no_row_left_leaves_no_parts(rad, capsys):
    for image in rad.image("x").parent.iterdir():
        image.write_bytes(b"broken")
    assert rad.convert("--skip-bad") == 1
    assert "no row left" in capsys.readouterr().err and hidden(rad.out) == []


def test_bad_rows_leave_no_parts(rad):
    rad.image("synpic46720.jpg").write_bytes(b"broken")
    assert rad.convert() == 1 and hidden(rad.out) == []


@pytest.mark.parametrize("name", ["train.card.json", "train.card.md", "train.parquet", "test.card.md"])
def test_a_folder_in_the_place_of_a_file_is_told_before_anything_is_written(rad, capsys, name):
    (rad.out / name).mkdir(parents=True)
    assert rad.convert() == 1
    assert f"{name} is a folder" in capsys.readouterr().err
    assert [path.name for path in rad.out.iterdir()] == [name]


@pytest.mark.parametrize("name", ["mix.card.json", "mix.card.md", "mix.parquet"])
def test_a_sample_meets_a_folder_before_it_writes(rad, tmp_path, capsys, name):
    rad.convert()
    (tmp_path / "mix" / name).mkdir(parents=True)
    command = [str(rad.out / "train.parquet"), "--out", str(tmp_path / "mix" / "mix.parquet")]
    assert sample.main(command) == 1
    assert f"{name} is a folder" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "mix").iterdir()] == [name]


def test_a_device_is_not_replaced_by_a_file(rad, tmp_path, capsys):
    rad.convert()
    pipe = tmp_path / "pipe.parquet"
    os.mkfifo(pipe)
    assert sample.main([str(rad.out / "train.parquet"), "--out", str(pipe)]) == 1
    assert "is not an ordinary file" in capsys.readouterr().err and pipe.is_fifo()


def test_a_full_disk_names_the_file_and_says_that_the_run_goes_on(tmp_path):
    """A bound on the size of files stands for the full disk: Arrow meets it, and names no file."""
    command = [sys.executable, "-m", "data_preprocess", "vqa_rad", "--source", str(VQA_RAD), "--out", str(tmp_path)]
    command += ["--limit", "4"]
    bound = f"ulimit -f 100; exec {shlex.join(command)}"
    failed = subprocess.run(["bash", "-c", bound], cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert failed.returncode == 1 and "Traceback" not in failed.stderr
    told, resumes = failed.stderr.splitlines()
    assert told.startswith(f"error: {os.strerror(errno.EFBIG)}: {tmp_path}") and told.endswith(".arrow")
    assert resumes == "What is finished is kept: make room and run the same command again, it goes on."
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=900)
    assert hidden(tmp_path) == [] and (tmp_path / "train.parquet").exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_arrows_own_error_of_a_full_disk_gets_a_name():
    import pyarrow as pa

    target = parquet.Path("train.parquet")
    with pytest.raises(OSError) as caught, parquet._named(target), pa.OSFile("/dev/full", "wb") as stream:
        stream.write(b"x" * 10_000_000)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, "train.parquet")


def test_a_row_that_breaks_the_schema_ends_a_tool_in_a_sentence(tmp_path, capsys):
    import pyarrow.parquet as pq

    run("vqa_rad", VQA_RAD, tmp_path / "rad")
    table = pq.read_table(tmp_path / "rad" / "train.parquet").slice(0, 2)
    rows = table.to_pylist()
    rows[1]["extra_info"]["answer"] = "other"
    pq.write_table(type(table).from_pylist(rows, schema=table.schema), tmp_path / "a.parquet")
    assert sample.main([str(tmp_path / "a.parquet"), "--out", str(tmp_path / "b.parquet")]) == 1
    assert "b.parquet, row 1: extra_info.answers must begin" in capsys.readouterr().err
    assert not (tmp_path / "b.parquet").exists()
