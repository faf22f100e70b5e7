"""Labels on disk, so that the same question about the same rollout is paid for once.

sqlite3 of the standard library in WAL mode: many processes may read and write, a killed one leaves a sound file, and
the values are plain JSON (nothing is unpickled). The file holds hashes and labels, no text and no image of any case.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recipe.mrpo.judge.protocol import CacheableJudge, Judgement, JudgeRequest

logger = logging.getLogger(__name__)

# How many of its own writes a process makes between two looks at the size of the file.
WRITES_PER_CHECK = 256


def used_bytes(db: sqlite3.Connection) -> int:
    """Bytes of the file that hold something; freed pages are used again before the file grows."""
    pages, free, size = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


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
            self._db = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            # Safe against a killed process; only a power cut can lose the last entries.
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS labels (key BLOB PRIMARY KEY, labels TEXT, added REAL) WITHOUT ROWID"
            )
            self._db.execute("CREATE INDEX IF NOT EXISTS by_age ON labels (added)")
        except (OSError, sqlite3.Error) as error:
            raise ValueError(f"mrpo.judge.cache.path={path} cannot be used as a cache: {error}") from error

    def get(self, key: bytes, *, count: int) -> tuple[int, ...] | None:
        """Labels stored for `key`; None if there are none, or not that many."""
        with self._lock:
            row = self._db.execute("SELECT labels FROM labels WHERE key = ?", (key,)).fetchone()
        labels = tuple(json.loads(row[0])) if row else None
        return labels if labels is not None and len(labels) == count else None

    def put(self, key: bytes, labels: tuple[int, ...]) -> None:
        with self._lock:
            row = (key, json.dumps(labels), time.time())
            self._db.execute("INSERT OR IGNORE INTO labels VALUES (?, ?, ?)", row)
            self._writes += 1
            if self._writes % WRITES_PER_CHECK == 0:
                self._make_room()

    def used_bytes(self) -> int:
        return used_bytes(self._db)

    def _make_room(self) -> None:
        if self.used_bytes() > self.max_bytes:
            self._db.execute(
                "DELETE FROM labels WHERE key IN "
                "(SELECT key FROM labels ORDER BY added LIMIT (SELECT max(1, count(*) / 4) FROM labels))"
            )
            logger.info("judge cache %s was over %d bytes; its oldest quarter is gone", self.path, self.max_bytes)

    def close(self) -> None:
        with self._lock:
            self._db.close()


class CachedJudge:
    """Asks the store first; labels from the judge are stored, failures are not. A grade of the whole is the last label.

    A store that fails at run time (disk full, locked) costs a call, never a judgement.
    """

    def __init__(self, judge: CacheableJudge, store: LabelStore) -> None:
        self.judge, self.store, self.name = judge, store, judge.name
        self._warned = False

    async def label(self, request: JudgeRequest) -> Judgement:
        start = time.perf_counter()
        key = self.judge.cache_key(request)
        stored = await self._try(self.store.get, key, count=len(request.steps) + request.overall)
        if stored is not None:
            labels, whole = (stored[:-1], stored[-1]) if request.overall else (stored, None)
            return Judgement(labels=labels, overall=whole, cached=True, latency_s=time.perf_counter() - start)
        judgement = await self.judge.label(request)
        complete = not request.overall or judgement.overall is not None
        if judgement.labels and complete:
            whole = (judgement.overall,) if request.overall else ()
            await self._try(self.store.put, key, (*judgement.labels, *whole))
        return judgement

    async def close(self) -> None:
        # The store stays open: the judge may go on in another event loop.
        await self.judge.close()

    async def _try(self, operation: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return await asyncio.to_thread(operation, *args, **kwargs)
        except (sqlite3.Error, ValueError) as error:
            if not self._warned:
                logger.warning("judge cache %s fails, judging without it: %s", self.store.path, error)
            self._warned = True
            return None
