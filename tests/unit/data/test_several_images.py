"""Rows with several images (a prior study, a lateral view): own data of every format, the hub's form, tools, limits."""

from __future__ import annotations

import base64
import csv
import hashlib
import json

import pytest
import yaml

from data_preprocess.__main__ import main
from data_preprocess.convert.schema import find_fault, hash_of_row
from data_preprocess.source.image_refs import digest
from data_preprocess.source.records import Record, shown
from data_preprocess.tools.rows import infos, iter_questions
from tests.unit.data.helpers import MemoryImage, draw, hf_image, read_rows, run, turned, write_hf

NOW, PRIOR, SIDE = (draw(size=(40 + k, 30)) for k in range(3))
FILES = {"now.png": NOW, "prior.png": PRIOR, "side.png": SIDE}
QUESTIONS = ("Which image is larger?", "What changed?")


@pytest.fixture
def own(tmp_path):
    """own(rows, columns of the images): converts rows of a table in the given format."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)

    def convert(rows: list[dict], *options: str, suffix: str = "jsonl", image="img", **mapping) -> int:
        rows = [{"q": QUESTIONS[n % 2], "a": "the first", "why": "It is wider."} | row for n, row in enumerate(rows)]
        file = folder / f"q.{suffix}"
        if suffix == "parquet":
            write_hf(folder, file.name, rows, group=1)
        elif suffix == "csv":
            with file.open("w", newline="") as stream:
                writer = csv.DictWriter(stream, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
        else:
            text = json.dumps(rows) if suffix == "json" else "\n".join(map(json.dumps, rows)) + "\n"
            file.write_text(text)
        facts = {"name": "x", "file": file.name, "columns": {"question": "q", "answer": "a", "image": image}}
        facts["optional_columns"] = {"gold_reasoning": "why"}
        (folder / "m.yaml").write_text(yaml.safe_dump(facts | mapping))
        return run("own", folder, tmp_path / "out", "--mapping", folder / "m.yaml", *options)

    convert.folder, convert.out = folder, tmp_path / "out" / "train.parquet"
    convert.rows = lambda: read_rows(convert.out)
    return convert


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


TWO = [
    ("csv, two columns", "csv", ["now", "prior"], [{"now": "now.png", "prior": "prior.png"}], {}),
    ("csv, one column", "csv", "img", [{"img": "now.png; prior.png"}], {"image_separator": ";"}),
    ("json, a list of names", "json", "img", [{"img": ["now.png", "prior.png"]}], {}),
    ("jsonl, two columns", "jsonl", ["now", "prior"], [{"now": "now.png", "prior": ["prior.png"]}], {}),
    ("jsonl, base64", "jsonl", "img", [{"img": [b64(NOW), f"data:image/png;base64,{b64(PRIOR)}"]}], {}),
    ("parquet, verl's list", "parquet", "img", [{"img": [{"bytes": NOW}, {"bytes": PRIOR}]}], {}),
    ("parquet, a list of names", "parquet", "img", [{"img": ["now.png", "prior.png"]}], {}),
    ("parquet, two columns", "parquet", ["now", "prior"], [{"now": hf_image(NOW), "prior": hf_image(PRIOR)}], {}),
]


@pytest.mark.parametrize(("what", "suffix", "image", "rows", "mapping"), TWO, ids=[row[0] for row in TWO])
def test_several_images_are_read_from_every_format_in_their_order(own, what, suffix, image, rows, mapping):
    assert own(rows, suffix=suffix, image=image, **mapping) == 0
    (row,) = own.rows()
    assert row["images"] == [{"bytes": NOW}, {"bytes": PRIOR}]
    content = row["prompt"][0]["content"]
    assert content.startswith("Image 1: <image>\nImage 2: <image>\nWhich image is larger?\n")
    assert "that lead from the images to the answer" in content
    info = row["extra_info"]
    assert info["image_hashes"] == [digest(NOW), digest(PRIOR)]
    assert info["image_id"] == " + ".join(info["image_names"])
    assert info["image_sha256"] == hashlib.sha256("".join(info["image_hashes"]).encode()).hexdigest()
    if "names" in what or ("columns" in what and suffix != "parquet"):
        assert info["image_names"] == ["now.png", "prior.png"]


def test_further_columns_may_be_empty_and_the_first_may_not(own, capsys):
    rows = [{"now": "now.png", "prior": ""}, {"now": "now.png", "prior": "prior.png"}]
    assert own(rows, suffix="csv", image=["now", "prior"]) == 0
    assert [len(row["images"]) for row in own.rows()] == [1, 2]
    first = own.rows()[0]
    assert first["prompt"][0]["content"].startswith("<image>Which") and first["extra_info"]["image_names"] == [
        "now.png"
    ]
    assert own([{"now": "", "prior": "prior.png"}], suffix="csv", image=["now", "prior"]) == 1
    assert "now" in capsys.readouterr().err


def test_an_empty_further_cell_of_a_parquet_file_is_no_image(own):
    rows = [{"now": hf_image(NOW, "n.png"), "prior": hf_image(PRIOR, "p.png")}, {"now": hf_image(SIDE), "prior": None}]
    assert own(rows, suffix="parquet", image=["now", "prior"]) == 0
    assert [[i["bytes"] for i in row["images"]] for row in own.rows()] == [[NOW, PRIOR], [SIDE]]
    assert own.rows()[0]["extra_info"]["image_names"] == ["n.png", "p.png"]


REFUSED = [
    ("the second file is missing", [{"img": ["now.png", "absent.png"]}], (), "the image absent.png is missing"),
    ("the second name is empty", [{"img": ["now.png", ""]}], (), "img holds an empty entry among its 2 images"),
    ("the second is nothing", [{"img": ["now.png", {"bytes": None}]}], (), "img holds an empty entry among its 2"),
    ("the second is no image", [{"img": ["now.png", b64(b"x" * 300)]}], (), "not an image of a known format"),
    ("too many", [{"img": ["now.png"] * 3}], ("--max-images", "2"), "has 3 images, more than the 2 of --max-images"),
    (
        "too many pixels together",
        [{"img": ["now.png", "prior.png"]}],
        ("--max-row-pixels", "2000"),
        "the images of the row have 2,430 pixels together, more than the 2,000 of --max-row-pixels",
    ),
    ("leads out of the folder", [{"img": ["now.png", "../now.png"]}], (), "leads out of its folder"),
]


@pytest.mark.parametrize(("what", "rows", "options", "message"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a_fault_of_any_image_is_a_sentence_or_the_row_is_left_out_and_counted(
    own, capsys, what, rows, options, message
):
    good = {"img": ["now.png", "prior.png"]} if what != "too many pixels together" else {"img": "now.png"}
    assert own([*rows, good], *options) == 1
    assert message in capsys.readouterr().err and not own.out.exists()
    assert own([*rows, good], *options, "--skip-bad") == 0
    card = json.loads(own.out.with_suffix(".card.json").read_text())
    assert len(own.rows()) == 1 and len(card["bad"]) == 1


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (["now", "now"], "columns.image names a column twice"),
        ([], "columns.image must be a column or a list of columns"),
        (["now", 3], "columns.image must be a column or a list of columns"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_a_sentence(own, capsys, image, message):
    assert own([{"now": "now.png"}], image=image) == 1
    assert message in capsys.readouterr().err


def test_an_odd_image_in_the_second_place_is_converted_and_listed_under_its_name(own):
    (own.folder / "turned.jpg").write_bytes(turned())
    assert own([{"img": ["now.png", "turned.jpg"]}]) == 0
    (row,) = own.rows()
    assert row["images"][0]["bytes"] == NOW and row["images"][1]["bytes"].startswith(b"\x89PNG")
    assert row["extra_info"]["image_quirks"] == ["exif_rotation"]
    converted = json.loads(own.out.with_suffix(".card.json").read_text())["images"]["converted_to_png"]
    assert [(one["image_id"], one["sha256_after"]) for one in converted] == [
        ("turned.jpg", row["extra_info"]["image_hashes"][1])
    ]


def test_rows_are_told_apart_by_all_their_images(own):
    rows = [{"q": "Same?", "img": ["now.png", name]} for name in ("prior.png", "side.png", "prior.png")]
    assert own(rows, "--drop-duplicates") == 0
    assert [row["extra_info"]["image_id"] for row in own.rows()] == ["now.png + prior.png", "now.png + side.png"]
    card = json.loads(own.out.with_suffix(".card.json").read_text())
    assert card["images"]["different"] == 3


def test_a_row_that_shows_an_image_of_the_other_set_in_any_place_is_left_out(own, tmp_path):
    assert own([{"img": "prior.png"}]) == 0
    kept = tmp_path / "test.parquet"
    own.out.rename(kept)
    assert own([{"img": ["now.png", "prior.png"]}, {"img": ["now.png", "side.png"]}], "--drop-overlap", kept) == 0
    assert [row["extra_info"]["image_id"] for row in own.rows()] == ["now.png + side.png"]


def test_gold_reasoning_is_joined_by_the_names_of_all_images(own, tmp_path):
    gold = tmp_path / "gold.jsonl"
    line = {"image_name": "now.png + side.png", "question": "Same?", "answer": "the first", "reasoning": "It is so."}
    gold.write_text(json.dumps(line) + "\n")
    rows = [{"q": "Same?", "why": None, "img": ["now.png", name]} for name in ("prior.png", "side.png")]
    assert own(rows, "--gold-reasoning", gold) == 0
    assert [row["extra_info"]["gold_reasoning"] for row in own.rows()] == [None, "It is so."]


def test_sft_rows_show_several_images_too(own):
    assert own([{"img": ["now.png", "prior.png"]}], "--sft") == 0
    (row,) = own.rows()
    assert [turn["content"].count("<image>") for turn in row["messages"]] == [2, 0] and len(row["images"]) == 2


def test_tools_see_every_image_of_a_row(own, tmp_path):
    assert own([{"img": ["now.png", "prior.png"]}, {"img": ["side.png", "prior.png"]}]) == 0
    out = tmp_path / "report.html"
    facts = tmp_path / "report.json"
    assert main(["report", str(own.out), "--html", str(out), "--json", str(facts)]) == 0
    assert out.read_text().count("<figure>") >= 3 and '"images": 3' in facts.read_text()
    sample = tmp_path / "sample.parquet"
    assert main(["sample", str(own.out), "--out", str(sample), "--rows", "1"]) == 0
    assert [len(row["images"]) for row in read_rows(sample)] == [2]


def test_rows_of_version_0_1_and_of_other_packages_are_completed(own, tmp_path):
    assert own([{"img": ["now.png", "prior.png"]}, {"img": "side.png"}]) == 0
    rows = own.rows()
    for row in rows:
        for name in ("image_names", "image_hashes"):
            del row["extra_info"][name]
    assert find_fault(rows[0]) is None
    old = write_hf(tmp_path, "old.parquet", rows)
    first, second = (row["extra_info"] for row in iter_questions(old))
    assert first["image_id"] == "now.png + prior.png" and second["image_names"] == ["side.png"]
    assert first["image_hashes"] == [digest(NOW), digest(PRIOR)]
    assert [info["image_sha256"] for info in infos(old)] == [hash_of_row(first["image_hashes"]), digest(SIDE)]


def test_a_row_whose_lists_do_not_fit_its_images_is_refused(own):
    assert own([{"img": ["now.png", "prior.png"]}]) == 0
    (row,) = own.rows()
    row["extra_info"]["image_names"] = ["now.png"]
    assert find_fault(row) == "extra_info.image_names has 1 entries for 2 images"


def test_a_record_of_an_own_data_set_names_each_of_its_images():
    refs = [(MemoryImage(name, data), name) for name, data in FILES.items()]
    facts = {"split": "train", "index": 0, "question": "?", "answers": ("a",), "file": "f", "where": 0}
    record = Record(**facts, **shown(refs))
    assert [name for _, name in record.images] == list(FILES)
    with pytest.raises(ValueError, match="image_names"):
        Record(**facts, image=refs[0][0], image_id="x", more_images=(refs[1][0],))
