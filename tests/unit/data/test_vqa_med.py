"""VQA-Med 2019 on real files, VQA-Med 2021 on files made in its form."""

from __future__ import annotations

import shutil

import pytest

from data_preprocess.vqa_med_2019 import reference_answers
from tests.unit.data.helpers import SAMPLES, draw, hf_image, read_rows, run, write_hf

SAMPLE = SAMPLES / "vqa_med_2019"


def info_of(out, split="test"):
    return [row["extra_info"] for row in read_rows(out / f"{split}.parquet")]


@pytest.mark.parametrize(
    ("raw", "answers"),
    [
        ("axial", ("axial",)),
        ("noncontrast (mri)", ("noncontrast mri", "noncontrast")),  # ( ): optional
        ("(staging burkitt) lymphoma", ("staging burkitt lymphoma", "lymphoma")),
        ("glioma#multi-cystic mass#neoplasm", ("glioma", "multi-cystic mass", "neoplasm")),  # #: alternatives
        ("a (b)#a", ("a b", "a")),  # no answer twice
        ("(b)", ("b",)),  # what is optional throughout is the answer
        (" # ", ()),
        ("t2 (flair) (axial)", ("t2 flair axial", "t2")),
        ("glioma (grade (iv))", ("glioma grade iv", "glioma")),  # one optional part in another
        ("mass (large", ("mass large",)),  # not closed: nothing is optional
    ],
)
def test_alternatives_and_optional_parts(raw, answers):
    assert reference_answers(raw) == answers


def test_test_set_of_2019(tmp_path):
    assert run("vqa_med_2019", SAMPLE, tmp_path, "--split", "test") == 0
    info = {i["image_id"]: i for i in info_of(tmp_path)}
    assert len(info) == 8
    assert info["synpic45842.jpg"]["question"] == "is this a t1 weighted image?"  # a tab stands in the official file
    assert info["synpic54143.jpg"]["answers"] == [
        "anaplastic oligodendroglioma",
        "multi-cystic complex mass",
        "neoplasm",
    ]
    assert info["synpic54143.jpg"]["answer_raw"].count("#") == 2 and info["synpic38359.jpg"]["answer_raw"] is None
    assert info["synpic39301.jpg"]["question_type"] == "organ"


def test_training_set_of_2019_takes_answers_as_they_are(tmp_path):
    assert run("vqa_med_2019", SAMPLE, tmp_path, "--split", "train") == 0
    answers = [i["answer"] for i in info_of(tmp_path, "train")]
    assert len(answers) == 8 and "pet - positron emission" in answers


def test_categories_can_be_chosen(tmp_path):
    run("vqa_med_2019", SAMPLE, tmp_path, "--split", "test", "--category", "abnormality", "plane")
    assert {i["question_type"] for i in info_of(tmp_path)} == {"abnormality", "plane"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("synpic39301|plane|what?", "line 9: 3 fields separated by |, where 4 belong"),
        ("synpic39301|plane|what?|", "line 9: answer is empty"),
        ("synpic39301|plane||axial", "line 9: question is empty"),
        ("synpic39301|plane|what?|#", "line 9: answer is empty: '#' stands for a missing value"),
        ("../synpic39301|plane|what?|axial", "line 9: image ../synpic39301.jpg: the file name"),
        ("synpic1|plane|what?|axial", "line 9: image synpic1.jpg: the image synpic1.jpg is missing"),
    ],
)
def test_a_bad_line_is_named(tmp_path, capsys, written, line, message):
    shutil.copytree(SAMPLE, tmp_path / "in")
    file = tmp_path / "in" / "VQAMed2019Test" / "VQAMed2019_Test_Questions_w_Ref_Answers.txt"
    file.write_text(file.read_text() + line + "\n")
    assert run("vqa_med_2019", tmp_path / "in", tmp_path / "out", "--split", "test") == 1
    assert f"{file.name}, {message}" in capsys.readouterr().err and written() == []


def test_an_empty_folder_is_told(tmp_path, capsys):
    for dataset in (
        "vqa_med_2019",
        "vqa_med_2021",
        "pathvqa",
        "pmc_vqa",
        "quilt_vqa",
        "radimagenet_vqa",
        "mimic_cxr_vqa",
    ):
        assert run(dataset, tmp_path, tmp_path / "out") == 1
        assert "looked for" in (error := capsys.readouterr().err) or "there is neither" in error


# --- 2021: files made in the official form ---


@pytest.fixture
def set2021(tmp_path):
    folder = tmp_path / "in" / "Task1-VQA-2021-TestSet-w-GroundTruth"
    (folder / "VQA-500-Images").mkdir(parents=True)
    question = "what abnormality is seen in the image?"
    answers = {
        "synpic1": "pulmonary embolism",
        "synpic2": "osteopoikilosis|osteosclerotic lesions",
        "synpic3": "glioma",
    }
    for image in answers:
        (folder / "VQA-500-Images" / f"{image}.jpg").write_bytes(draw("JPEG"))
    (folder / "Task1-VQA-2021-TestSet-Questions.txt").write_text("".join(f"{i}|{question}\n" for i in answers))
    (folder / "Task1-VQA-2021-TestSet-ReferenceAnswers.txt").write_text(
        "".join(f"{i}|{a}\n" for i, a in answers.items())
    )
    return tmp_path / "in", folder


def test_single_reference_questions_are_the_default_in_2021(set2021, tmp_path):
    assert run("vqa_med_2021", set2021[0], tmp_path / "out") == 0
    assert [(i["answer"], i["index"]) for i in info_of(tmp_path / "out")] == [("pulmonary embolism", 0), ("glioma", 2)]
    card = (tmp_path / "out" / "test.card.md").read_text()
    assert "1 questions with several reference answers left out" in card and "the study has 425" in card


def test_all_references_are_kept_on_request(set2021, tmp_path):
    run("vqa_med_2021", set2021[0], tmp_path / "out", "--references", "all")
    assert info_of(tmp_path / "out")[1]["answers"] == ["osteopoikilosis", "osteosclerotic lesions"]


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("Questions", "synpic9|what?", "line 4: Task1-VQA-2021-TestSet-ReferenceAnswers.txt has no answer for synpic9"),
        ("Questions", "synpic1|what?", "line 4: a second question for synpic1"),
        ("ReferenceAnswers", "synpic1|other", "line 4: a second answer line for synpic1"),
        ("ReferenceAnswers", "synpic1", "line 4: 1 fields separated by |, where two or more belong"),
    ],
)
def test_questions_and_answers_must_fit_in_2021(set2021, tmp_path, capsys, name, line, message):
    file = set2021[1] / f"Task1-VQA-2021-TestSet-{name}.txt"
    file.write_text(file.read_text() + line + "\n")
    assert run("vqa_med_2021", set2021[0], tmp_path / "out") == 1
    assert f"{file.name}, {message}" in capsys.readouterr().err


def test_hugging_face_form_of_2021(tmp_path):
    row = {"image": hf_image(draw("JPEG"), "synpic1.jpg"), "question": "what?", "answer": "glioma"}
    write_hf(tmp_path / "hf", "data/test-00000-of-00001.parquet", [row])
    assert run("vqa_med_2021", tmp_path / "hf", tmp_path / "out") == 0
    assert info_of(tmp_path / "out")[0]["answer"] == "glioma"
