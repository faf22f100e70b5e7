"""Labels on disk, so that the same question about the same rollout is paid for once.

sqlite3 of the standard library in WAL mode: many processes may read and write, a killed one leaves a sound file, and
the values are plain JSON (nothing is unpickled). The file holds hashes and labels, no text and no image of any case.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
import logging
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recipe.mrpo.judge.protocol import CacheableJudge, Judgement, JudgeRequest
from recipe.mrpo.judge.usage import Usage

logger = logging.getLogger(__name__)

# How many of its own writes a process makes between two looks at the size of the file.
WRITES_PER_CHECK = 256
# How long another process may hold the file before it counts as a fault.
LOCK_TIMEOUT_S = 30.0


class BadEntry(ValueError):
    """An entry of the file that no judge has given: damaged, or written by something else."""


def used_bytes(db: sqlite3.Connection) -> int:
    """Bytes of the file that hold something; freed pages are used again before the file grows."""
    pages, free, size = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def lenient(text: bytes) -> str:
    """A `text_factory`: what is no UTF-8 is one damaged entry, where sqlite3 would give up on the statement."""
    return text.decode("utf-8", errors="replace")


def read_entry(stored: object) -> tuple[int, ...]:
    """The labels of an entry as it stands in the file, a JSON list of 0 and 1. Raises BadEntry for anything else."""
    try:
        labels = json.loads(stored) if isinstance(stored, str) else None
    except (ValueError, RecursionError):
        labels = None
    # type(), not isinstance: true is no label, and Judgement refuses it.
    if not isinstance(labels, list) or any(type(label) is not int or label not in (0, 1) for label in labels):
        raise BadEntry("it is no list of 0 and 1")
    return tuple(labels)


class LabelStore:
    """Labels by key in one file of at most about `max_mb` megabytes; the oldest entries make room for new ones.

    Put the file on a local disk: WAL needs shared memory that network file systems do not have.
    Raises ValueError naming the option if the file cannot be used.
    """

    def __init__(self, path: str | Path, *, max_mb: float) -> None:
        if not max_mb > 0:
            raise ValueError(f"mrpo.judge.cache.max_mb must be above 0, not {max_mb!r}.")
        self.path, self.max_bytes = Path(path).expanduser(), int(max_mb * 2**20)
        self._lock, self._writes = threading.Lock(), 0
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Autocommit: every statement is a transaction of its own and no lock outlives it.
            self._db = sqlite3.connect(self.path, timeout=LOCK_TIMEOUT_S, isolation_level=None, check_same_thread=False)
            self._db.text_factory = lenient
            self._patiently(self._prepare)
            # Here too: a process that ends before its first look would never make room.
            self._patiently(self._make_room)
        except (OSError, sqlite3.Error) as error:
            raise ValueError(f"mrpo.judge.cache.path={path} cannot be used as a cache: {error}") from error

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode=WAL")
        # Safe against a killed process; only a power cut can lose the last entries.
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS labels (key BLOB PRIMARY KEY, labels TEXT, added REAL) WITHOUT ROWID"
        )
        self._db.execute("CREATE INDEX IF NOT EXISTS by_age ON labels (added)")

    def _patiently(self, step: Callable[[], None]) -> None:
        """`step`, again while another process holds the file: the change to WAL does not wait for the lock itself."""
        deadline = time.monotonic() + LOCK_TIMEOUT_S
        while True:
            try:
                return step()
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
            time.sleep(random.uniform(0.005, 0.05))

    def get(self, key: bytes, *, count: int) -> tuple[int, ...] | None:
        """The `count` labels stored for `key`, None if there are none. Raises BadEntry for what no judge has given."""
        with self._lock:
            row = self._db.execute("SELECT labels FROM labels WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        labels = read_entry(row[0])
        if len(labels) != count:
            raise BadEntry(f"it has {len(labels)} labels, the rollout {count}")
        return labels

    def put(self, key: bytes, labels: tuple[int, ...]) -> None:
        """Store labels; they replace what stands there, which only a damaged entry or another process can have left."""
        with self._lock:
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
                    break  # an empty file has a size of its own
                logger.info("judge cache %s was over %d bytes; its oldest quarter is gone", self.path, self.max_bytes)
        finally:
            if self._db.in_transaction:
                self._db.execute("COMMIT")

    def close(self) -> None:
        with self._lock:
            self._db.close()


class CachedJudge:
    """Asks the store first; labels from the judge are stored, failures are not. A grade of the whole is the last label.

    Entries are found again by the judge's own key within `namespace` (mrpo.judge.cache.namespace) and by the same
    `member` of an ensemble only.
    A store that fails at run time (disk full, locked) or holds a damaged entry costs a call, never a judgement; the
    judgement's usage counts it in `cache_faults`.
    """

    def __init__(self, judge: CacheableJudge, store: LabelStore, *, namespace: str | None, member: str | None) -> None:
        if namespace is not None and not str(namespace).strip():
            raise ValueError("mrpo.judge.cache.namespace must be a name or null, not blank.")
        self.judge, self.store = judge, store
        # What the judge cannot know: which of several it is, and what its user tells apart.
        self._place = json.dumps([None if namespace is None else str(namespace), member]).encode()
        self._warned: set[str] = set()

    async def label(self, request: JudgeRequest) -> Judgement:
        start = time.perf_counter()
        key = hashlib.sha256(self._place + self.judge.cache_key(request)).digest()
        stored, faults = await self._try(self.store.get, key, count=len(request.steps) + request.overall)
        if stored is not None:
            labels, whole = (stored[:-1], stored[-1]) if request.overall else (stored, None)
            usage = Usage(cached=True, latency_s=time.perf_counter() - start)
            return Judgement(labels=labels, overall=whole, usage=usage)
        judgement = await self.judge.label(request)
        complete = not request.overall or judgement.overall is not None
        if judgement.labels and len(judgement.labels) == len(request.steps) and complete:
            whole = (judgement.overall,) if request.overall else ()
            faults += (await self._try(self.store.put, key, (*judgement.labels, *whole)))[1]
        return dataclasses.replace(judgement, usage=judgement.usage + Usage(cache_faults=faults))

    async def close(self) -> None:
        # The store stays open: the judge may go on in another event loop.
        await self.judge.close()

    async def _try(self, operation: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Any, int]:
        """What the operation gives (None where it fails), and how often it failed: 0 or 1."""
        try:
            return await asyncio.to_thread(operation, *args, **kwargs), 0
        except BadEntry as error:
            self._warn("bad entry", "holds an entry that is not used and will be replaced", error)
        except sqlite3.Error as error:
            self._warn("store", "fails, judging without it", error)
        return None, 1

    def _warn(self, kind: str, what: str, error: Exception) -> None:
        """Once a kind: at full rate the log of a run would hold nothing else; the metric counts them all."""
        if kind not in self._warned:
            logger.warning("judge cache %s %s: %s (mrpo/judge/cache_faults_total)", self.store.path, what, error)
        self._warned.add(kind)
