"""A user's own code under a limit of time. Python ends no thread, so one that takes too long is left behind."""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
from collections.abc import Callable, Coroutine
from queue import SimpleQueue
from typing import Any, TypeVar, cast

T = TypeVar("T")

MOST_LEFT_BEHIND = 8
"""While so many calls have not come back, no further one begins: threads that spin would starve all others."""


class TookTooLong(TimeoutError):
    """A call that did not come back in time; `place` says where it was then."""

    def __init__(self, problem: str, place: str = "") -> None:
        self.place = place
        super().__init__(problem)


class _Call:
    """One call: its result or its error, once `done` is set."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.function, self.args = function, args
        self.done, self.lock, self.left_behind = threading.Event(), threading.Lock(), False
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self.function(*self.args)
        except BaseException as error:  # raised again where the call was made
            self.error = error
        self.done.set()


class LimitedCalls:
    """Calls a function in threads that are used again. They are daemons: none keeps a process from ending."""

    def __init__(self) -> None:
        self._idle: list[tuple[threading.Thread, SimpleQueue[_Call]]] = []
        self._lock, self._left = threading.Lock(), 0

    def __call__(self, function: Callable[..., T], *args: Any, limit_s: float) -> T:
        """The result of `function(*args)`, or its error. `limit_s` 0: no limit, and no other thread.

        Raises TookTooLong after `limit_s` seconds, and at once while MOST_LEFT_BEHIND calls have not come back. Code
        that never lets go of the interpreter (a regular expression that backtracks) cannot be left behind.
        """
        if not limit_s:
            return function(*args)
        with self._lock:
            if self._left >= MOST_LEFT_BEHIND:
                raise TookTooLong(f"{self._left} earlier calls have not come back after {limit_s:g} s each")
            thread, work = self._idle.pop() if self._idle else self._thread()
        call = _Call(function, args)
        work.put(call)
        if not call.done.wait(limit_s):
            with call.lock:
                if not call.done.is_set():
                    call.left_behind = True
                    with self._lock:
                        self._left += 1
                    raise TookTooLong(f"no result after {limit_s:g} s", _place_of(thread))
        with self._lock:
            self._idle.append((thread, work))
        if call.error is not None:
            raise call.error
        return call.result

    def _thread(self) -> tuple[threading.Thread, SimpleQueue[_Call]]:
        work: SimpleQueue[_Call] = SimpleQueue()
        thread = threading.Thread(target=self._serve, args=(work,), name="mrpo-own-code", daemon=True)
        thread.start()
        return thread, work

    def _serve(self, work: SimpleQueue[_Call]) -> None:
        while True:
            call = work.get()
            call.run()
            with call.lock:
                if call.left_behind:  # it came back too late: nobody waits for it, and its thread is not used again
                    with self._lock:
                        self._left -= 1
                    return


def _place_of(thread: threading.Thread) -> str:
    frame = sys._current_frames().get(thread.ident or 0)
    return "" if frame is None else "".join(traceback.format_stack(frame)).rstrip()


async def _caught(work: Callable[[], Coroutine[Any, Any, T]]) -> tuple[T | None, BaseException | None]:
    try:
        return await work(), None
    except (Exception, SystemExit) as error:  # an exit() would end the loop, and nobody would hear of it
        return None, error


class OwnLoop:
    """An event loop in a thread of its own, for coroutines that may block it, or never end."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    async def run(self, work: Callable[[], Coroutine[Any, Any, T]], *, limit_s: float) -> T:
        """The result of `work()`, awaited in the loop, or its error.

        Raises TookTooLong after `limit_s` seconds; 0: no limit.
        """
        future = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_caught(work), self._running()))
        try:
            done, _ = await asyncio.wait({future}, timeout=limit_s or None)
        except asyncio.CancelledError:
            future.cancel()
            raise
        if not done:
            place = "" if self._thread is None else _place_of(self._thread)
            future.cancel()  # reaches a coroutine that waits, not one that blocks
            raise TookTooLong(f"no result after {limit_s:g} s", place)
        result, error = future.result()
        if error is not None:
            raise error
        return cast(T, result)

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name=self.name, daemon=True)
            self._thread.start()
        return self._loop

    def stop(self) -> None:
        """End the loop; the next `run` begins another one."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._loop = self._thread = None
