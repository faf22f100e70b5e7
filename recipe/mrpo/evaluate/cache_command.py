"""`mrpo judge cache`: look into a cache of labels, write it out, make it smaller. A run may use it meanwhile."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from recipe.mrpo.judge.protect.label_store import BadEntry, lenient, read_entry, used_bytes

DAY = 86_400


@contextlib.contextmanager
def opened(path: Path, *, write: bool) -> Iterator[sqlite3.Connection]:
    """The database at `path`. Raises FileNotFoundError, and ValueError if it is not a cache of labels or is locked."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no judge cache at {path}")
    try:
        with contextlib.closing(
            sqlite3.connect(
                f"{path.resolve().as_uri()}?mode={'rw' if write else 'ro'}", uri=True, timeout=30, isolation_level=None
            )
        ) as db:
            db.text_factory = lenient
            columns = [row[1] for row in db.execute("PRAGMA table_info(labels)")]
            if columns != ["key", "labels", "added"]:
                raise ValueError(f"{path} is a database, but not a cache of judge labels")
            yield db
    except sqlite3.Error as error:
        raise ValueError(f"{path} cannot be used as a judge cache: {error}") from error


def stats(path: Path) -> dict[str, float | int | str | None]:
    """Entries, damaged ones, labels, share of valid ones, bytes in use and times of the oldest and newest entry."""
    with opened(path, write=False) as db:
        entries, oldest, newest = db.execute("SELECT count(*), min(added), max(added) FROM labels").fetchone()
        read = [_labels(stored) for (stored,) in db.execute("SELECT labels FROM labels")]
        used = used_bytes(db)
    labels = [label for entry in read if entry is not None for label in entry]
    return {
        "entries": entries,
        "damaged": sum(entry is None for entry in read),
        "labels": len(labels),
        "valid share": round(sum(labels) / len(labels), 4) if labels else None,
        "MB in use": round(used / 2**20, 2),
        "MB on disk": round(path.stat().st_size / 2**20, 2),
        "oldest": _stamp(oldest),
        "newest": _stamp(newest),
    }


def prune(path: Path, *, older_than_days: float | None, max_mb: float | None) -> tuple[int, int]:
    """Delete entries by age, then the oldest ones until `max_mb` is kept; gives the space back. (deleted, left)."""
    with opened(path, write=True) as db:
        before = db.execute("SELECT count(*) FROM labels").fetchone()[0]
        if older_than_days is not None:
            db.execute("DELETE FROM labels WHERE added < ?", (time.time() - older_than_days * DAY,))
        if max_mb is not None:
            left, over = db.execute("SELECT count(*) FROM labels").fetchone()[0], used_bytes(db) - max_mb * 2**20
            surplus = math.ceil(left * over / used_bytes(db)) if over > 0 else 0  # entries are of about one size
            db.execute("DELETE FROM labels WHERE key IN (SELECT key FROM labels ORDER BY added LIMIT ?)", (surplus,))
        left = db.execute("SELECT count(*) FROM labels").fetchone()[0]
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return before - left, left


def export(path: Path) -> Iterator[dict[str, object]]:
    """Every entry, oldest first: key (hex; a hash, no text of a case), labels, time of entry (seconds since 1970).

    The labels of a damaged entry are None.
    """
    with opened(path, write=False) as db:
        for key, stored, added in db.execute("SELECT key, labels, added FROM labels ORDER BY added, key"):
            labels = _labels(stored)
            yield {"key": bytes(key).hex(), "labels": None if labels is None else list(labels), "added": added}


def _labels(stored: object) -> tuple[int, ...] | None:
    try:
        return read_entry(stored)
    except BadEntry:
        return None


def _stamp(seconds: float | None) -> str | None:
    return None if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def add_command(commands) -> None:
    parser = commands.add_parser("cache", help="stats, export and prune of a cache of labels", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    for name, run, does in (
        ("stats", _stats, "entries and size"),
        ("export", _export, "print one JSON line an entry"),
        ("prune", _prune, "delete old entries"),
    ):
        action = actions.add_parser(name, help=does, description=f"`mrpo judge cache {name}`: {does}.")
        action.add_argument("path", type=Path, help="the file of mrpo.judge.cache.path")
        action.set_defaults(run=run)
    action.add_argument("--older-than-days", type=float, help="entries older than this go (default: none)")
    action.add_argument("--max-mb", type=float, help="the oldest entries go until no more is in use (default: none)")


def _stats(arguments: argparse.Namespace) -> int:
    for name, value in stats(arguments.path).items():
        print(f"{name:12} {'-' if value is None else value}")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    for entry in export(arguments.path):
        print(json.dumps(entry))
    return 0


def _prune(arguments: argparse.Namespace) -> int:
    if arguments.older_than_days is None and arguments.max_mb is None:
        raise ValueError("nothing to do: give --older-than-days or --max-mb")
    for name in ("older_than_days", "max_mb"):
        value = getattr(arguments, name)
        if value is not None and value < 0:
            raise ValueError(f"--{name.replace('_', '-')} must be at least 0, not {value:g}")
    deleted, left = prune(arguments.path, older_than_days=arguments.older_than_days, max_mb=arguments.max_mb)
    print(f"{deleted} entries deleted, {left} left", file=sys.stderr)
    return 0
