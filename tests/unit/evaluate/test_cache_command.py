"""`mrpo judge cache` on real files: what it tells, what it deletes, what it refuses."""

from __future__ import annotations

import json
import sqlite3
import time

import pytest

from recipe.mrpo.cli import main as mrpo
from recipe.mrpo.evaluate.cache_command import DAY, stats
from recipe.mrpo.judge.__main__ import main
from recipe.mrpo.judge.protect.label_store import LabelStore


@pytest.fixture
def cache(tmp_path):
    """Ten entries of two labels, (1, 0), entered one a day, the last one now."""
    path = tmp_path / "labels.db"
    store = LabelStore(path, max_mb=64)
    for number in range(10):
        store.put(bytes([number] * 32), (1, 0))
        store._db.execute(
            "UPDATE labels SET added = ? WHERE key = ?", (time.time() - (9 - number) * DAY, bytes([number] * 32))
        )
    yield path
    store.close()


def keys(path) -> list[int]:
    with sqlite3.connect(path) as db:
        return sorted(key[0] for (key,) in db.execute("SELECT key FROM labels"))


def test_stats_count_entries_labels_and_bytes(cache, capsys):
    assert main(["cache", "stats", str(cache)]) == 0
    said = dict(line.split(None, 1) for line in capsys.readouterr().out.replace("valid share", "share").splitlines())
    assert (said["entries"], said["labels"], said["share"]) == ("10", "20", "0.5")
    assert stats(cache)["newest"].startswith(time.strftime("%Y-%m-%d", time.gmtime()))


def test_the_console_command_reaches_it(cache, capsys):
    assert mrpo(["judge", "cache", "stats", str(cache)]) == 0
    assert "entries" in capsys.readouterr().out


def test_export_writes_every_entry_as_json_and_no_text(cache, capsys):
    assert main(["cache", "export", str(cache)]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["key"] for row in rows] == [bytes([n] * 32).hex() for n in range(10)]  # oldest first
    assert all(row["labels"] == [1, 0] and set(row) == {"key", "labels", "added"} for row in rows)


@pytest.mark.parametrize("entry", ["[1, 8]", "[1, 0", "null", None, b"\xff"])
def test_a_damaged_entry_is_counted_and_hides_no_other(cache, capsys, entry):
    with sqlite3.connect(cache) as db:
        db.execute("UPDATE labels SET labels = ? WHERE key = ?", (entry, bytes([3] * 32)))
    assert main(["cache", "stats", str(cache)]) == 0
    said = dict(line.split(None, 1) for line in capsys.readouterr().out.replace("valid share", "share").splitlines())
    assert (said["entries"], said["damaged"], said["labels"], said["share"]) == ("10", "1", "18", "0.5")
    assert main(["cache", "export", str(cache)]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["labels"] for row in rows] == [None if n == 3 else [1, 0] for n in range(10)]


def test_prune_by_age_keeps_what_is_younger(cache, capsys):
    assert main(["cache", "prune", str(cache), "--older-than-days", "4.5"]) == 0
    assert keys(cache) == [5, 6, 7, 8, 9]
    assert "5 entries deleted, 5 left" in capsys.readouterr().err


def test_prune_by_size_deletes_the_oldest_and_gives_the_space_back(tmp_path):
    path = tmp_path / "labels.db"
    store = LabelStore(path, max_mb=64)
    for number in range(3_000):
        store.put(number.to_bytes(32, "big"), (1, 0) * 50)
    before = path.stat().st_size
    assert before > 2**19
    assert main(["cache", "prune", str(path), "--max-mb", "0.25"]) == 0
    assert path.stat().st_size <= 0.3 * 2**20
    assert store.get((2_999).to_bytes(32, "big"), count=100) and store.get((0).to_bytes(32, "big"), count=100) is None
    store.put(b"new", (1,))  # the process that has it open goes on
    assert store.get(b"new", count=1) == (1,)
    store.close()


def test_pruning_everything_leaves_a_cache(cache):
    assert main(["cache", "prune", str(cache), "--max-mb", "0"]) == 0
    assert keys(cache) == [] and stats(cache)["valid share"] is None


@pytest.mark.parametrize("arguments", [[], ["--max-mb", "-1"], ["--older-than-days", "-2"]])
def test_a_prune_that_says_nothing_sensible_deletes_nothing(cache, capsys, arguments):
    assert main(["cache", "prune", str(cache), *arguments]) == 1
    assert capsys.readouterr().err.startswith("error: ") and len(keys(cache)) == 10


@pytest.mark.parametrize("action", ["stats", "export", "prune"])
@pytest.mark.parametrize("kind", ["missing", "text", "other database", "folder"])
def test_what_is_no_cache_is_refused_in_one_sentence_and_left_alone(tmp_path, capsys, action, kind):
    path = tmp_path / "x.db"
    if kind == "text":
        path.write_text("not a database, but long enough to be looked at as one " * 40)
    elif kind == "other database":
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE patients (name TEXT)")
    elif kind == "folder":
        path.mkdir()
    before = path.read_bytes() if path.is_file() else None
    more = ["--max-mb", "1"] if action == "prune" else []
    assert main(["cache", action, str(path), *more]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ") and str(path) in said and said.count("\n") == 1
    assert (path.read_bytes() if path.is_file() else None) == before
    assert path.exists() == (kind != "missing")
