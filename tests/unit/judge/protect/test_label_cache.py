from __future__ import annotations

import asyncio
import contextlib
import sqlite3

import pytest

from recipe.mrpo.judge import get_judge
from tests.fake_judge_server import FakeJudgeServer

LABELS = (0, 1, 0, 1)


def ask_all(options_of, requests, server, path, **changes):
    """One judge of its own for all requests in turn, as a new run has it."""

    async def run():
        options = options_of(
            name="openai", openai__base_url=server.base_url, openai__max_retries=0, cache__path=str(path), **changes
        )
        judge = get_judge(options)
        judgements = [await judge.label(request) for request in requests]
        await judge.close()
        return judgements

    return asyncio.run(run())


def test_a_second_run_pays_nothing_for_the_same_question(options_of, request_of, tmp_path):
    with FakeJudgeServer() as server:
        (first,) = ask_all(options_of, [request_of()], server, tmp_path / "cache" / "labels.db")
        (again,) = ask_all(options_of, [request_of()], server, tmp_path / "cache" / "labels.db")
    assert len(server.requests) == 1
    assert (first.labels, first.usage.cached, first.usage.calls) == (LABELS, False, 1)
    assert (again.labels, again.usage.cached, again.usage.calls, again.usage.prompt_tokens) == (LABELS, True, 0, 0)


@pytest.mark.parametrize(
    ("script", "why"),
    [(["http_401", "ok"], "an outage passes"), (["prose", "prose", "ok"], "a bad reply may be a good one next time")],
)
def test_failures_are_not_cached(options_of, request_of, tmp_path, script, why):
    with FakeJudgeServer(script=script) as server:
        judgements = ask_all(options_of, [request_of()] * 2, server, tmp_path / "labels.db")
    assert judgements[0].failure and judgements[1].labels == LABELS and not judgements[1].usage.cached, why


PICTURES = [b"one image", b"another image"]


@pytest.mark.parametrize(
    ("request_change", "option_change", "hit", "why"),
    [
        ({}, {}, True, "nothing changed"),
        (
            {},
            {"openai__timeout_s": 99, "openai__max_retries": 7, "openai__concurrency": 1},
            True,
            "waits do not change labels",
        ),
        ({"may_leave_machine": False}, {}, True, "nor does where the case may go"),
        ({"images": ((PICTURES[0], "image/gif"),)}, {}, True, "nor the name of its format"),
        ({"question": "Where?"}, {}, False, "the question"),
        ({"answer": "left lower lobe"}, {}, False, "the gold answer"),
        ({"alternatives": ("RLL",)}, {}, False, "the other right answers"),
        ({"gold_reasoning": "It is dense."}, {}, False, "the gold reasoning"),
        ({"steps": ("It is dense.",)}, {}, False, "the steps"),
        ({"steps": ("a", "b c")}, {}, False, "where steps begin"),
        ({"images": ((PICTURES[1], "image/png"),)}, {}, False, "the image"),
        ({"images": ((PICTURES[0], "image/png"), (PICTURES[1], "image/png"))}, {}, False, "a second image"),
        ({"images": ()}, {}, False, "no image"),
        ({}, {"openai__model": "other"}, False, "the model"),
        ({}, {"openai__base_url": "http://127.0.0.1:1/v1"}, False, "where it is served, which may be another model"),
        ({}, {"openai__base_url": "http://127.0.0.1:8000/v1/"}, True, "not how the address is written"),
        ({}, {"openai__temperature": 0.5}, False, "the temperature"),
        ({}, {"openai__send_image": False}, False, "whether the image is sent"),
        ({}, {"openai__max_step_chars": 5}, False, "how much of a step is sent"),
        ({}, {"openai__extra_body": {"seed": 1}}, False, "settings of the endpoint"),
    ],
)
def test_the_key_holds_all_that_labels_depend_on_and_nothing_else(
    options_of, request_of, request_change, option_change, hit, why
):
    def key_of(options, **changes):
        judge = get_judge(options_of(name="openai", **options))
        return judge.made.cache_key(request_of(**{"images": ((PICTURES[0], "image/png"),), **changes}))

    assert (key_of({}) == key_of(option_change, **request_change)) == hit, why


@pytest.mark.parametrize(
    ("first", "then", "hit", "why"),
    [
        ({}, {}, False, "another server may call another model by the same name"),
        ({"cache__namespace": "32B"}, {"cache__namespace": "32B"}, True, "the user says that it is the same model"),
        ({"cache__namespace": "32B"}, {"cache__namespace": "7B"}, False, "the user says that it is another one"),
        ({"cache__namespace": 7}, {"cache__namespace": "7"}, True, "as the command line reads it"),
        ({"cache__namespace": "32B"}, {}, False, "without a name the address counts"),
    ],
)
def test_labels_of_another_server_are_found_only_under_the_same_namespace(
    options_of, request_of, tmp_path, first, then, hit, why
):
    with FakeJudgeServer(rule="all_valid") as yes, FakeJudgeServer(rule="all_invalid") as no:
        ask_all(options_of, [request_of()], yes, tmp_path / "labels.db", **first)
        (judgement,) = ask_all(options_of, [request_of()], no, tmp_path / "labels.db", **then)
    assert (judgement.usage.cached, judgement.labels) == (hit, (1,) * 4 if hit else (0,) * 4), why


def test_another_model_at_the_same_address_is_told_apart_by_the_namespace(options_of, request_of, tmp_path):
    with FakeJudgeServer() as server:
        ask = [ask_all(options_of, [request_of()], server, tmp_path / "l.db", cache__namespace=n)[0] for n in "aab"]
    assert [judgement.usage.cached for judgement in ask] == [False, True, False]


def test_the_key_changes_with_the_rubric(options_of, request_of, tmp_path):
    for name, text in {"system": "Grade.", "case": "{{case_json}}", "steps": "{{steps_json}}", "overall": ""}.items():
        (tmp_path / f"{name}.txt").write_text(text)
    keys = {
        get_judge(options_of(name="openai", openai__rubric=p)).made.cache_key(request_of())
        for p in ("study", "local", str(tmp_path))
    }
    assert len(keys) == 3


def test_the_file_holds_no_text_of_a_case(options_of, request_of, tmp_path):
    with FakeJudgeServer() as server:
        ask_all(options_of, [request_of()], server, tmp_path / "labels.db")
    held = b"".join(f.read_bytes() for f in tmp_path.iterdir())
    assert b"[0, 1, 0, 1]" in held and not any(word in held for word in (b"opacity", b"lobe", b"lung", b"fake"))


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("[1, 8, 0, 1]", "8 is no label"),
        ("[1, 0, 0, 1.0]", "a float is no label"),
        ("[true, false, false, true]", "nor is a truth value"),
        ('["1", "0", "0", "1"]', "nor is text"),
        ("[1, 0]", "too few"),
        ("[1, 0, 1, 0, 1]", "too many"),
        ('{"a": 1, "b": 0, "c": 1, "d": 0}', "no list"),
        ("null", "nothing"),
        ("5", "a number"),
        ("[1, 0", "cut off"),
        ("[" * 100_000, "deep nesting"),
        ("[1" + "0" * 5_000 + "]", "a number too long to be read"),
        (None, "SQL's NULL"),
        (b"[1, 0, 1, 0]", "bytes"),
        (b"\xff\xfe", "bytes that are no text"),
    ],
)
def test_a_damaged_entry_is_a_counted_miss_and_is_replaced(options_of, request_of, tmp_path, caplog, entry, why):
    path = tmp_path / "labels.db"
    with FakeJudgeServer() as server:
        ask_all(options_of, [request_of()], server, path)
        with sqlite3.connect(path) as db:
            db.execute("UPDATE labels SET labels = ?", (entry,))
        again, then = ask_all(options_of, [request_of()] * 2, server, path)
    assert (again.labels, again.usage.cached, again.usage.cache_faults, again.usage.calls) == (LABELS, False, 1, 1), why
    assert (then.labels, then.usage.cached, then.usage.cache_faults, then.usage.calls) == (LABELS, True, 0, 0), why
    assert caplog.text.count("holds an entry that is not used") == 1 and "cache_faults_total" in caplog.text


def test_an_entry_whose_text_is_no_utf8_is_replaced_like_any_other(options_of, request_of, tmp_path):
    with FakeJudgeServer() as server:
        ask_all(options_of, [request_of()], server, tmp_path / "labels.db")
        with sqlite3.connect(tmp_path / "labels.db") as db:
            db.execute("UPDATE labels SET labels = CAST(x'5b31ff5d' AS TEXT)")
        again, then = ask_all(options_of, [request_of()] * 2, server, tmp_path / "labels.db")
    assert (again.usage.cached, again.usage.cache_faults, then.usage.cached, then.labels) == (False, 1, True, LABELS)


def test_a_damaged_grade_of_the_whole_is_a_miss_too(options_of, request_of, tmp_path):
    request = request_of(overall=True)
    with FakeJudgeServer() as server:
        (first,) = ask_all(options_of, [request], server, tmp_path / "labels.db")
        with sqlite3.connect(tmp_path / "labels.db") as db:
            db.execute("UPDATE labels SET labels = '[0, 1, 0, 1, 7]'")
        (again,) = ask_all(options_of, [request], server, tmp_path / "labels.db")
    assert (again.labels, again.overall, again.usage.cache_faults) == (first.labels, first.overall, 1)


def test_a_file_that_is_no_cache_is_refused_at_start_up(options_of, tmp_path):
    (tmp_path / "notes.txt").write_text("not a database, but long enough to be taken for one" * 20)
    with pytest.raises(ValueError, match=r"mrpo\.judge\.cache\.path"):
        get_judge(options_of(name="openai", cache__path=str(tmp_path / "notes.txt")))


def test_a_cache_that_fails_later_costs_a_call_not_a_judgement(options_of, request_of, tmp_path, caplog):
    with FakeJudgeServer() as server:

        async def run():
            judge = get_judge(
                options_of(name="openai", openai__base_url=server.base_url, cache__path=str(tmp_path / "l.db"))
            )
            await judge.label(request_of())
            judge.judge.store.close()
            return await judge.label(request_of())

        judgement = asyncio.run(run())
    assert (judgement.labels, judgement.usage.cached) == (LABELS, False) and "judging without it" in caplog.text
    assert judgement.usage.cache_faults == 2, "it could neither be read nor written"


def test_a_held_file_costs_every_judgement_a_counted_fault_and_none_its_labels(
    options_of, request_of, tmp_path, caplog, monkeypatch
):
    monkeypatch.setattr("recipe.mrpo.judge.protect.label_store.LOCK_TIMEOUT_S", 0.05)
    requests = [request_of(question=f"What is seen in view {n}?") for n in range(8)]
    with FakeJudgeServer() as server:

        async def run():
            path = tmp_path / "labels.db"
            judge = get_judge(options_of(name="openai", openai__base_url=server.base_url, cache__path=str(path)))
            with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                given = await asyncio.gather(*(judge.label(request) for request in requests))
                # The reads came before anybody had to wait, or found the file left alone.
                return given, await judge.label(requests[0])

        given, again = asyncio.run(run())
    assert [judgement.labels for judgement in (*given, again)] == [LABELS] * 9
    assert all(1 <= judgement.usage.cache_faults <= 2 for judgement in (*given, again))
    assert caplog.text.count("left alone for 60 s") == 1
