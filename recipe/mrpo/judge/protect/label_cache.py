"""A judge with a cache, so that the same question about the same rollout is paid for once."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
import logging
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from recipe.mrpo.judge.protect.label_store import BadEntry, LabelStore
from recipe.mrpo.judge.protocol import CacheableJudge, Judgement, JudgeRequest
from recipe.mrpo.judge.usage import Usage

logger = logging.getLogger(__name__)

KEY_VERSION = 2
"""Part of every key. Raise it when labels of the code before must not be served any more: another way to put the
question or to read a reply that `cache_key` of the judges does not show."""


class CachedJudge:
    """Asks the store first; labels from the judge are stored, failures are not. Behind the labels stand a grade of the
    whole and a verdict on the answer, where they are asked for.

    Entries are found again by the judge's own key, within `namespace` (mrpo.judge.cache.namespace), by the same
    `member` of an ensemble and, for a user's own judge, under the same name and options (`own`). A store that fails at
    run time (disk full, held by another process) or holds a damaged entry costs a call, never a judgement; the
    judgement's usage counts it in `cache_faults`.
    """

    def __init__(
        self,
        judge: CacheableJudge,
        store: LabelStore,
        *,
        namespace: str | None,
        member: str | None,
        own: list[Any] | None = None,
    ) -> None:
        self.judge, self.store = judge, store
        self.name = getattr(judge, "name", type(judge).__name__)
        # The judge does not know which of several it is, nor what its user tells apart.
        name = None if namespace is None else str(namespace)
        self._key_head = json.dumps([KEY_VERSION, name, member, own], default=str).encode()
        # One thread: the threads of the event loop stay free for the rewards while another process holds the file.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mrpo-label-cache")
        self._warned: set[str] = set()

    async def label(self, request: JudgeRequest) -> Judgement:
        start = time.perf_counter()
        # In a thread: the key of a case with an image hashes megabytes.
        key = hashlib.sha256(self._key_head + await asyncio.to_thread(self.judge.cache_key, request)).digest()
        steps = len(request.steps)
        more = [*["overall"] * request.overall, *["answer"] * (request.rollout_answer is not None)]
        stored, faults = await self._try(self.store.get, key, count=steps + len(more))
        if stored is not None:
            usage = Usage(cached=True, latency_s=time.perf_counter() - start)
            found = dict(zip(more, stored[steps:], strict=True))
            return Judgement(labels=stored[:steps], usage=usage, **found)
        judgement = await self.judge.label(request)
        values = [getattr(judgement, name) for name in more]
        if judgement.labels is not None and len(judgement.labels) == steps and None not in values and steps + len(more):
            faults += (await self._try(self.store.put, key, (*judgement.labels, *values)))[1]
        return dataclasses.replace(judgement, usage=judgement.usage + Usage(cache_faults=faults))

    async def close(self) -> None:
        # The store stays open: the judge may go on in another event loop.
        await self.judge.close()

    async def _try(self, operation: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Any, int]:
        """The result of the operation (None if it fails), and how often it failed: 0 or 1."""
        try:
            call = partial(operation, *args, **kwargs)
            return await asyncio.get_running_loop().run_in_executor(self._thread, call), 0
        except BadEntry as error:
            self._warn("bad entry", "holds an entry that is not used and will be replaced", error)
        except sqlite3.Error as error:
            self._warn("store", "fails, judging without it", error)
        return None, 1

    def _warn(self, kind: str, what: str, error: Exception) -> None:
        """Log each kind only once, because the log would fill up otherwise; the metric counts all of them."""
        if kind not in self._warned:
            logger.warning("judge cache %s %s: %s (mrpo/judge/cache_faults_total)", self.store.path, what, error)
        self._warned.add(kind)
