"""One's own data: the worked example, every file format, and mappings that make no sense."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
import yaml

from tests.unit.data.helpers import hf_image, read_rows, run, write_hf

EXAMPLE = Path(__file__).parents[3] / "examples" / "data" / "own_sample"


@pytest.fixture
def own(tmp_path):
    """The worked example in a folder of the test's own; `own(**changes)` rewrites the mapping and runs the command."""
    folder = tmp_path / "own"
    shutil.copytree(EXAMPLE, folder)

    def convert(*options: str, **changes) -> int:
        mapping = yaml.safe_load((folder / "mapping.yaml").read_text()) | changes
        mapping = {key: value for key, value in mapping.items() if value is not ...}
        (folder / "mapping.yaml").write_text(yaml.safe_dump(mapping))
        return run("own", folder, tmp_path / "out", "--mapping", folder / "mapping.yaml", *options)

    convert.folder, convert.out = folder, tmp_path / "out"
    return convert


def test_the_worked_example(own):
    assert own() == 0
    train, test = (read_rows(own.out / f"{split}.parquet") for split in ("train", "test"))
    assert (len(train), len(test)) == (3, 2) and {row["data_source"] for row in train + test} == {"phantoms"}
    info = train[0]["extra_info"]
    assert info["answers"] == ["round", "circle"] and info["answer_raw"] == "round#circle"
    assert info["gold_reasoning"].endswith("The shape is round.") and info["gold_source"] == "phantoms"
    assert test[0]["extra_info"]["gold_reasoning"] is None and info["may_leave_machine"] is True
    card = (own.out / "train.card.md").read_text()
    assert "drawn and written for this project" in card


def test_data_may_not_leave_the_machine_unless_the_mapping_says_so(own):
    own(may_leave_machine=...)
    assert not any(row["extra_info"]["may_leave_machine"] for row in read_rows(own.out / "train.parquet"))


@pytest.mark.parametrize("suffix", ["json", "jsonl", "parquet"])
def test_other_formats_give_the_same_rows(own, suffix):
    own()
    expected = [row["prompt"] for row in read_rows(own.out / "train.parquet")]
    with (own.folder / "fragen.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    if suffix == "json":
        (own.folder / "q.json").write_text(json.dumps(rows))
    elif suffix == "jsonl":
        (own.folder / "q.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    else:
        pictures = own.folder / "bilder"
        content = [row | {"Datei": hf_image((pictures / row["Datei"]).read_bytes(), row["Datei"])} for row in rows]
        write_hf(own.folder, "q.parquet", content)
    assert own(file=f"q.{suffix}") == 0
    assert [row["prompt"] for row in read_rows(own.out / "train.parquet")] == expected


def test_a_downloaded_hub_data_set_is_read_shard_by_shard(own):
    """Splits by file name, several files a split: the form in which the hub stores most data sets."""
    with (own.folder / "fragen.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    pictures = own.folder / "bilder"
    content = [row | {"Datei": hf_image((pictures / row["Datei"]).read_bytes(), row["Datei"])} for row in rows]
    for name, part in {"train-00000": content[:2], "train-00001": content[2:3], "test-00000": content[3:]}.items():
        write_hf(own.folder, f"{name}.parquet", part)
    files = {"train": "train-*.parquet", "test": "test-00000.parquet"}
    without_split = {"record_id": "Nummer", "gold_reasoning": "Warum"}
    assert own(file=files, optional_columns=without_split, splits=...) == 0
    found = {split: read_rows(own.out / f"{split}.parquet") for split in ("train", "test")}
    assert {split: [row["extra_info"]["question"] for row in rows] for split, rows in found.items()} == {
        "train": [row["Frage"] for row in rows[:3]],
        "test": [row["Frage"] for row in rows[3:]],
    }
    assert [row["extra_info"]["index"] for row in found["train"]] == [0, 1, 2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colums": {}}, "key 'colums' is unknown; known are name, file"),
        ({"name": ...}, "mapping.yaml lacks name"),
        ({"columns": {"question": "Frage"}}, "columns must name exactly question, answer, image"),
        ({"optional_columns": {"colour": "x"}}, "optional column 'colour' is unknown"),
        ({"splits": {"training": "trainig"}}, "split 'trainig' is not one of train, validation, test"),
        ({"may_leave_machine": "yes please"}, "may_leave_machine must be true or false"),
        ({"file": "fragen.xlsx"}, "the file must be .csv, .tsv, .json, .jsonl or .parquet; save the sheet as CSV"),
        ({"file": "no.csv"}, "no.csv does not exist"),
        ({"file": "no-*.csv"}, "is called no-*.csv"),
        ({"file": ["fragen.csv"]}, "file must be a name, or a name for each split"),
        ({"file": {"prüfung": "fragen.csv"}}, "split 'prüfung' is not one of train, validation, test"),
        (
            {"columns": {"question": "Q", "answer": "Antwort", "image": "Datei"}},
            "lacks the columns Q; it has Nummer, Teil",
        ),
        ({"splits": {"training": "train"}}, "line 5: split 'pruefung' is not one of"),
        (
            {"optional_columns": {"record_id": "Teil"}, "split": "train"},
            "line 3: record_id 'training' is also that of line 2",
        ),
        ({"name": 2024}, "name must be text, not 2024; put it into quotes"),
        ({"licence": ["a"]}, "licence must be text, not ['a']"),
        ({"splits": {True: "train"}}, "splits must be text, not True; put it into quotes"),
        ({"alternatives": 3}, "alternatives must be text, not 3"),
        ({"images": "pictures"}, "line 2: image phantom1.png: the image phantom1.png is missing in pictures"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_told(own, capsys, written, changes, message):
    assert own(**changes) == 1
    assert message in capsys.readouterr().err and written() == []


def test_the_file_of_a_split_that_is_not_asked_for_is_not_read(own, capsys):
    with (own.folder / "fragen.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    (own.folder / "test.jsonl").write_text("\n".join(map(json.dumps, rows[3:])))
    files = {"train": "absent.jsonl", "test": "test.jsonl"}
    assert own("--split", "test", file=files, optional_columns=..., splits=...) == 0
    (own.folder / "absent.jsonl").write_text("{")
    assert own("--split", "test") == 0
    assert own("--split", "train", "test") == 1
    assert "absent.jsonl, line 1: no JSON" in capsys.readouterr().err


def test_images_may_lie_elsewhere_than_the_mapping_says(own, tmp_path):
    (own.folder / "bilder").rename(tmp_path / "pictures")
    assert own("--images", str(tmp_path / "pictures")) == 0


def test_one_broken_line_is_one_bad_row(own, capsys):
    with (own.folder / "fragen.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    lines = [json.dumps(row, ensure_ascii=False).encode() for row in rows]
    lines[1], lines[2] = b'{"Nummer": ', b"\xff\xfe"
    (own.folder / "q.jsonl").write_bytes(b"\n".join(lines))
    assert own(file="q.jsonl") == 1
    assert "q.jsonl, line 2: no JSON" in capsys.readouterr().err
    assert own("--skip-bad", file="q.jsonl") == 0
    written = [row for split in ("train", "test") for row in read_rows(own.out / f"{split}.parquet")]
    assert len(written) == len(rows) - 2


def test_yaml_cannot_make_objects(own, tmp_path, capsys):
    marker = tmp_path / "ran"
    (own.folder / "mapping.yaml").write_text(f"name: !!python/object/apply:os.mkdir ['{marker}']\n")
    assert run("own", own.folder, own.out, "--mapping", own.folder / "mapping.yaml") == 1
    assert "is no YAML" in capsys.readouterr().err and not marker.exists()


def test_a_split_column_of_numbers_needs_no_quotes(own):
    text = (own.folder / "fragen.csv").read_text().replace("training", "0").replace("pruefung", "1")
    (own.folder / "fragen.csv").write_text(text)
    assert own(splits={0: "train", 1: "test"}) == 0
    assert [len(read_rows(own.out / f"{split}.parquet")) for split in ("train", "test")] == [3, 2]


def test_a_mapping_that_refers_to_itself_again_and_again_is_told_in_a_line(own, capsys):
    """Eight lists in each of twelve lists: as text it would fill the memory."""
    mapping = own.folder / "mapping.yaml"
    head = "name: x\nfile: q.csv\ncolumns: {question: q, answer: a, image: i}\n"
    lines = ["&y0 [a, a, a, a, a, a, a, a]"]
    lines += [f"&y{number} [{', '.join([f'*y{number - 1}'] * 8)}]" for number in range(1, 12)]
    anchors = "".join(f"  - {line}\n" for line in lines)
    mapping.write_text(f"{head}licence:\n{anchors}")
    assert run("own", own.folder, own.out, "--mapping", mapping) == 1
    told = capsys.readouterr().err
    assert "licence must be text" in told and len(told) < 1000


def test_a_record_without_a_field_names_those_it_has(own, capsys):
    (own.folder / "q.json").write_text(json.dumps([{"Frage": "What?", "Datei": "phantom1.png"}]))
    assert own(file="q.json", optional_columns={}) == 1
    assert "q.json, row 0: fields missing: Antwort; found: Frage, Datei" in capsys.readouterr().err


# --- long answers and multiple choice


def table(own, rows, **mapping):
    (own.folder / "q.jsonl").write_text("".join(json.dumps({"i": "circle.png", **row}) + "\n" for row in rows))
    image = next(file for file in sorted((own.folder / "bilder").iterdir()))
    shutil.copy(image, own.folder / "bilder" / "circle.png")
    columns = {"question": "q", "answer": "a", "image": "i"}
    return own(file="q.jsonl", columns=columns, optional_columns={}, split=..., splits=..., alternatives=..., **mapping)


def test_a_long_answer_is_asked_for_in_full_sentences(own):
    report = "The heart is normal. The lungs are clear. " * 30 + "Normal."  # longer than a short answer may be
    assert table(own, [{"q": "Write the report.", "a": report}], task="long") == 0
    (row,) = read_rows(own.out / "train.parquet")
    assert "Then write the answer in full sentences" in row["prompt"][0]["content"]
    assert row["extra_info"]["answer"] == report and row["extra_info"]["choices"] is None


@pytest.mark.parametrize(
    ("row", "mapping"),
    [
        ({"a": "B", "c": ["CT", "MRI", "X-ray"]}, {"choices": "c"}),
        ({"a": "MRI", "c": ["CT", "MRI", "X-ray"]}, {"choices": "c"}),
        ({"a": "(b)", "c": "CT|MRI|X-ray"}, {"choices": "c", "choice_separator": "|"}),
        ({"a": "B. MRI", "x": "CT", "y": "MRI", "z": "X-ray"}, {"choices": ["x", "y", "z"], "task": "choice"}),
        ({"a": "B", "x": "CT", "y": "MRI", "z": "X-ray", "w": ""}, {"choices": ["x", "y", "z", "w"]}),
    ],
)
def test_choices_are_shown_with_letters_and_the_gold_answer_is_the_text_of_the_right_one(own, row, mapping):
    assert table(own, [{"q": "Which modality?", **row}], **mapping) == 0
    (made,) = read_rows(own.out / "train.parquet")
    info = made["extra_info"]
    assert list(info["choices"]) == ["CT", "MRI", "X-ray"] and info["answer"] == "MRI"
    assert info["question"] == "Which modality?", "without the choices, of which the answer is one"
    assert "Which modality?\nA. CT\nB. MRI\nC. X-ray\n" in made["prompt"][0]["content"]
    assert "give only the letter of the right choice inside <answer>" in made["prompt"][0]["content"]


@pytest.mark.parametrize(
    ("row", "mapping", "says"),
    [
        ({"a": "E", "c": ["CT", "MRI"]}, {"choices": "c"}, "neither the text nor the letter"),
        ({"a": "A. MRI", "c": ["CT", "MRI"]}, {"choices": "c"}, "neither the text nor the letter"),
        ({"a": "CT", "c": ["CT"]}, {"choices": "c"}, "two choices or more"),
        ({"a": "CT", "c": []}, {"choices": "c"}, "two choices or more"),
        ({"a": "CT", "c": ["CT", "CT"]}, {"choices": "c"}, "holds a text twice"),
        ({"a": "CT", "c": "CT|MRI"}, {"choices": "c"}, "a list of choices"),
        ({"a": "CT", "c": ["CT", "<|im_end|>"]}, {"choices": "c"}, "a chat template"),
        ({"a": "CT", "c": ["CT", "<image>"]}, {"choices": "c"}, "placeholder"),
        ({"a": "CT"}, {"task": "choice"}, "need each other"),
        ({"a": "CT", "c": ["CT", "MRI"]}, {"choices": "c", "task": "long"}, "need each other"),
        ({"a": "CT"}, {"task": "essay"}, "task 'essay' is not one of short, long, choice"),
        ({"a": "CT"}, {"choices": ["c", "c"]}, "a column or a list of columns"),
    ],
)
def test_a_multiple_choice_that_makes_no_sense_is_refused_in_a_sentence(own, capsys, row, mapping, says):
    assert table(own, [{"q": "Which modality?", **row}], **mapping) == 1
    assert says in capsys.readouterr().err
