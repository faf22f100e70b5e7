"""Labels by key in a SQLite file, which many processes may read and write at once.

sqlite3 of the standard library in WAL mode: a killed process leaves a sound file, and the values are plain JSON
(nothing is unpickled). The file holds hashes and labels, no text and no image of any case.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

logger = logging.getLogger(__name__)

WRITES_PER_CHECK = 256
"""How many of its own writes a process makes between two looks at the size of the file."""
OPEN_TIMEOUT_S = 30.0
"""How long another process may hold the file while a run starts."""
LOCK_TIMEOUT_S = 1.0
"""How long a judgement waits for another process that holds the file."""
PAUSE_S = 60.0
"""How long the file is not used after such a wait, so that not every judgement waits in turn."""

APPLICATION_ID = 0x4D52504F
"""Stands in the header of our files: "MRPO"."""
_COLUMNS = ["key", "labels", "added"]
_HEADER = b"SQLite format 3\0"


class BadEntry(ValueError):
    """An entry that does not come from a judge: damaged, or written by another program."""


class StoreHeld(sqlite3.OperationalError):
    """Another process has locked the file for too long; the file is not used for a while."""


def used_bytes(db: sqlite3.Connection) -> int:
    """Bytes of the file that hold something; freed pages are used again before the file grows."""
    pages, free, size = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def lenient(text: bytes) -> str:
    """A `text_factory`: text that is not UTF-8 is one damaged entry, where sqlite3 would give up on the statement."""
    return text.decode("utf-8", errors="replace")


def read_entry(stored: object) -> tuple[int, ...]:
    """The labels of an entry as it stands in the file, a JSON list of 0 and 1. Raises BadEntry for anything else."""
    try:
        labels = json.loads(stored) if isinstance(stored, str) else None
    except (ValueError, RecursionError):
        labels = None
    # type(), not isinstance: true is not a label, and Judgement refuses it.
    if not isinstance(labels, list) or any(type(label) is not int or label not in (0, 1) for label in labels):
        raise BadEntry("it is not a list of 0 and 1")
    return tuple(labels)


def foreign(path: Path) -> str | None:
    """What an existing file is, in words, if it is not a cache of labels; None if it is one or is still empty.

    The file is only read, so that the database of another program stays as it is. Raises sqlite3.Error for a damaged
    file and for one that another process holds.
    """
    if not path.exists():
        return None
    if not path.is_file():
        return "not a file"
    with path.open("rb") as file:
        head = file.read(len(_HEADER))
    if not head:
        return None
    if head != _HEADER:
        return "not a SQLite database"
    # immutable: SQLite then makes no file beside it; where there is one, a process is at work and its writes count.
    mode = "ro" if Path(f"{path}-wal").exists() else "ro&immutable=1"
    with contextlib.closing(
        sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, timeout=OPEN_TIMEOUT_S)
    ) as db:
        db.text_factory = lenient
        (owner,) = db.execute("PRAGMA application_id").fetchone()
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        columns = [row[1] for row in db.execute("PRAGMA table_info(labels)")]
    ours = owner in (0, APPLICATION_ID)  # 0: of a release before the id, or a new file
    if ours and (not tables or (tables == {"labels"} and columns == _COLUMNS)):
        return None
    return "the database of another program"


class LabelStore:
    """Labels by key in one file of at most about `max_mb` megabytes; the oldest entries make room for new ones.

    Put the file on a local disk: WAL needs shared memory that network file systems do not have. A new file can be read
    by its owner alone, because hashes confirm guesses. Raises ValueError naming the option if the file cannot be used.
    """

    def __init__(self, path: str | Path, *, max_mb: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.path, self.max_bytes, self.clock = Path(path).expanduser(), int(max_mb * 2**20), clock
        self._lock, self._writes = threading.Lock(), 0
        self._alone_until = float("-inf")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._patiently(self._refuse_foreign)
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            # Autocommit: every statement is a transaction, and no lock outlives it.
            self._db = sqlite3.connect(self.path, timeout=OPEN_TIMEOUT_S, isolation_level=None, check_same_thread=False)
            self._db.text_factory = lenient
            self._patiently(self._prepare)
            # Here too: a process that ends before its first look would never make room.
            self._patiently(self._make_room)
            self._db.execute(f"PRAGMA busy_timeout = {int(LOCK_TIMEOUT_S * 1000)}")
        except (OSError, sqlite3.Error) as error:
            raise ValueError(f"mrpo.judge.cache.path={path} cannot be used as a cache: {error}") from error

    def _refuse_foreign(self) -> None:
        if (what := foreign(self.path)) is not None:
            raise OSError(f"it is {what}; name another file")

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode=WAL")
        # Safe against a killed process; only a power cut can lose the last entries.
        self._db.execute("PRAGMA synchronous=NORMAL")
        if self._db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS labels (key BLOB PRIMARY KEY, labels TEXT, added REAL) WITHOUT ROWID"
        )
        self._db.execute("CREATE INDEX IF NOT EXISTS by_age ON labels (added)")

    def _patiently(self, step: Callable[[], None]) -> None:
        """`step`, again while another process holds the file: the change to WAL does not wait for the lock itself."""
        deadline = time.monotonic() + OPEN_TIMEOUT_S
        while True:
            try:
                return step()
            except sqlite3.OperationalError as error:
                if not _is_held(error) or time.monotonic() > deadline:
                    raise
            time.sleep(random.uniform(0.005, 0.05))

    @contextlib.contextmanager
    def _turn(self):
        """One statement at a time. Raises StoreHeld at once while the file is left alone."""
        with self._lock:
            if self.clock() < self._alone_until:
                raise StoreHeld("it is left alone, because another process has held it for too long")
            try:
                yield
            except sqlite3.OperationalError as error:
                if not _is_held(error):
                    raise
                self._alone_until = self.clock() + PAUSE_S
                raise StoreHeld(f"{error} for {LOCK_TIMEOUT_S:g} s; it is left alone for {PAUSE_S:g} s") from error

    def get(self, key: bytes, *, count: int) -> tuple[int, ...] | None:
        """The `count` labels stored for `key`, None if there are none.

        Raises BadEntry for a damaged entry, sqlite3.Error for a file that fails.
        """
        with self._turn():
            row = self._db.execute("SELECT labels FROM labels WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        labels = read_entry(row[0])
        if len(labels) != count:
            raise BadEntry(f"it has {len(labels)} labels, the rollout {count}")
        return labels

    def put(self, key: bytes, labels: tuple[int, ...]) -> None:
        """Store labels. They replace an older entry, which is either damaged or comes from another process."""
        with self._turn():
            row = (key, json.dumps(labels), time.time())
            self._db.execute("INSERT OR REPLACE INTO labels VALUES (?, ?, ?)", row)
            self._writes += 1
            if self._writes % WRITES_PER_CHECK == 0:
                self._make_room()

    def used_bytes(self) -> int:
        return used_bytes(self._db)

    def _make_room(self) -> None:
        if self.used_bytes() <= self.max_bytes:
            return
        # Of processes that come at the same time, all but one wait here and then find that there is room.
        self._db.execute("BEGIN IMMEDIATE")
        try:
            while self.used_bytes() > self.max_bytes:
                gone = self._db.execute(
                    "DELETE FROM labels WHERE key IN "
                    "(SELECT key FROM labels ORDER BY added LIMIT (SELECT max(1, count(*) / 4) FROM labels))"
                ).rowcount
                if not gone:
                    break  # an empty database takes some bytes, too
                logger.info("judge cache %s was over %d bytes; its oldest quarter is gone", self.path, self.max_bytes)
        finally:
            if self._db.in_transaction:
                self._db.execute("COMMIT")

    def close(self) -> None:
        with self._lock:
            self._db.close()


def _is_held(error: sqlite3.OperationalError) -> bool:
    return "locked" in str(error) or "busy" in str(error)
