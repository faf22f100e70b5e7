"""PMC-VQA, Quilt-VQA, RadImageNet-VQA and MIMIC-CXR-VQA, on files made in their documented form."""

from __future__ import annotations

import csv
import json
import zipfile

import pytest

from tests.unit.data.helpers import draw, hf_image, read_rows, run, write_hf


def info_of(out, split="test"):
    return [row["extra_info"] for row in read_rows(out / f"{split}.parquet")]


# --- PMC-VQA; the row is the one on its Hugging Face card ---

PMC_HEADER = ["Figure_path", "Question", "Answer", "Choice A", "Choice B", "Choice C", "Choice D", "Answer_label"]
PMC_ROW = [
    "PMC1064097_F1.jpg",
    "What is the uptake pattern in the breast? ",
    "Focal uptake pattern",
    " A:Diffuse uptake pattern ",
    " B:Focal uptake pattern ",
    " C:No uptake pattern ",
    " D:Cannot determine from the information given ",
    "B",
]


def pmc(folder, rows, header=PMC_HEADER):
    folder.mkdir(exist_ok=True)
    with (folder / "test_clean.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])
    with zipfile.ZipFile(folder / "images.zip", "w") as archive:
        archive.writestr("images/PMC1064097_F1.jpg", draw("JPEG"))
    return folder


def test_pmc_vqa_is_asked_open_ended(tmp_path):
    assert run("pmc_vqa", pmc(tmp_path / "in", [PMC_ROW]), tmp_path / "out") == 0
    (row,) = read_rows(tmp_path / "out" / "test.parquet")
    assert row["reward_model"]["ground_truth"] == "Focal uptake pattern"
    assert "Diffuse" not in row["prompt"][0]["content"]  # no choice is shown
    assert row["extra_info"]["context"] == (
        "choices: Diffuse uptake pattern | Focal uptake pattern | No uptake pattern | "
        "Cannot determine from the information given"
    )


def test_pmc_vqa_answers_with_a_letter_prefix_lose_it(tmp_path):
    row = [*PMC_ROW[:2], " B:Focal uptake pattern ", *PMC_ROW[3:]]
    run("pmc_vqa", pmc(tmp_path / "in", [row]), tmp_path / "out")
    assert info_of(tmp_path / "out")[0]["answer"] == "Focal uptake pattern"


def test_the_clean_copy_of_pmc_vqa(tmp_path):
    row = {"image": hf_image(draw("JPEG")), "query": "What?", "answer": "Focal"}
    write_hf(tmp_path / "in", "data/train-00000-of-00001.parquet", [row] * 4)
    assert run("pmc_vqa", tmp_path / "in", tmp_path / "out") == 0
    assert [i["index"] for i in info_of(tmp_path / "out")] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        (
            [PMC_ROW],
            [*PMC_HEADER[:2], "Caption", *PMC_HEADER[3:]],
            "test_clean.csv lacks the columns Answer; it has Figure_path",
        ),
        ([PMC_ROW[:-1]], PMC_HEADER, "test_clean.csv, line 2: not as many fields as the header (8)"),
        ([[*PMC_ROW, "x"]], PMC_HEADER, "test_clean.csv, line 2: not as many fields as the header (8)"),
        ([["x.jpg", *PMC_ROW[1:]]], PMC_HEADER, "line 2: image x.jpg: the image x.jpg is missing in images.zip"),
        ([["../x.jpg", *PMC_ROW[1:]]], PMC_HEADER, "line 2: image ../x.jpg: the file name '../x.jpg' leads out"),
    ],
)
def test_broken_pmc_vqa_is_told(tmp_path, capsys, written, rows, header, message):
    assert run("pmc_vqa", pmc(tmp_path / "in", rows, header), tmp_path / "out") == 1
    assert message in capsys.readouterr().err and written() == []


# --- Quilt-VQA ---

QUILT = [
    {"question": "What is seen?", "answer": "Keratin pearls.", "answer_type": "OPEN", "context": "a caption"},
    {
        "question": "Is it malignant?",
        "answer": "Yes, it is malignant.",
        "answer_type": "CLOSED",
        "context": "a caption",
    },
]


@pytest.mark.parametrize("split", ["train", "test"])  # sources disagree on the name of its one split
def test_quilt_vqa_is_open_by_its_type(tmp_path, split):
    rows = [{"image": hf_image(draw("JPEG"))} | row for row in QUILT]
    write_hf(tmp_path / "in", f"data/{split}-00000-of-00001.parquet", rows)
    assert run("quilt_vqa", tmp_path / "in", tmp_path / "out", "--open-only") == 0
    (info,) = info_of(tmp_path / "out")  # "Yes, it is …" is not the word yes, so the answer's text would not do
    assert (info["question"], info["context"]) == ("What is seen?", "a caption")


def test_quilt_vqa_json_form(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_bytes(draw("JPEG"))
    (tmp_path / "quiltvqa_test_w_ans.json").write_text(json.dumps([row | {"image": "a.jpg"} for row in QUILT]))
    assert run("quilt_vqa", tmp_path, tmp_path / "out") == 0
    assert len(info_of(tmp_path / "out")) == 2


# --- RadImageNet-VQA ---


def radimagenet(folder):
    kinds = {"open": "pneumonia", "closed": "yes", "multiple_choice": "A"}
    rows = [
        {
            "image": hf_image(draw()),
            "question": f"{kind}?",
            "choices": ["a", "b"],
            "answer": answer,
            "question_type": kind,
            "metadata": {"content_type": "pathology", "modality": "CT", "location": "lung", "question_id": f"q{kind}"},
        }
        for kind, answer in kinds.items()
    ]
    write_hf(folder, "benchmark/test-00000-of-00001.parquet", rows)
    return folder


def test_radimagenet_vqa_takes_the_open_questions(tmp_path):
    assert run("radimagenet_vqa", radimagenet(tmp_path / "in"), tmp_path / "out") == 0
    (info,) = info_of(tmp_path / "out")
    assert (info["answer"], info["modality"], info["organ"], info["record_id"]) == ("pneumonia", "CT", "lung", "qopen")
    assert "2 questions of other kinds left out" in (tmp_path / "out" / "test.card.md").read_text()


def test_radimagenet_vqa_other_kinds_on_request(tmp_path):
    run("radimagenet_vqa", radimagenet(tmp_path / "in"), tmp_path / "out", "--question-kind", "closed", "open")
    assert [i["index"] for i in info_of(tmp_path / "out")] == [0, 1]


# --- MIMIC-CXR-VQA ---


def mimic(folder, *answers):
    (folder / "files" / "p10").mkdir(parents=True)
    (folder / "files" / "p10" / "a.jpg").write_bytes(draw("JPEG"))
    records = [
        {
            "split": "test", "idx": i, "image_id": "a", "question": f"Q{i}?", "content_type": "anatomy",
            "semantic_type": "verify" if answer == ["yes"] else "query", "answer": answer,
            "subject_id": 1, "study_id": 2, "image_path": "p10/a.jpg",
        }
        for i, answer in enumerate(answers)
    ]  # fmt: skip
    (folder / "test.json").write_text(json.dumps(records))
    return folder


def test_mimic_rows_may_not_leave_the_machine(tmp_path):
    folder = mimic(tmp_path / "in", ["yes"], ["left lung", "right lung"], "female")
    assert run("mimic_cxr_vqa", folder, tmp_path / "out") == 0
    info = info_of(tmp_path / "out")
    assert [i["answer"] for i in info] == ["yes", "left lung, right lung", "female"]
    assert not any(i["may_leave_machine"] for i in info)
    assert "may not leave the machine" in (tmp_path / "out" / "test.card.md").read_text()


def test_mimic_empty_answer_lists_are_left_out_and_counted_or_given_a_text(tmp_path):
    folder = mimic(tmp_path / "in", [], ["yes"])
    run("mimic_cxr_vqa", folder, tmp_path / "out")
    assert [i["index"] for i in info_of(tmp_path / "out")] == [1]
    assert "1 questions with an empty answer list left out" in (tmp_path / "out" / "test.card.md").read_text()
    run("mimic_cxr_vqa", folder, tmp_path / "out", "--empty-answer", "none")
    assert [i["answer"] for i in info_of(tmp_path / "out")] == ["none", "yes"]


@pytest.mark.parametrize("answer", ["", None, {"a": 1}])
def test_a_mimic_answer_that_is_neither_text_nor_list_is_told(tmp_path, capsys, answer):
    assert run("mimic_cxr_vqa", mimic(tmp_path / "in", answer), tmp_path / "out") == 1
    assert "test.json, row 0: answer" in capsys.readouterr().err


def test_pmc_vqa_answers_that_begin_with_an_abbreviation_keep_it(tmp_path):
    row = [*PMC_ROW[:2], "C. albicans", *PMC_ROW[3:]]
    run("pmc_vqa", pmc(tmp_path / "in", [row]), tmp_path / "out")
    assert info_of(tmp_path / "out")[0]["answer"] == "C. albicans"


def test_a_csv_row_of_another_width_is_one_bad_row(tmp_path, capsys):
    rows = [PMC_ROW[:-1], PMC_ROW]
    assert run("pmc_vqa", pmc(tmp_path / "in", rows), tmp_path / "out", "--skip-bad") == 0
    assert [i["index"] for i in info_of(tmp_path / "out")] == [1]
    assert "1 bad rows left out" in capsys.readouterr().err
