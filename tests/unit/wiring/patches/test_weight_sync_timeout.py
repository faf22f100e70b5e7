"""The limit on the weight sync, on verl's real BucketedWeightSender with a real ZMQ socket."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import types
from importlib.machinery import PathFinder

import pytest
import torch
import zmq

from recipe.mrpo.common import source
from recipe.mrpo.common.environment import WEIGHT_SYNC_TIMEOUT_S
from recipe.mrpo.wiring.patches.weight_sync_timeout import bound_weight_sync
from tests.unit.wiring.patches.weight_transfer import copy_of_transfer

LIMITS = (0.5, 5, 50)
"""Seconds, one after the other until the receiver has got in time what it acknowledges."""
FOR_EVER = 60
"""Seconds: verl alone waits without a limit, and a busy machine takes its time."""


@pytest.fixture
def transfer(verl):
    """A private copy of verl's module, so that the patch reaches no other test."""
    return copy_of_transfer()


class Receiver:
    """The rollout engine's end, in a thread: acknowledges `answers` messages (None: up to the last) and is gone."""

    def __init__(self, handle: str, answers: int | None, *, patience: float = FOR_EVER):
        self.got, self._handle, self._answers, self._patience = [], handle, answers, patience
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def _receive(self):
        socket = zmq.Context.instance().socket(zmq.REP)
        socket.rcvtimeo, socket.linger = int(1000 * self._patience), 100
        socket.connect(self._handle)
        with contextlib.closing(socket), contextlib.suppress(zmq.Again):
            while self._answers is None or len(self.got) < self._answers:
                self.got.append(socket.recv_pyobj())
                socket.send(b"")
                if self.got[-1].get("is_last"):
                    return

    def join(self):
        self._thread.join(timeout=2 * FOR_EVER)


def weights():
    yield "w", torch.ones(4)


def sender_of(transfer, monkeypatch, tmp_path, limit):
    monkeypatch.setenv(WEIGHT_SYNC_TIMEOUT_S, str(limit))
    bound_weight_sync(transfer)
    handle = f"ipc://{tmp_path}/{limit:g}"
    return transfer.BucketedWeightSender(zmq_handle=handle, bucket_size_mb=1, use_shm=True), handle


@pytest.mark.parametrize("answers", [0, 1], ids=["nobody there", "dies after the first message"])
def test_a_dead_receiver_ends_the_weight_sync_within_the_limit(verl, monkeypatch, tmp_path, answers):
    for limit in LIMITS:
        sender, handle = sender_of(copy_of_transfer(), monkeypatch, tmp_path, limit)
        receiver = Receiver(handle, answers, patience=2 * limit)
        start = time.monotonic()
        with pytest.raises(TimeoutError, match=rf"within {limit:g} s.*mrpo\.guards\.weight_sync_timeout_s"):
            asyncio.run(sender.async_send_weights(weights()))
        assert limit * 0.9 <= time.monotonic() - start < limit + FOR_EVER
        receiver.join()
        assert sender.socket is None or sender.socket.closed
        if len(receiver.got) == answers:
            break
    assert len(receiver.got) == answers


def test_a_healthy_weight_sync_goes_through(transfer, monkeypatch, tmp_path):
    sender, handle = sender_of(transfer, monkeypatch, tmp_path, FOR_EVER)
    receiver = Receiver(handle, None)
    asyncio.run(sender.async_send_weights(weights()))
    receiver.join()
    assert list(receiver.got[-1]["bucket_meta"]) == ["w"]


@pytest.mark.parametrize("value", [None, "", "0"])
def test_without_a_limit_verls_class_stays_untouched(transfer, monkeypatch, value):
    monkeypatch.delenv(WEIGHT_SYNC_TIMEOUT_S, raising=False)
    if value is not None:
        monkeypatch.setenv(WEIGHT_SYNC_TIMEOUT_S, value)
    before = dict(vars(transfer.BucketedWeightSender))
    bound_weight_sync(transfer)
    assert dict(vars(transfer.BucketedWeightSender)) == before


@pytest.mark.parametrize(
    "members",
    [{}, {"BucketedWeightSender": type("BucketedWeightSender", (), {"_init_socket": lambda self: None})}],
    ids=["no class", "no async_send_weights"],
)
def test_an_unknown_sender_is_refused_with_the_way_out(monkeypatch, members):
    monkeypatch.setenv(WEIGHT_SYNC_TIMEOUT_S, "5")
    with pytest.raises(RuntimeError, match=r"not the class of verl 0\.9\.1.*mrpo\.guards\.weight_sync_timeout_s=0"):
        bound_weight_sync(types.SimpleNamespace(__name__="verl.future", **members))


def test_a_sender_that_makes_its_socket_elsewhere_is_refused(monkeypatch):
    class BucketedWeightSender:
        socket = None

        def _init_socket(self):
            pass

        async def async_send_weights(self, weights):
            self._init_socket()

    monkeypatch.setenv(WEIGHT_SYNC_TIMEOUT_S, "5")
    bound_weight_sync(types.SimpleNamespace(__name__="verl.future", BucketedWeightSender=BucketedWeightSender))
    with pytest.raises(RuntimeError, match="left no socket"):
        asyncio.run(BucketedWeightSender().async_send_weights(None))


def test_the_patch_steps_aside_where_verl_has_a_limit_of_its_own(transfer, monkeypatch, tmp_path, caplog):
    """A verl whose checkpoint engine has the option of verl-project/verl#7366, as a package on the path."""
    package = tmp_path / "verl" / "workers" / "config"
    package.mkdir(parents=True)
    for folder in (package, package.parent, package.parent.parent):
        (folder / "__init__.py").write_text("")
    (package / "rollout.py").write_text(
        "class CheckpointEngineConfig:\n    update_weights_ack_timeout_seconds: float = 30.0\n"
    )
    monkeypatch.setenv(WEIGHT_SYNC_TIMEOUT_S, "5")
    monkeypatch.setattr(source, "find_spec", lambda name: PathFinder.find_spec(name, [str(tmp_path)]))
    source.module_file.cache_clear()
    before = dict(vars(transfer.BucketedWeightSender))
    bound_weight_sync(transfer)
    source.module_file.cache_clear()
    assert dict(vars(transfer.BucketedWeightSender)) == before
    assert "update_weights_ack_timeout_seconds; mrpo.guards.weight_sync_timeout_s is not used" in caplog.text
