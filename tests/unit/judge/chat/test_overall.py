"""The grade of the reasoning as a whole, for the semantic reward: asked for in the same call, or not at all."""

from __future__ import annotations

import asyncio
import json

import jsonschema
import pytest

from recipe.mrpo.judge.chat.reply import parse_reply
from recipe.mrpo.judge.chat.rubric import build_messages, reply_schema
from recipe.mrpo.judge.chat.rubric_folder import Rubric
from recipe.mrpo.judge.protocol import Judgement
from tests.fake_judge_server import FakeJudgeServer

GRADE = {"alignment": 1, "contribution": 0}
STEPS = {"steps": {"1": GRADE, "2": GRADE}}


@pytest.mark.parametrize(
    ("reply", "labels", "overall", "failure", "why"),
    [
        ({**STEPS, "overall": 1}, (1, 1), 1, None, "both parts"),
        ({**STEPS, "overall": 0}, (1, 1), 0, None, "a no is a grade"),
        ({**STEPS, "overall": True}, (1, 1), 1, None, "true and false are binary"),
        (STEPS, None, None, "missing_overall", "half a verdict is none"),
        ({**STEPS, "overall": None}, None, None, "missing_overall", "null is no grade"),
        ({**STEPS, "overall": 0.5}, None, None, "bad_label", "a share is no yes or no"),
        ({**STEPS, "overall": "1"}, None, None, "bad_label", "text is no number"),
        ({"overall": 1}, None, None, "unparsable", "without steps it is no verdict"),
        ({"steps": {"1": GRADE}, "overall": 1}, None, None, "missing_step", "the steps are judged as ever"),
    ],
)
def test_a_verdict_on_the_whole_needs_both_parts(reply, labels, overall, failure, why):
    parsed = parse_reply(json.dumps(reply), num_steps=2, quoted="", overall=True)
    assert (parsed.labels, parsed.overall, parsed.failure) == (labels, overall, failure), why


def test_a_grade_that_was_not_asked_for_is_not_looked_at():
    for value in (1, "nonsense", None):
        parsed = parse_reply(json.dumps({**STEPS, "overall": value}), num_steps=2, quoted="", overall=False)
        assert (parsed.labels, parsed.overall, parsed.failure) == ((1, 1), None, None)


def test_the_schema_asks_for_it_exactly_when_it_is_wanted():
    whole = {**STEPS, "overall": 1}
    jsonschema.validate(whole, reply_schema(2, overall=True))
    jsonschema.validate(STEPS, reply_schema(2, overall=False))
    for verdict, overall in ((STEPS, True), (whole, False), ({**STEPS, "overall": 2}, True)):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(verdict, reply_schema(2, overall=overall))


def test_the_example_in_the_rubric_is_a_verdict_of_its_own_schema():
    text = Rubric.load("study").overall
    parsed = parse_reply(text, num_steps=1, quoted="", overall=True)
    assert (parsed.labels, parsed.overall) == ((1,), 1)


def test_the_prompt_is_as_before_where_it_is_not_asked_for(request_of):
    rubric = Rubric.load("study")
    plain, whole = (
        build_messages(request_of(overall=o), rubric, images=(), max_step_chars=2000) for o in (False, True)
    )
    assert plain[0]["content"] == rubric.system
    assert whole[0]["content"] == f"{rubric.system}\n{rubric.overall}"
    assert plain[1] == whole[1]


def test_one_call_brings_labels_and_grade_and_the_cache_keeps_both(tmp_path, asked, request_of):
    with FakeJudgeServer(rule="all_valid") as server:
        options = {"name": "openai", "openai__base_url": server.base_url, "cache__path": str(tmp_path / "labels.db")}
        first = asked(request_of(overall=True), **options)
        again = asked(request_of(overall=True), **options)
        plain = asked(request_of(), **options)
        assert (set(first.labels), first.overall, first.usage.calls) == ({1}, 1, 1)
        assert (again.labels, again.overall, again.usage.calls, again.usage.cached) == (first.labels, 1, 0, True)
        assert (plain.overall, plain.usage.cached) == (None, False)  # another question, another key
        assert len(server.requests) == 2


def test_an_ensemble_votes_on_it(request_of):
    from recipe.mrpo.judge.ensemble import EnsembleJudge

    class Fixed:
        name = "fixed"

        def __init__(self, overall):
            self.overall = overall

        async def label(self, request):
            return Judgement(labels=(1, 0), overall=self.overall)

        async def close(self):
            return None

    for votes, expected in (((1, 1, 0), 1), ((0, 0, 1), 0), ((1, None, None), None)):
        ensemble = EnsembleJudge({str(i): Fixed(vote) for i, vote in enumerate(votes)})
        judgement = asyncio.run(ensemble.label(request_of(overall=True)))
        assert (judgement.labels, judgement.overall) == ((1, 0), expected)


@pytest.mark.parametrize(
    ("steps", "overall", "why"),
    [
        (
            (
                "A dense opacity with air bronchograms fills the right lower zone.",
                "So the consolidation is in the right lower lobe.",
            ),
            1,
            "findings and answer of the gold reasoning",
        ),
        (
            ("A dense opacity with air bronchograms fills the left lower zone.", "It is the left lower lobe."),
            0,
            "the wrong side",
        ),
        (
            ("The heart is enlarged.", "It is the right lower lobe."),
            0,
            "the answer, but for no reason that is the gold one",
        ),
        (("There is a dense opacity with air bronchograms and consolidation.",), 0, "the reasons without the answer"),
    ],
)
def test_the_offline_judge_grades_the_whole_by_what_the_steps_say_together(steps, overall, why, asked, request_of):
    judgement = asked(request_of(steps=steps, overall=True), name="overlap")
    assert judgement.overall == overall, why
