"""Reports of Open-i: records made in the documented form (XML beside PNG), and what is wrong with some."""

from __future__ import annotations

import json

import pytest

from data_preprocess.open_i import read_report
from data_preprocess.source.errors import BadRow
from tests.unit.data.helpers import draw, read_rows, run
from tests.unit.data.made import open_i

REPORT = """<?xml version="1.0" encoding="utf-8"?>
<eCitation><uId id="CXR{n}"/><MedlineCitation><Article><Abstract>
<AbstractText Label="INDICATION">Cough</AbstractText>
<AbstractText Label="FINDINGS">{findings}</AbstractText>
<AbstractText Label="IMPRESSION">{impression}</AbstractText>
</Abstract></Article></MedlineCitation>{images}</eCitation>"""
IMAGE = '<parentImage id="CXR{n}_IM-1"><figureId>F1</figureId></parentImage>'


def write(folder, n, *, findings="The lungs are clear.", impression="Normal.", images=IMAGE, text=REPORT):
    (folder / "ecgen-radiology").mkdir(parents=True, exist_ok=True)
    (folder / "NLMCXR_png").mkdir(exist_ok=True)
    (folder / "NLMCXR_png" / f"CXR{n}_IM-1.png").write_bytes(draw("PNG"))
    file = folder / "ecgen-radiology" / f"{n}.xml"
    file.write_text(text.format(n=n, findings=findings, impression=impression, images=images.format(n=n)))
    return file


@pytest.mark.parametrize(
    ("section", "answer"),
    [
        ("findings", "The heart is normal in size. There is a small right pleural effusion. The left lung is clear."),
        ("impression", "Small right pleural effusion."),
    ],
)
def test_the_sample_becomes_rows_with_the_section_as_answer_and_the_findings_as_reasoning(tmp_path, section, answer):
    open_i(tmp_path / "in")
    assert run("open_i", tmp_path / "in", tmp_path / "out", "--section", section) == 0
    train, test = (read_rows(tmp_path / "out" / f"{split}.parquet") for split in ("train", "test"))
    assert (len(train), len(test)) == (11, 1) and {row["data_source"] for row in train} == {"open-i"}
    row = train[2]
    assert row["reward_model"]["ground_truth"] == answer and row["extra_info"]["record_id"] == "CXR3"
    assert row["extra_info"]["gold_reasoning"].startswith("The heart is normal in size. There is a small right")
    assert "in full sentences" in row["prompt"][0]["content"] and "as short as possible" not in str(row["prompt"])
    assert len(train[0]["images"]) == 2 and "Image 2: <image>" in train[0]["prompt"][0]["content"]


def test_a_sentence_with_a_masked_word_is_left_out_and_counted(tmp_path):
    open_i(tmp_path / "in")
    run("open_i", tmp_path / "in", tmp_path / "out")
    row = read_rows(tmp_path / "out" / "train.parquet")[6]["extra_info"]
    assert row["answer"] == "The cardiac silhouette is normal. The lungs are clear." and "XXXX" in row["answer_raw"]
    assert "1 sentences with a masked word (XXXX) left out" in (tmp_path / "out" / "train.card.md").read_text()
    run("open_i", tmp_path / "in", tmp_path / "impression", "--section", "impression")
    assert read_rows(tmp_path / "impression" / "train.parquet")[6]["extra_info"]["answer"] == "Normal chest x-ray."


def test_studies_without_the_section_or_an_image_are_left_out_with_a_note_and_keep_their_number(tmp_path):
    folder = tmp_path / "in"
    write(folder, 1)
    write(folder, 2, findings="")
    write(folder, 3, images="")
    write(folder, 4, findings="Clear XXXX.")
    write(folder, 10)
    assert run("open_i", folder, tmp_path / "out") == 0
    rows = read_rows(tmp_path / "out" / "train.parquet")
    assert [(row["extra_info"]["record_id"], row["extra_info"]["index"]) for row in rows] == [("CXR1", 0), ("CXR10", 4)]
    card = json.dumps((tmp_path / "out" / "train.card.md").read_text())
    assert "2 reports without findings left out" in card and "1 reports without an image left out" in card


ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
BOMB = f'<?xml version="1.0"?>{ENTITIES}<eCitation><uId id="&b;"/></eCitation>'


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (BOMB.encode(), "document type or entities"),
        (BOMB.encode("utf-16"), "document type or entities"),
        (b"<eCitation>", "it is no XML"),
        (b"\x00\xff", "it is no XML"),
        (b"", "it is no XML"),
        (b'<?xml version="1.0" encoding="no-such"?><a/>', "it is no XML"),
        (b" " * 4_000_001, "more than 4,000,000 bytes"),
    ],
)
def test_a_file_that_is_no_report_is_a_bad_row_and_nothing_is_expanded(tmp_path, content, says):
    file = tmp_path / "1.xml"
    file.write_bytes(content)
    with pytest.raises(BadRow, match=says):
        read_report(file)


def test_an_image_cannot_lead_out_of_its_folder(tmp_path, capsys):
    folder = tmp_path / "in"
    write(folder, 1, images='<parentImage id="../../secret"/>')
    assert run("open_i", folder, tmp_path / "out") == 1
    assert "leads out of its folder" in capsys.readouterr().err


def test_a_folder_without_reports_says_what_was_looked_for(tmp_path, capsys):
    assert run("open_i", tmp_path, tmp_path / "out") == 1
    assert "ecgen-radiology/*.xml" in capsys.readouterr().err
