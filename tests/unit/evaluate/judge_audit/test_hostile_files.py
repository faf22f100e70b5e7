"""Dumps and label files that hold anything: a sentence with line and count, no traceback, no kappa of nonsense."""

from __future__ import annotations

import json

import pytest

from recipe.mrpo.judge.__main__ import main

CASE = {"question": "What is seen?", "gold": ["mass"], "gold_reasoning": "A mass lies in the liver.", "index": "1"}
STEPS = ["A mass lies in the liver.", "The spleen is torn."]


def line(labels=(1, 0), *, uid="u", step=1, **changes) -> str:
    return json.dumps({"step": step, "uid": uid, "mrpo": {"steps": STEPS, "labels": labels, "case": CASE, **changes}})


NOT_LABELS = "labels must be a list of 0 and 1"
HOSTILE = {
    "null": ("null", "is not a row: it holds null"),
    "a list": ("[1, 2]", "is not a row: it holds a list"),
    "a number": ("7", "is not a row: it holds a number"),
    "a text": ('"x"', "is not a row: it holds a text"),
    "nesting": ("[" * 20_000, "is nested too deeply"),
    "nesting inside": ('{"mrpo": ' + '{"a": ' * 20_000, "is nested too deeply"),
    "not JSON": ("{broken", "is not JSON"),
    "a huge number": ('{"step": 1' + "0" * 5_000 + "}", "is not JSON"),
    "an empty object": ("{}", "is not a rollout of MRPO"),
    "a foreign row": ('{"input": "a", "output": "b"}', "is not a rollout of MRPO"),
    "a record that is null": ('{"mrpo": null}', "is not a rollout of MRPO"),
    "a record that is a list": ('{"mrpo": []}', "is not a rollout of MRPO"),
    "labels that are text": (line(["1", "0"]), NOT_LABELS),
    "a label of 2": (line([1, 2]), NOT_LABELS),
    "a label of true": (line([True, False]), NOT_LABELS),
    "a label of 1.0": (line([1.0, 0]), NOT_LABELS),
    "labels in one text": (line("10"), NOT_LABELS),
    "labels by name": (line({"1": 1}), NOT_LABELS),
    "too few labels": (line([1]), "it has 2 steps and 1 labels"),
    "too many labels": (line([1, 0, 1]), "it has 2 steps and 3 labels"),
    "steps that are text": (line(steps="A mass."), "its steps must be a list of texts"),
    "steps that are numbers": (line(steps=[1, 2]), "its steps must be a list of texts"),
    "a case that is null": (line(case=None), "its case must be an object"),
    "a gold answer that is a number": (line(case={**CASE, "gold": [5]}), "a list of gold answers"),
    "a gold answer that is text": (line(case={**CASE, "gold": "mass"}), "a list of gold answers"),
    "a question that is null": (line(case={**CASE, "question": None}), "must be texts"),
    "a step that is text": (line(step="one"), "its step must be a whole number"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_line_that_cannot_be_used_is_left_out_and_told_with_its_number(tmp_path, capsys, what):
    bad, said = HOSTILE[what]
    dump = tmp_path / "1.jsonl"
    dump.write_text("\n".join([line(), bad, line([0, 1], uid="v"), bad]) + "\n")
    assert main(["audit", str(dump)]) == 0
    printed = capsys.readouterr()
    told = [text for text in printed.err.splitlines() if text.startswith("warning: ")]
    assert len(told) == 1 and "2 of 4 lines are left out, the first is line 2: " in told[0] and said in told[0]
    assert "2 rollouts, 4 steps" in printed.out and "Traceback" not in printed.err


@pytest.mark.parametrize("what", HOSTILE)
def test_a_file_without_a_sound_line_is_refused_in_one_sentence(tmp_path, capsys, what):
    bad, said = HOSTILE[what]
    (tmp_path / "1.jsonl").write_text(bad + "\n")
    assert main(["audit", str(tmp_path / "1.jsonl")]) == 1
    printed = capsys.readouterr()
    (sentence,) = printed.err.splitlines()
    assert sentence.startswith("error: ") and "1 of 1 lines" in sentence and "line 1" in sentence and said in sentence
    assert printed.out == ""


def test_every_file_has_its_own_sentence_and_hidden_characters_show(tmp_path, capsys):
    for name in ("a", "b\x1b[2J"):
        (tmp_path / f"{name}.jsonl").write_text(line(uid=name) + "\nnull\n")
    assert main(["audit", *(str(file) for file in sorted(tmp_path.iterdir()))]) == 0
    err = capsys.readouterr().err
    told = [text for text in err.splitlines() if text.startswith("warning: ")]
    assert len(told) == 2 and "\x1b" not in "".join(told)


PEOPLE = {
    "a label of 2": ('{"step": 1, "uid": "u", "labels": [1, 2]}', NOT_LABELS),
    "labels that are text": ('{"step": 1, "uid": "u", "labels": ["1", "0"]}', NOT_LABELS),
    "labels of true": ('{"step": 1, "uid": "u", "labels": [true, false]}', NOT_LABELS),
    "a number for labels": ('{"step": 1, "uid": "u", "labels": 3}', NOT_LABELS),
    "null for labels": ('{"step": 1, "uid": "u", "labels": null}', NOT_LABELS),
    "too few": ('{"step": 1, "uid": "u", "labels": [1]}', "it has 2 steps and 1 labels"),
    "no uid": ('{"step": 1, "labels": [1, 0]}', 'it needs "step" (a whole number), "uid" and "labels"'),
    "a step that is text": ('{"step": "1", "uid": "u", "labels": [1, 0]}', 'it needs "step" (a whole number)'),
    "null": ("null", "is not a row: it holds null"),
    "nesting": ("[" * 20_000, "is nested too deeply"),
    "twice": ('{"step": 1, "uid": "v", "labels": [1, 0]}', "rollout v of step 1 stands twice"),
}


@pytest.mark.parametrize("what", PEOPLE)
def test_labels_by_people_that_cannot_be_used_are_refused_with_line_and_count(tmp_path, capsys, what):
    bad, said = PEOPLE[what]
    (tmp_path / "1.jsonl").write_text(line() + "\n" + line(uid="v") + "\n")
    good = '{"step": 1, "uid": "v", "labels": [1, 1]}'
    (tmp_path / "people.jsonl").write_text(f"{good}\n{bad}\n")
    assert main(["audit", str(tmp_path / "1.jsonl"), "--labels", str(tmp_path / "people.jsonl")]) == 1
    printed = capsys.readouterr()
    (sentence,) = printed.err.splitlines()
    assert "1 of 2 lines cannot be used, the first is line 2: " in sentence and said in sentence
    assert printed.out == ""


def test_a_file_without_labels_by_people_is_a_sentence(tmp_path, capsys):
    (tmp_path / "1.jsonl").write_text(line() + "\n")
    (tmp_path / "people.jsonl").write_text("\n")
    assert main(["audit", str(tmp_path / "1.jsonl"), "--labels", str(tmp_path / "people.jsonl")]) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and "people.jsonl has no labels; give lines of step, uid and labels" in printed.err


@pytest.mark.parametrize("number", ["--sample", "--resamples"])
def test_a_negative_number_is_a_sentence(tmp_path, capsys, number):
    (tmp_path / "1.jsonl").write_text(line() + "\n")
    assert main(["audit", str(tmp_path / "1.jsonl"), number, "-1"]) == 1
    assert capsys.readouterr().err == f"error: {number} must be at least 0, not -1\n"


@pytest.mark.parametrize("content", [b"", b"not parquet", b"PAR1" * 10])
def test_data_that_is_not_parquet_is_a_sentence(tmp_path, capsys, content):
    (tmp_path / "1.jsonl").write_text(line() + "\n")
    (tmp_path / "x.parquet").write_bytes(content)
    assert main(["audit", str(tmp_path / "1.jsonl"), "--data", str(tmp_path / "x.parquet")]) == 1
    assert capsys.readouterr().err.startswith("error: ")
