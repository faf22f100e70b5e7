"""Overlap, duplicates, priors: what counts as a copy, and that the report and --drop-overlap act on it."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from data_preprocess.__main__ import main
from data_preprocess.tools.balance import answer_priors, majority_accuracy, yes_share
from data_preprocess.tools.report import NEAR_BITS as NEAR
from data_preprocess.tools.shared_images import (
    Avoid,
    ImageSet,
    compare,
    duplicates,
    near_pairs,
    near_within,
    perceptual_hash,
)
from tests.unit.data.helpers import SAMPLES, VQA_RAD, read_rows, run

IMAGES = sorted((VQA_RAD / "VQA_RAD Image Folder").glob("*.jpg"))


def saved(image: Image.Image, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, **options)
    return out.getvalue()


def bits(one: bytes, other: bytes) -> int:
    return int(np.bitwise_count(perceptual_hash(one) ^ perceptual_hash(other)).sum())


COPIES = {
    "saved again at lower quality": lambda image: saved(image, format="JPEG", quality=60),
    "as PNG": lambda image: saved(image, format="PNG"),
    "half the size": lambda image: saved(image.resize((image.width // 2, image.height // 2)), format="PNG"),
    "grey": lambda image: saved(image.convert("L"), format="PNG"),
}


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_is_near_its_original(kind):
    for path in IMAGES:
        assert bits(path.read_bytes(), COPIES[kind](Image.open(path))) <= NEAR, path.name


def test_different_images_are_far_apart():
    hashes = np.stack([perceptual_hash(path.read_bytes()) for path in IMAGES])
    assert near_pairs(hashes, hashes, max_bits=NEAR) == [(i, i, 0) for i in range(len(IMAGES))]


def test_a_mirror_image_is_no_copy():
    # It shows the other side of the body, so its answers differ.
    for path in IMAGES:
        assert bits(path.read_bytes(), saved(ImageOps.mirror(Image.open(path)), format="PNG")) > NEAR


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=8), st.integers(0, 256))
def test_near_pairs_are_those_within_the_distance(hashes, limit):
    matrix = np.stack([np.frombuffer(h, np.uint64) for h in hashes])
    expected = []
    for i, a in enumerate(hashes):
        for j, b in enumerate(hashes):
            distance = (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).bit_count()
            if distance <= limit:
                expected.append((i, j, distance))
    assert near_pairs(matrix, matrix, max_bits=limit) == expected


def image_set(*items: bytes) -> ImageSet:
    out = ImageSet()
    for row, data in enumerate(items):
        out.add(row, str(hash(data)), data)
    return out


def test_overlap_counts_images_and_rows():
    a, b, c = (path.read_bytes() for path in IMAGES[:3])
    near_b = COPIES["half the size"](Image.open(IMAGES[1]))
    overlap = compare(image_set(a, a, b), image_set(a, near_b, c), max_bits=NEAR)
    assert overlap.same == [str(hash(a))] and (overlap.rows_one, overlap.rows_other) == (2, 1)
    assert [(x, y) for x, y, _ in overlap.near] == [(str(hash(b)), str(hash(near_b)))]
    assert [(x, y) for x, y, _ in near_within(image_set(b, a, near_b), max_bits=NEAR)] == [
        (str(hash(b)), str(hash(near_b)))
    ]


def test_avoid_gives_the_reason():
    a, b = IMAGES[0].read_bytes(), IMAGES[1].read_bytes()
    near_a = COPIES["half the size"](Image.open(IMAGES[0]))
    exact, near = (Avoid([image_set(a)], max_bits=limit) for limit in (None, NEAR))
    assert exact.reason(str(hash(a)), a) == "image is in another set (--drop-overlap)"
    assert exact.reason(str(hash(near_a)), near_a) is None
    assert "nearly" in near.reason(str(hash(near_a)), near_a) and near.reason(str(hash(b)), b) is None
    assert Avoid([], max_bits=NEAR).reason("x", a) is None


@pytest.mark.parametrize(
    ("pairs", "share"),
    [
        ([], 0.0),
        ([("What?", "a")], 0.0),  # asked once: nothing to guess from
        ([("What?", "a")] * 4, 1.0),
        ([("What ?", "A"), ("what?", "a"), ("what?", "b"), ("what?", "a")], 0.75),
        ([("x", "a"), ("x", "b")], 0.0),  # each is guessed from the other
    ],
)
def test_majority_accuracy_guesses_from_the_other_rows(pairs, share):
    assert majority_accuracy(pairs) == share


def test_priors_and_yes_share():
    answers = ["Yes", "yes", "no", "Axial", "axial ", "ct"]
    assert answer_priors(answers, top=2) == [("axial", 2), ("yes", 2)]
    assert yes_share(answers) == 2 / 3 and yes_share(["ct"]) is None


def test_duplicates_are_keys_that_occur_again():
    assert duplicates([("a",), ("b",), ("a",)]) == {("a",): [0, 2]}


# --- the tool, on real data ---


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    run("vqa_rad", VQA_RAD, folder / "rad")
    run("vqa_med_2019", SAMPLES / "vqa_med_2019", folder / "med", "--split", "test")
    return folder


def test_the_report_finds_the_image_that_two_datasets_share(files, tmp_path, capsys):
    paths = [files / "rad" / "train.parquet", files / "rad" / "test.parquet", files / "med" / "test.parquet"]
    options = ["--html", str(tmp_path / "r.html"), "--json", str(tmp_path / "r.json")]
    assert main(["report", *map(str, paths), *options]) == 0
    numbers = json.loads((tmp_path / "r.json").read_text())
    by_pair = {(p["one"], p["other"]): p for p in numbers["pairs"]}
    assert by_pair["rad/train.parquet", "rad/test.parquet"]["images in both, by bytes"] == 9
    assert by_pair["rad/test.parquet", "med/test.parquet"]["images in both, by bytes"] == 1  # synpic39301
    assert numbers["files"]["rad/train.parquet"]["duplicate rows (image, question, answer)"] == 2
    printed = capsys.readouterr().out
    assert "images in both, by bytes: 9" in printed
    page = (tmp_path / "r.html").read_text()
    assert "synpic39301.jpg" in page and page.count("data:image/jpeg;base64,") > 10
    assert "http" not in page.replace("https://", "http") or "<script" not in page


def test_the_page_escapes_what_the_data_says(files, tmp_path):
    hostile = json.loads((VQA_RAD / "VQA_RAD Dataset Public.json").read_text())[:1]
    hostile[0]["question"] = "<script>alert(1)</script> & what?"
    source = tmp_path / "in"
    source.mkdir()
    (source / "VQA_RAD Dataset Public.json").write_text(json.dumps(hostile))
    run("vqa_rad", source, tmp_path / "out", "--images", VQA_RAD / "VQA_RAD Image Folder")
    main(["report", str(tmp_path / "out" / "train.parquet"), "--html", str(tmp_path / "r.html")])
    page = (tmp_path / "r.html").read_text()
    assert "<script" not in page and "&lt;script&gt;alert(1)" in page


def test_drop_overlap_leaves_out_the_rows_of_shared_images(files, tmp_path, capsys):
    arguments = ("vqa_rad", VQA_RAD, tmp_path, "--split", "train", "--drop-overlap", files / "med" / "test.parquet")
    assert run(*arguments) == 0
    names = {row["extra_info"]["image_id"] for row in read_rows(tmp_path / "train.parquet")}
    assert "synpic39301.jpg" not in names and len(names) == 9
    assert "dropped 8: image is in another set" in capsys.readouterr().out
    card = json.loads((tmp_path / "train.card.json").read_text())
    assert card["dropped"] == {"image is in another set (--drop-overlap)": 8} and card["rows"] == 50


def test_near_alone_makes_no_sense(tmp_path, capsys):
    assert run("vqa_rad", VQA_RAD, tmp_path, "--near", "5") == 1
    assert "--near needs --drop-overlap" in capsys.readouterr().err


@pytest.mark.parametrize(("content", "message"), [(None, "does not exist"), (b"PAR1", "is not a parquet file")])
def test_a_file_that_cannot_be_read_is_told(tmp_path, capsys, content, message):
    file = tmp_path / "a.parquet"
    if content is not None:
        file.write_bytes(content)
    assert main(["report", str(file)]) == 1
    assert message in capsys.readouterr().err
