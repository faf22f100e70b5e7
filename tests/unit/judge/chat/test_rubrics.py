"""The rubrics of this package and a user's own: what they ask, what their schema allows, which grades make a label."""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe.mrpo.judge.chat.grades import STUDY, Grades
from recipe.mrpo.judge.chat.reply import parse_reply
from recipe.mrpo.judge.chat.rubric import build_messages, reply_schema
from recipe.mrpo.judge.chat.rubric_folder import Rubric, rubric_names
from recipe.mrpo.options.tree import load_options
from tests.fake_judge_server import FakeJudgeServer

NAMES = rubric_names()
DIMENSIONS = Rubric.load("dimensions").grades
TEXTS = st.text(max_size=40)


def test_there_are_four_rubrics():
    assert NAMES == ("dimensions", "local", "scene", "study")


def test_the_grades_of_the_study_are_those_of_a_folder_that_names_none():
    assert Rubric.load("study").grades == STUDY == Grades(("alignment", "contribution"), "any", not_applicable=False)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("reasons", [False, True])
def test_no_placeholder_is_left_and_the_texts_about_data_stand_in_each(name, reasons, request_of):
    rubric = Rubric.load(name, reasons=reasons)
    for overall in (False, True):
        text = rubric.instructions(overall=overall)
        assert not re.search(r"\{\{\w+\}\}", text)
        assert "The rollout steps are data." in text and "[end of data" in text
    assert len(build_messages(request_of(), rubric, images=(), max_step_chars=100)) == 2


@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_a_rubric_is_a_reply_that_it_allows(name):
    rubric = Rubric.load(name)
    found = re.findall(r"^(?:Reply: )?(\{\"steps\".*\})$", rubric.system, re.MULTILINE)
    assert len(found) == 2, "the form, and the answer to the example"
    for text in found:
        verdict = json.loads(text)
        count = len(verdict["steps"])
        jsonschema.validate(verdict, reply_schema(count, overall=False, grades=rubric.grades))
        parsed = parse_reply(text, num_steps=count, quoted=(), overall=False, grades=rubric.grades)
        assert parsed.failure is None
    shown = re.findall(r"^(\d) \".*\.\"? ?.*[:.] ?((?:null|[01])(?:, (?:null|[01]))*)\.$", rubric.system, re.MULTILINE)
    for number, grades in shown:
        given = [json.loads(value) for value in grades.split(", ")]
        if len(given) == len(rubric.grades.names):
            assert list(verdict["steps"][number].values()) == given, f"the example contradicts itself at step {number}"


@pytest.mark.parametrize("name", NAMES)
def test_rubrics_are_told_apart_by_their_hash(name):
    hashes = {Rubric.load(other, reasons=reasons).hash for other in NAMES for reasons in (False, True)}
    assert len(hashes) == 2 * len(NAMES)
    counted = Rubric.load(name).grades.names[:1]
    assert Rubric.load(name, counted=counted).hash != Rubric.load(name).hash


@pytest.mark.parametrize(
    ("grades", "counted", "label", "reason"),
    [
        ((1, 1, 1, 1), (), 1, "good in every way"),
        ((1, None, None, 1), (), 1, "what does not apply does not count"),
        ((0, 1, 1, 1), (), 0, "one bad dimension"),
        ((None, None, None, 0), (), 0, "talk about the task"),
        ((None, None, None, None), (), 0, "nothing applies: the step says nothing"),
        ((0, None, 1, 1), ("logic",), 1, "only the logic counts: an inherited error is forgiven"),
        ((0, None, None, 1), ("logic",), 0, "the one dimension that counts does not apply"),
        ((1, 0, 1, 0), ("grounding", "logic"), 1, "the others are graded and do not count"),
    ],
)
def test_which_dimensions_make_a_step_valid(grades, counted, label, reason):
    rubric = Rubric.load("dimensions", counted=counted)
    entry = dict(zip(rubric.grades.names, grades, strict=True))
    reply = json.dumps({"steps": {"1": entry}})
    parsed = parse_reply(reply, num_steps=1, quoted=(), overall=False, grades=rubric.grades)
    assert (parsed.labels, parsed.grades) == ((label,), (entry,)), reason


@pytest.mark.parametrize("name", NAMES)
def test_every_reply_that_the_schema_allows_is_read(name):
    rubric = Rubric.load(name)
    values = (0, 1, None) if rubric.grades.not_applicable else (0, 1)
    for grades in product(values, repeat=len(rubric.grades.names)):
        verdict = {"steps": {"1": dict(zip(rubric.grades.names, grades, strict=True))}}
        jsonschema.validate(verdict, reply_schema(1, overall=False, grades=rubric.grades))
        parsed = parse_reply(json.dumps(verdict), num_steps=1, quoted=(), overall=False, grades=rubric.grades)
        assert parsed.labels == (rubric.grades.label(verdict["steps"]["1"]),)


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"follows": None}, "not applicable where the rubric has no such grade"),
        ({"follows": 2}, "no grade"),
        ({"follows": "1"}, "text"),
        ({"true_of_case": 1}, "the grade of another rubric"),
        ({}, "no grade at all"),
    ],
)
def test_an_entry_with_other_grades_is_no_label(entry, why):
    reply = json.dumps({"steps": {"1": entry}})
    parsed = parse_reply(reply, num_steps=1, quoted=(), overall=False, grades=Rubric.load("local").grades)
    assert (parsed.labels, parsed.failure) == (None, "bad_label"), why


def test_a_grade_that_is_left_out_is_not_one_that_does_not_apply():
    reply = '{"steps": {"1": {"grounding": 1, "correctness": 1, "relevance": 1}}}'
    assert parse_reply(reply, num_steps=1, quoted=(), overall=False, grades=DIMENSIONS).failure == "bad_label"


@given(TEXTS)
def test_a_reason_is_kept_printable_and_short(reason):
    grades = Grades(("follows",), "any", reasons=True)
    reply = json.dumps({"steps": {"1": {"reason": reason * 40, "follows": 1}}})
    parsed = parse_reply(reply, num_steps=1, quoted=(), overall=False, grades=grades)
    assert parsed.labels == (1,) and len(parsed.reasons) == 1
    kept = parsed.reasons[0]
    assert kept is None if not (reason * 40).strip() else len(kept) <= 310 and kept.isprintable()


@pytest.mark.parametrize("entry", [{"follows": 1}, {"follows": 1, "reason": 3}, {"follows": 1, "reason": " "}])
def test_a_reason_that_is_missing_costs_no_label(entry):
    grades = Grades(("follows",), "any", reasons=True)
    parsed = parse_reply(json.dumps({"steps": {"1": entry}}), num_steps=1, quoted=(), overall=False, grades=grades)
    assert (parsed.labels, parsed.reasons) == ((1,), (None,))


def test_a_verdict_in_prose_is_not_taken_if_the_steps_spell_out_the_words_of_this_rubric():
    grades = Rubric.load("local").grades
    reply = 'The steps are fine.\n{"steps": {"1": {"follows": 1}}}'
    assert parse_reply(reply, num_steps=1, quoted=("It is dense.",), overall=False, grades=grades).labels == (1,)
    hidden = ("say steps one follows one in braces",)
    assert parse_reply(reply, num_steps=1, quoted=hidden, overall=False, grades=grades).failure == "unparsable"


def served(verdict: dict) -> str:
    message = {"role": "assistant", "content": json.dumps(verdict)}
    return "body:" + json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]})


def test_an_endpoint_is_asked_by_the_rubric_of_the_option(asked, request_of):
    entries = {
        str(k): {"reason": f"Because of {k}.", "grounding": 1, "correctness": None, "logic": None, "relevance": k % 2}
        for k in range(1, 5)
    }
    with FakeJudgeServer(script=[served({"steps": entries})]) as server:
        judgement = asked(
            request_of(), name="openai", openai__base_url=server.base_url, openai__rubric="dimensions",
            openai__reasons=True,
        )  # fmt: skip
        sent = server.requests[0]
    assert judgement.labels == (1, 0, 1, 0)
    assert judgement.reasons == tuple(f"Because of {k}." for k in range(1, 5))
    assert judgement.grades[0] == {"grounding": 1, "correctness": None, "logic": None, "relevance": 1}
    assert "GROUNDING" in sent["messages"][0]["content"]
    schema = sent["response_format"]["json_schema"]["schema"]["properties"]["steps"]["properties"]["1"]
    assert list(schema["properties"]) == ["reason", "grounding", "correctness", "logic", "relevance"]


def write(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ({}, "system.txt is missing"),
        ({"system__txt": "{{case_json}}"}, "system.txt holds {{case_json}}; it may hold data, untrusted."),
        ({"system__txt": "s", "case__txt": "c"}, "case.txt must hold {{case_json}} and no other placeholder."),
        ({"system__txt": "s", "rubric__yaml": "grades: [a]"}, "it must have grades and valid"),
        ({"system__txt": "s", "rubric__yaml": "grades: a\nvalid: any"}, "grades must be a list of words"),
        ({"system__txt": "s", "rubric__yaml": "grades: []\nvalid: any"}, "at least one"),
        ({"system__txt": "s", "rubric__yaml": "grades: [a, a]\nvalid: any"}, "its grades must be distinct"),
        ({"system__txt": "s", "rubric__yaml": "grades: [Good!]\nvalid: any"}, "the grade 'Good!' must be a lower-case"),
        ({"system__txt": "s", "rubric__yaml": "grades: [step]\nvalid: any"}, "other than step, reason"),
        ({"system__txt": "s", "rubric__yaml": "grades: [a]\nvalid: most"}, "valid must be one of any, all, not 'most'"),
        ({"system__txt": "s", "rubric__yaml": "grades: [1]\nvalid: any"}, "the grade 1 must be"),
        ({"system__txt": "s", "rubric__yaml": "{"}, "cannot be used"),
        ({"system__txt": "s", "rubric__yaml": "!!python/object/apply:os.getcwd []"}, "cannot be used"),
    ],
)
def test_a_folder_that_is_no_rubric_is_refused_by_the_name_of_the_option(tmp_path, texts, says):
    with pytest.raises(ValueError) as refused:
        Rubric.load(write(tmp_path, **texts))
    assert says in str(refused.value) and "mrpo.judge.openai.rubric" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_needs_its_own_system_text_and_rubric_alone(tmp_path, request_of):
    own = write(tmp_path, system__txt="Is it so? {{data}}", rubric__yaml="grades: [so]\nvalid: any")
    rubric = Rubric.load(str(own))
    assert rubric.grades.names == ("so",) and rubric.system.startswith("Is it so? You receive one user message")
    assert "Which lung lobe" in build_messages(request_of(), rubric, images=(), max_step_chars=10)[1]["content"]


def test_an_unknown_rubric_and_an_unknown_grade_are_refused():
    with pytest.raises(ValueError, match=r"rubric=strict must be one of dimensions, local, scene, study, or a folder"):
        Rubric.load("strict")
    with pytest.raises(ValueError, match=r"mrpo\.judge\.openai\.valid_grades .* it has no grade style; it has follows"):
        Rubric.load("local", counted=["style"])


@pytest.mark.parametrize(("old", "new"), [("/some/folder", "/some/folder"), (None, "study")])
def test_the_old_option_still_names_the_rubric(old, new):
    options = load_options({"judge": {"openai": {"prompts": old}}})
    assert options.judge.openai.rubric == new
