from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from recipe.mrpo.judge import get_judge
from recipe.mrpo.judge.protect.label_cache import BadEntry, LabelStore
from tests.fake_judge_server import FakeJudgeServer

LABELS = (0, 1, 0, 1)


def key(number):
    return hashlib.sha256(str(number).encode()).digest()


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


def test_a_blank_namespace_is_refused(options_of, tmp_path):
    with pytest.raises(ValueError, match=r"mrpo\.judge\.cache\.namespace"):
        get_judge(options_of(name="openai", cache__path=str(tmp_path / "labels.db"), cache__namespace=" "))


def test_the_key_changes_with_the_rubric(options_of, request_of, tmp_path):
    for name, text in {"system": "Grade.", "case": "{{case_json}}", "steps": "{{steps_json}}", "overall": ""}.items():
        (tmp_path / f"{name}.txt").write_text(text)
    keys = {
        get_judge(options_of(name="openai", openai__prompts=p)).made.cache_key(request_of())
        for p in (None, str(tmp_path))
    }
    assert len(keys) == 2


def test_the_file_holds_no_text_of_a_case(options_of, request_of, tmp_path):
    with FakeJudgeServer() as server:
        ask_all(options_of, [request_of()], server, tmp_path / "labels.db")
    held = b"".join(f.read_bytes() for f in tmp_path.iterdir())
    assert b"[0, 1, 0, 1]" in held and not any(word in held for word in (b"opacity", b"lobe", b"lung", b"fake"))


def test_the_oldest_entries_make_room(tmp_path):
    store = LabelStore(tmp_path / "labels.db", max_mb=0.2)
    for number in range(6_000):
        store.put(key(number), (0, 1) * 10)
    assert store.used_bytes() <= 0.25 * 2**20
    assert (tmp_path / "labels.db").stat().st_size <= 0.3 * 2**20
    assert store.get(key(0), count=20) is None and store.get(key(5_999), count=20) == (0, 1) * 10


def test_processes_that_end_before_their_first_look_at_the_size_stay_within_it_too(tmp_path):
    for process in range(40):
        store = LabelStore(tmp_path / "labels.db", max_mb=0.1)
        for number in range(255):
            store.put(key(f"{process}-{number}"), (1, 0) * 5)
        used = store.used_bytes()
        store.close()
        assert used <= 0.16 * 2**20, "what one process writes comes on top"
    store = LabelStore(tmp_path / "labels.db", max_mb=0.1)
    assert store.used_bytes() <= 0.1 * 2**20 and store.get(key("39-254"), count=10) == (1, 0) * 5


def test_a_file_smaller_than_any_database_can_be_is_opened_all_the_same(tmp_path):
    store = LabelStore(tmp_path / "labels.db", max_mb=0.001)
    store.put(key(1), (1,))
    assert store.get(key(1), count=1) == (1,)


@pytest.mark.long
def test_a_full_file_loses_one_quarter_however_many_processes_find_it_full(tmp_path):
    store = LabelStore(tmp_path / "labels.db", max_mb=8)
    for number in range(4_000):
        store.put(key(number), (1, 0) * 5)
    limit = store.used_bytes() - 1
    code = "import sys, time; from recipe.mrpo.judge.protect.label_cache import LabelStore; "
    code += "time.sleep(max(0, {at} - time.time())); "
    code += f"LabelStore(sys.argv[1], max_mb={limit / 2**20!r})"
    at = time.time() + 3
    openers = [subprocess.Popen([sys.executable, "-c", code.format(at=at), str(store.path)]) for _ in range(4)]
    assert [opener.wait(60) for opener in openers] == [0] * 4
    assert sum(store.get(key(number), count=10) is not None for number in range(4_000)) == 3_000


def test_labels_of_another_number_of_steps_are_no_hit(tmp_path):
    store = LabelStore(tmp_path / "labels.db", max_mb=1)
    store.put(key(1), (0, 1))
    with pytest.raises(BadEntry, match="2 labels, the rollout 3"):
        store.get(key(1), count=3)
    assert store.get(key(1), count=2) == (0, 1)


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


WRITER = """
import hashlib, sys
from recipe.mrpo.judge.protect.label_cache import BadEntry, LabelStore
store = LabelStore(sys.argv[1], max_mb=8)
for n in range(int(sys.argv[2]), int(sys.argv[3])):
    store.put(hashlib.sha256(str(n).encode()).digest(), (n % 2,))
    print(n, flush=True)
"""


def writer(path, start, stop, **options):
    command = [sys.executable, "-c", WRITER, str(path), str(start), str(stop)]
    return subprocess.Popen(command, text=True, **{"stdout": subprocess.DEVNULL, **options})


def test_many_processes_share_one_file(tmp_path):
    path = tmp_path / "labels.db"
    writers = [writer(path, n * 250, n * 250 + 300) for n in range(3)]
    assert [w.wait(60) for w in writers] == [0, 0, 0]
    store = LabelStore(path, max_mb=8)
    assert all(store.get(key(n), count=1) == (n % 2,) for n in range(800))


OPENER = """
import sys, time
from recipe.mrpo.judge.protect.label_cache import LabelStore
for attempt in range(15):
    time.sleep(max(0, float(sys.argv[2]) + 0.2 * attempt - time.time()))
    LabelStore(f"{sys.argv[1]}/{attempt}.db", max_mb=8).put(sys.argv[3].encode(), (1,))
"""


@pytest.mark.long
def test_processes_that_open_a_new_file_at_once_wait_for_each_other(tmp_path):
    # The change to WAL fails at once where another process makes it, whatever the lock's timeout.
    at = time.time() + 4
    command = [sys.executable, "-c", OPENER, str(tmp_path), str(at)]
    openers = [subprocess.Popen([*command, str(n)], stderr=subprocess.PIPE, text=True) for n in range(6)]
    said = [opener.communicate(timeout=120)[1] for opener in openers]
    assert [opener.returncode for opener in openers] == [0] * 6, said
    for attempt in range(15):
        store = LabelStore(tmp_path / f"{attempt}.db", max_mb=8)
        assert all(store.get(str(n).encode(), count=1) == (1,) for n in range(6))


def test_a_file_that_stays_locked_is_named_with_its_option(tmp_path, monkeypatch):
    monkeypatch.setattr("recipe.mrpo.judge.protect.label_cache.LOCK_TIMEOUT_S", 0.2)
    with contextlib.closing(sqlite3.connect(tmp_path / "labels.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ValueError, match=r"mrpo\.judge\.cache\.path=.*locked"):
            LabelStore(tmp_path / "labels.db", max_mb=8)


def test_a_killed_writer_leaves_a_sound_file(tmp_path):
    path = tmp_path / "labels.db"
    killed = writer(path, 0, 10**9, stdout=subprocess.PIPE)
    done = [int(killed.stdout.readline()) for _ in range(200)]
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait(30)
    store = LabelStore(path, max_mb=8)
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)
    # Every entry whose writing had returned before the kill is there.
    assert all(store.get(key(n), count=1) == (n % 2,) for n in done)
    store.put(key("after"), (1,))
    assert store.get(key("after"), count=1) == (1,)


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


def test_a_hit_is_fast(tmp_path):
    store = LabelStore(tmp_path / "labels.db", max_mb=8)
    for number in range(2_000):
        store.put(key(number), (0, 1))
    start = time.perf_counter()
    for number in range(2_000):
        store.get(key(number), count=2)
    # 0.02 ms here; a judge's call takes a thousand times as long.
    assert (time.perf_counter() - start) / 2_000 < 0.002
