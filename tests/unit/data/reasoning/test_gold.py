"""Gold reasoning: both file formats, the join and its counts."""

from __future__ import annotations

import json

import pytest

from data_preprocess.command.dataset import main
from data_preprocess.reasoning.gold import GoldReasoning, shared_names
from data_preprocess.source.errors import DataError
from data_preprocess.source.records import Record
from tests.unit.data.helpers import VQA_RAD, MemoryImage


def record(image="synpic1.jpg", question="What plane is this?", answer="Axial", **values) -> Record:
    facts = dict(
        split="train", index=0, question=question, answers=(answer,), image=MemoryImage(image, b""), image_id=image,
        file="f.json", where=0,
    )  # fmt: skip
    return Record(**facts | values)


MEDTHINK = {
    "1": {
        "question": "What plane is this ?",
        "choices": ["axial"],
        "answer": 0,  # an index into choices
        "solution": "The head is cut across. It is axial.",
        "image": "synpic1.jpg",
    },
    "2": {
        "question": "Which organ is it?",
        "choices": ["Liver", "Lung"],
        "answer": 1,
        "solution": "Air is dark. So it is the lung.",
        "img_name": "xmlab7/source.jpg",  # as in R-SLAKE
        "img_id": 7,
    },
}


def write(path, content) -> GoldReasoning:
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return GoldReasoning.read([path])


def joined(gold: GoldReasoning, *records: Record):
    out, report = gold.join(records, shared=shared_names(records))
    return [r.gold_reasoning for r in out], report.summary()


@pytest.mark.parametrize("content", [MEDTHINK, list(MEDTHINK.values())])
def test_medthink_is_joined_by_image_question_and_answer(tmp_path, content):
    gold = write(tmp_path / "trainset.json", content)
    texts, summary = joined(
        gold,
        record(),
        record("imgs/xmlab7/source.jpg", "which organ is it?", "lung"),
        record("imgs/xmlab8/source.jpg", "which organ is it?", "lung"),  # another image of the same file name
        record(answer="Coronal"),  # the question alone is not enough
    )
    assert texts == ["The head is cut across. It is axial.", "Air is dark. So it is the lung.", None, None]
    assert summary == {"matched": 2, "unmatched": 2, "ambiguous": 0} and gold.unused() == 0


def test_several_texts_for_one_row_are_ambiguous_and_the_first_is_taken(tmp_path):
    again = MEDTHINK["1"] | {"solution": "Other words."}
    gold = write(tmp_path / "trainset.json", [MEDTHINK["1"], again, MEDTHINK["1"]])
    texts, summary = joined(gold, record())
    assert texts == [MEDTHINK["1"]["solution"]]
    assert summary == {"matched": 1, "unmatched": 0, "ambiguous": 1}


def test_unused_texts_are_counted(tmp_path):
    gold = write(tmp_path / "trainset.json", MEDTHINK)
    joined(gold, record())
    assert gold.unused() == 1


def test_a_row_keeps_the_reasoning_it_came_with(tmp_path):
    gold = write(tmp_path / "trainset.json", MEDTHINK)
    texts, summary = joined(gold, record(gold_reasoning="Its own."))
    assert texts == ["Its own."] and summary["matched"] == 1


LINE = {"image_name": "synpic1.jpg", "question": "What plane is this?", "answer": "Axial", "reasoning": "It is."}


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.json", '{"1": {', "a.json is no JSON"),
        ("a.json", "3", "a.json must hold a JSON object of records"),
        ("a.json", {"1": MEDTHINK["1"] | {"answer": 1}}, "a.json, record 1: answer 1 is not an index of its 1 choices"),
        ("a.json", {"1": MEDTHINK["1"] | {"answer": -1}}, "a.json, record 1: answer -1 is not an index"),
        ("a.json", {"1": MEDTHINK["1"] | {"solution": " "}}, "a.json, record 1: solution is empty"),
        ("a.json", {"1": {"question": "What?"}}, "a.json, record 1: no field image"),
        ("a.json", {"1": MEDTHINK["1"] | {"choices": [""]}}, "a.json, record 1: answer is empty"),
        ("a.json", ["x"], "a.json, record 0: no field image"),
        ("a.jsonl", json.dumps(LINE) + "\n{", "a.jsonl, line 2: no JSON"),
        ("a.jsonl", json.dumps(LINE | {"reasoning": None}), "a.jsonl, line 1: reasoning is empty"),
        ("a.jsonl", "[]", "a.jsonl, line 1: no field image_name"),
        ("a.json", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "a.json is a Git-LFS pointer"),
    ],
)
def test_a_file_of_neither_format_is_told(tmp_path, name, content, reason):
    with pytest.raises(DataError, match=reason):
        write(tmp_path / name, content)


def test_a_missing_file_is_told_by_the_command(tmp_path, capsys):
    arguments = [
        "--source",
        str(VQA_RAD),
        "--out",
        str(tmp_path / "out"),
        "--gold-reasoning",
        str(tmp_path / "no.jsonl"),
    ]
    assert main(["vqa_rad", *arguments]) == 1
    assert "no.jsonl does not exist" in capsys.readouterr().err


def test_unmatched_rows_can_be_listed(rad, tmp_path, capsys):
    file = tmp_path / "gold.jsonl"
    line = {
        "image_name": "synpic35191.jpg",
        "question": "What plane is this?",
        "answer": "axial",
        "reasoning": "It is.",
    }
    file.write_text(json.dumps(line))
    rad.convert("--split", "test", "--open-only", "--gold-reasoning", str(file), "--list-joins")
    printed = capsys.readouterr().out
    assert "gold reasoning join: 1 matched, 4 unmatched, 0 ambiguous" in printed
    assert "unmatched\ttest\tsynpic29265.jpg\tHow is the patient oriented?\tPosterior-Anterior" in printed


def test_a_text_goes_to_the_image_of_its_whole_name_and_to_none_where_the_file_name_could_be_either(tmp_path):
    lines = [LINE | {"image_name": name, "reasoning": name} for name in ("a/1.png", "2.png", "3.png")]
    gold = write(tmp_path / "gold.jsonl", "\n".join(json.dumps(line) for line in lines))
    texts, summary = joined(
        gold,
        record("a/1.png"),  # the whole name
        record("b/1.png"),  # same file name, another folder
        record("a/2.png"),
        record("b/2.png"),  # which of the two does "2.png" mean?
        record("c/3.png"),  # the only 3.png there is
    )
    assert texts == ["a/1.png", None, None, None, "3.png"]
    assert summary == {"matched": 2, "unmatched": 3, "ambiguous": 3}


def test_reasoning_made_by_rule_stands_in_only_where_the_join_finds_none(tmp_path):
    gold = write(tmp_path / "trainset.json", MEDTHINK)
    rule = {"rule_reasoning": "By rule.", "rule_source": "rules"}
    records = [record(**rule), record(answer="Coronal", **rule)]
    out, report = gold.join(records, shared=())
    assert [(r.gold_reasoning, r.gold_source) for r in out] == [
        (MEDTHINK["1"]["solution"], "MedThink"),
        ("By rule.", "rules"),
    ]
    assert report.summary() == {"matched": 1, "unmatched": 1, "ambiguous": 0, "by rule": 1}


@pytest.mark.parametrize(
    ("options", "told"), [((), ""), (("--split", "test"), "32 gold texts were asked for by no row")]
)
def test_gold_texts_that_no_row_asked_for_are_told_where_there_are_any(tmp_path, capsys, options, told):
    gold = ("--gold-reasoning", str(VQA_RAD / "gold_reasoning.jsonl"))
    assert main(["vqa_rad", "--source", str(VQA_RAD), "--out", str(tmp_path), *gold, *options]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if "asked for by no row" in line] == [told][
        : len(told)
    ]
