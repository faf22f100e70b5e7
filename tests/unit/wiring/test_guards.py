"""The two guards, the second on verl's real BucketedWeightSender with a real ZMQ socket."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import sys
import threading
import time
import types
from pathlib import Path

import pytest
import torch
import zmq

from recipe.mrpo.common.environment import WEIGHT_SYNC_TIMEOUT_S
from recipe.mrpo.wiring.correlation import CORRELATION, RolloutMismatch, check_correlation
from recipe.mrpo.wiring.patches.weight_sync_timeout import bound_weight_sync

LIMIT = 0.5


@pytest.mark.parametrize("action", ["warn", "stop"])
@pytest.mark.parametrize("value", [None, 1.0, 0.95], ids=["not measured", "equal", "at the threshold"])
def test_a_good_or_unknown_correlation_passes_in_silence(caplog, action, value):
    assert check_correlation(value, minimum=0.95, action=action) == value
    assert caplog.records == []


@pytest.mark.parametrize("value", [0.9499, 0.86, -1.0])
def test_a_low_correlation_warns_with_the_cause_and_the_run_goes_on(caplog, value):
    assert check_correlation(value, minimum=0.95, action="warn") == value
    (entry,) = caplog.records
    assert entry.levelno == logging.WARNING
    for part in (CORRELATION, f"{value:.4f}", "mrpo.guards.min_probs_correlation=0.95",
                 "actor_rollout_ref.rollout.load_format=auto"):  # fmt: skip
        assert part in entry.getMessage()


def test_a_low_correlation_stops_the_run_when_asked_to():
    with pytest.raises(RolloutMismatch, match="load_format=auto"):
        check_correlation(0.86, minimum=0.95, action="stop")


@pytest.mark.parametrize("action", ["warn", "stop"])
def test_a_correlation_that_is_not_a_number_is_not_taken_for_a_good_one(caplog, action):
    """Pearson's r is 0/0 when one side is constant, which is just what a broken engine may produce."""
    try:
        check_correlation(float("nan"), minimum=0.95, action=action)
    except RolloutMismatch:
        assert action == "stop"
    else:
        assert action == "warn" and caplog.records


def test_the_metric_is_the_one_that_verl_writes(verl):
    from verl.utils.debug.metrics import calculate_debug_metrics

    log_probs = -torch.rand(3, 5)
    data = verl.DataProto.from_dict(tensors={
        "responses": torch.ones(3, 5), "response_mask": torch.ones(3, 5), "attention_mask": torch.ones(3, 9),
        "rollout_log_probs": log_probs, "old_log_probs": log_probs,
    })  # fmt: skip
    assert float(calculate_debug_metrics(data)[CORRELATION]) == pytest.approx(1.0)


@pytest.fixture
def transfer(verl):
    """A private copy of verl's module, so that the patch reaches no other test."""
    path = Path(sys.modules["verl"].__file__).parent / "workers/rollout/vllm_rollout/bucketed_weight_transfer.py"
    spec = importlib.util.spec_from_file_location("copy_of_bucketed_weight_transfer", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Receiver:
    """The rollout engine's end, in a thread: acknowledges `answers` messages (None: up to the last) and is gone."""

    def __init__(self, handle: str, answers: int | None):
        self.got, self._handle, self._answers = [], handle, answers
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def _receive(self):
        socket = zmq.Context.instance().socket(zmq.REP)
        socket.rcvtimeo, socket.linger = 10_000, 100
        socket.connect(self._handle)
        try:
            while self._answers is None or len(self.got) < self._answers:
                self.got.append(socket.recv_pyobj())
                socket.send(b"")
                if self.got[-1].get("is_last"):
                    return
        finally:
            socket.close()

    def join(self):
        self._thread.join(timeout=15)


def weights():
    yield "w", torch.ones(4)


def sender_of(transfer, monkeypatch, tmp_path, limit):
    monkeypatch.setenv(WEIGHT_SYNC_TIMEOUT_S, str(limit))
    bound_weight_sync(transfer)
    handle = f"ipc://{tmp_path}/w.sock"
    return transfer.BucketedWeightSender(zmq_handle=handle, bucket_size_mb=1, use_shm=True), handle


@pytest.mark.parametrize("answers", [0, 1], ids=["nobody there", "dies after the first message"])
def test_a_dead_receiver_ends_the_weight_sync_within_the_limit(transfer, monkeypatch, tmp_path, answers):
    sender, handle = sender_of(transfer, monkeypatch, tmp_path, LIMIT)
    receiver = Receiver(handle, answers)
    start = time.monotonic()
    with pytest.raises(TimeoutError, match=r"within 0\.5 s.*mrpo\.guards\.weight_sync_timeout_s"):
        asyncio.run(sender.async_send_weights(weights()))
    assert LIMIT * 0.9 <= time.monotonic() - start < 2 * LIMIT + 3
    receiver.join()
    assert len(receiver.got) == answers
    assert sender.socket is None or sender.socket.closed


def test_a_healthy_weight_sync_goes_through(transfer, monkeypatch, tmp_path):
    sender, handle = sender_of(transfer, monkeypatch, tmp_path, 10)
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
