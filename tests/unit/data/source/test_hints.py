"""Files and folders of another kind are named, with the remedy."""

from __future__ import annotations

import gzip
import zipfile

import pytest

from data_preprocess.convert.images import Limits, inspect
from data_preprocess.source.hints import kind_of_file
from tests.unit.data.helpers import SAMPLES, draw, hf_image, read_rows, run, write_hf

NIFTI = b"\0" * 344 + b"n+1\0"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\0" * 128 + b"DICM" + b"\0" * 50, "it is a DICOM file; export it as PNG"),
        (NIFTI, "it is a NIfTI volume"),
        (gzip.compress(NIFTI, mtime=0), "it is a NIfTI volume"),
        (gzip.compress(b"x", mtime=0), "it is a gzip archive"),
        (b"PK\x03\x04", "it is a zip archive"),
        (b"%PDF-1.7", "it is a PDF"),
        (b"<html>Please log in</html>", "it is a web page"),
        (b"version https://git-lfs.github.com/spec/v1", "it is a Git-LFS pointer"),
        (b"\0\0\0\x18ftypheic", "it is a HEIC photo"),
    ],
)
def test_an_image_of_another_kind_is_told_with_the_remedy(data, message):
    with pytest.raises(ValueError, match=r"^not an image of a known format .*" + message):
        inspect(data, Limits(2**20, 10**6, 1, 8, 10**8))


def test_nothing_is_said_of_bytes_that_nobody_knows():
    assert kind_of_file(b"\x1f\x8b broken") == "a gzip archive; unpack it first"
    assert kind_of_file(b"some bytes") is None and kind_of_file(b"") is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda f: (f / "a.zip").write_bytes(b""), "in holds a.zip: unpack it first"),
        (lambda f: (f / "dataset_dict.json").write_text("{}"), "in was written by save_to_disk: load it with"),
        (lambda f: (f / "state.json").write_text("{}"), "in was written by save_to_disk"),
        (lambda f: (f / "1.dcm").write_bytes(b""), "in holds DICOM files"),
        (lambda f: (f / "inner").mkdir(), "in holds only the folder inner: name that one"),
    ],
)
@pytest.mark.parametrize("dataset", ["vqa_rad", "pathvqa", "vqa_med_2021", "quilt_vqa"])
def test_a_source_in_another_form_is_told_with_the_remedy(tmp_path, capsys, dataset, make, message):
    (tmp_path / "in").mkdir()
    make(tmp_path / "in")
    assert run(dataset, tmp_path / "in", tmp_path / "out") == 1
    assert message in capsys.readouterr().err


def test_an_archive_as_source_is_to_be_unpacked(tmp_path, capsys):
    (tmp_path / "a.zip").write_bytes(b"")
    assert run("vqa_rad", tmp_path / "a.zip", tmp_path / "out") == 1
    assert "--source" in (told := capsys.readouterr().err) and "a.zip is an archive: unpack it" in told


def test_an_archive_with_one_folder_more_is_read(tmp_path):
    """imgs.zip as some tools pack it: download/imgs/xmlab104/source.jpg."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("train", "validation", "test"):
        source = SAMPLES / "slake" / f"{name}.json"
        (folder / f"{name}.json").write_text(source.read_text() if source.exists() else "[]")
    with zipfile.ZipFile(folder / "imgs.zip", "w") as archive:
        archive.writestr("__MACOSX/x", b"")
        archive.writestr("download/imgs/xmlab104/source.jpg", draw("JPEG"))
    assert run("slake", folder, tmp_path / "out", "--split", "train") == 0
    assert len(read_rows(tmp_path / "out" / "train.parquet")) == 10


def test_an_image_folder_that_is_not_there_is_said_once(tmp_path, capsys):
    write_hf(
        tmp_path / "in", "data/train-0.parquet", [{"image": hf_image(draw()), "question": "a?", "answer": "b"}] * 9
    )
    assert run("vqa_rad", tmp_path / "in", tmp_path / "out", "--images", tmp_path / "NOPE") == 1
    assert capsys.readouterr().err == f"error: --images {tmp_path / 'NOPE'} is not a folder\n"
