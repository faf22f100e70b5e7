"""The file of labels by itself: its size, many processes, foreign files, another process that holds it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time

import pytest

from recipe.mrpo.judge.protect import label_store
from recipe.mrpo.judge.protect.label_store import PAUSE_S, BadEntry, LabelStore, StoreHeld
from tests.unit.judge.protect.limiters import Clock


def key(number):
    return hashlib.sha256(str(number).encode()).digest()


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
    code = "import sys, time; from recipe.mrpo.judge.protect.label_store import LabelStore; "
    code += "time.sleep(max(0, {at} - time.time())); "
    code += f"LabelStore(sys.argv[1], max_mb={limit / 2**20!r})"
    at = time.time() + 3
    openers = [subprocess.Popen([sys.executable, "-c", code.format(at=at), str(store.path)]) for _ in range(4)]
    assert [opener.wait(300) for opener in openers] == [0] * 4
    assert sum(store.get(key(number), count=10) is not None for number in range(4_000)) == 3_000


def test_labels_of_another_number_of_steps_are_no_hit(tmp_path):
    store = LabelStore(tmp_path / "labels.db", max_mb=1)
    store.put(key(1), (0, 1))
    with pytest.raises(BadEntry, match="2 labels, the rollout 3"):
        store.get(key(1), count=3)
    assert store.get(key(1), count=2) == (0, 1)


PATIENT = """
import hashlib, sys, time
from recipe.mrpo.judge.protect import label_store
from recipe.mrpo.judge.protect.label_store import LabelStore
label_store.LOCK_TIMEOUT_S = 60
"""
"""SQLite gives its lock to any of those that wait, and a disk may be slow: no writer gives up here."""

WRITER = (
    PATIENT
    + """
store = LabelStore(sys.argv[1], max_mb=8)
for n in range(int(sys.argv[2]), int(sys.argv[3])):
    store.put(hashlib.sha256(str(n).encode()).digest(), (n % 2,))
    print(n, flush=True)
"""
)


def writer(path, start, stop, **options):
    command = [sys.executable, "-c", WRITER, str(path), str(start), str(stop)]
    return subprocess.Popen(command, text=True, **{"stdout": subprocess.DEVNULL, **options})


def test_many_processes_share_one_file(tmp_path):
    path = tmp_path / "labels.db"
    writers = [writer(path, n * 250, n * 250 + 300) for n in range(3)]
    assert [w.wait(300) for w in writers] == [0, 0, 0]
    store = LabelStore(path, max_mb=8)
    assert all(store.get(key(n), count=1) == (n % 2,) for n in range(800))


OPENER = (
    PATIENT
    + """
for attempt in range(15):
    time.sleep(max(0, float(sys.argv[2]) + 0.2 * attempt - time.time()))
    LabelStore(f"{sys.argv[1]}/{attempt}.db", max_mb=8).put(sys.argv[3].encode(), (1,))
"""
)


@pytest.mark.long
def test_processes_that_open_a_new_file_at_once_wait_for_each_other(tmp_path):
    # The change to WAL fails at once where another process makes it, whatever the lock's timeout.
    at = time.time() + 4
    command = [sys.executable, "-c", OPENER, str(tmp_path), str(at)]
    openers = [subprocess.Popen([*command, str(n)], stderr=subprocess.PIPE, text=True) for n in range(6)]
    said = [opener.communicate(timeout=900)[1] for opener in openers]
    assert [opener.returncode for opener in openers] == [0] * 6, said
    for attempt in range(15):
        store = LabelStore(tmp_path / f"{attempt}.db", max_mb=8)
        assert all(store.get(str(n).encode(), count=1) == (1,) for n in range(6))


def test_a_file_that_stays_locked_is_named_with_its_option(tmp_path, monkeypatch):
    monkeypatch.setattr("recipe.mrpo.judge.protect.label_store.OPEN_TIMEOUT_S", 0.2)
    with contextlib.closing(sqlite3.connect(tmp_path / "labels.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ValueError, match=r"mrpo\.judge\.cache\.path=.*locked"):
            LabelStore(tmp_path / "labels.db", max_mb=8)


def test_a_killed_writer_leaves_a_sound_file(tmp_path):
    path = tmp_path / "labels.db"
    killed = writer(path, 0, 10**9, stdout=subprocess.PIPE)
    done = [int(killed.stdout.readline()) for _ in range(200)]
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait(300)
    store = LabelStore(path, max_mb=8)
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)
    # Every entry whose writing had returned before the kill is there.
    assert all(store.get(key(n), count=1) == (n % 2,) for n in done)
    store.put(key("after"), (1,))
    assert store.get(key("after"), count=1) == (1,)


# --- another process that holds the file


@contextlib.contextmanager
def held(path):
    """Another connection with the lock of a writer, as a process that is stuck in a transaction has it."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other
        if other.in_transaction:
            other.execute("ROLLBACK")


def written(store) -> list[str]:
    """The insertions that the store gives to SQLite from now on."""
    statements: list[str] = []
    store._db.set_trace_callback(lambda text: statements.append(text) if text.startswith("INSERT") else None)
    return statements


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(label_store, "LOCK_TIMEOUT_S", 0.05)


def test_a_held_file_is_waited_for_once_and_then_left_alone_for_a_while(tmp_path, impatient):
    clock = Clock()
    store = LabelStore(tmp_path / "labels.db", max_mb=8, clock=clock)
    store.put(key(0), (1,))
    statements = written(store)
    with held(store.path):
        for number in range(20):
            with pytest.raises(StoreHeld, match="left alone"):
                store.put(key(number), (1,))
    assert len(statements) == 1, "one of twenty has waited"
    with pytest.raises(StoreHeld):
        store.get(key(0), count=1)
    clock.now += PAUSE_S
    assert store.get(key(0), count=1) == (1,)
    store.put(key(1), (0,))
    assert store.get(key(1), count=1) == (0,)


def test_threads_that_come_while_one_waits_do_not_wait_in_turn(tmp_path, impatient):
    store = LabelStore(tmp_path / "labels.db", max_mb=8)
    statements, refused = written(store), []

    def put(number):
        try:
            store.put(key(number), (1,))
        except StoreHeld as error:
            refused.append(error)

    with held(store.path):
        threads = [threading.Thread(target=put, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert len(refused) == 16 and len(statements) == 1


def test_readers_need_no_lock_of_a_writer(tmp_path, impatient):
    store = LabelStore(tmp_path / "labels.db", max_mb=8)
    store.put(key(0), (1,))
    with held(store.path):
        assert store.get(key(0), count=1) == (1,)


def test_other_faults_do_not_close_the_file(tmp_path):
    store = LabelStore(tmp_path / "labels.db", max_mb=8)
    store.put(key(0), (1,))
    store._db.execute("DROP TABLE labels")
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            store.get(key(0), count=1)


# --- files that are not ours


def database(path, *statements):
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


LABELS_TABLE = "CREATE TABLE labels (key BLOB PRIMARY KEY, labels TEXT, added REAL) WITHOUT ROWID"
FOREIGN = {
    "another table": ["CREATE TABLE visits (url TEXT)"],
    "another table beside one like ours": [LABELS_TABLE, "CREATE TABLE visits (url TEXT)"],
    "a table of our name with other columns": ["CREATE TABLE labels (key BLOB, label TEXT)"],
    "an empty database that another program has marked": ["PRAGMA application_id = 77"],
    "one like ours that another program has marked": [LABELS_TABLE, "PRAGMA application_id = 77"],
    "in WAL mode": ["PRAGMA journal_mode=WAL", "CREATE TABLE visits (url TEXT)"],
}


@pytest.mark.parametrize("what", FOREIGN)
def test_the_database_of_another_program_is_refused_and_stays_as_it_is(tmp_path, what):
    path = tmp_path / "other.db"
    database(path, *FOREIGN[what])
    before = path.read_bytes(), path.stat().st_mtime_ns, sorted(os.listdir(tmp_path))
    with pytest.raises(ValueError, match=r"mrpo\.judge\.cache\.path=.* it is the database of another program"):
        LabelStore(path, max_mb=8)
    assert before == (path.read_bytes(), path.stat().st_mtime_ns, sorted(os.listdir(tmp_path)))


def test_a_database_that_another_program_has_just_begun_is_refused_too(tmp_path):
    path = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE visits (url TEXT)")  # its table stands beside the file as yet
        with pytest.raises(ValueError, match="the database of another program"):
            LabelStore(path, max_mb=8)


@pytest.mark.parametrize("content", [b"not a database, " * 100, b"SQLite format 2\0" * 10, b"x"])
def test_a_file_that_is_not_a_database_is_refused_and_stays_as_it_is(tmp_path, content):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="it is not a SQLite database; name another file"):
        LabelStore(path, max_mb=8)
    assert path.read_bytes() == content and os.listdir(tmp_path) == ["notes.txt"]


def test_a_folder_and_a_pipe_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(ValueError, match="it is not a file"):
            LabelStore(path, max_mb=8)


def test_an_empty_file_and_a_cache_of_an_older_release_are_taken(tmp_path):
    (tmp_path / "empty.db").touch()
    database(tmp_path / "old.db", "PRAGMA journal_mode=WAL", LABELS_TABLE, "CREATE INDEX by_age ON labels (added)",
             f"INSERT INTO labels VALUES (x'{key(1).hex()}', '[1]', 1.0)")  # fmt: skip
    assert LabelStore(tmp_path / "empty.db", max_mb=8).get(key(1), count=1) is None
    for _ in range(2):
        store = LabelStore(tmp_path / "old.db", max_mb=8)
        assert store.get(key(1), count=1) == (1,)
        store.close()


def test_a_new_file_can_be_read_by_its_owner_alone(tmp_path):
    before = os.umask(0o022)
    try:
        store = LabelStore(tmp_path / "labels.db", max_mb=8)
        store.put(key(1), (1,))
    finally:
        os.umask(before)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600} and "labels.db" in modes and "labels.db-wal" in modes
