"""Two runs on one host, on verl's real sender and receiver of weights with real ZMQ sockets."""

from __future__ import annotations

import asyncio
import threading
import types
from pathlib import Path

import pytest
import torch

from recipe.mrpo.common.environment import WEIGHT_SYNC_MARK
from recipe.mrpo.wiring.patches.weight_sync_socket import mark_sockets
from tests.unit.wiring.patches.weight_transfer import copy_of_transfer

FOR_EVER = 60
"""Seconds: a busy machine takes its time."""


def transfer_of(monkeypatch, mark):
    """A copy of verl's module, as the processes of one run have it."""
    module = copy_of_transfer()
    if mark is None:
        monkeypatch.delenv(WEIGHT_SYNC_MARK, raising=False)
    else:
        monkeypatch.setenv(WEIGHT_SYNC_MARK, mark)
    mark_sockets(module)
    return module


def bound(transfer, handle):
    """A sender with its socket, and the file of the socket."""
    sender = transfer.BucketedWeightSender(zmq_handle=handle, bucket_size_mb=1, use_shm=True)
    sender._init_socket()
    sender.socket.linger = 0
    return sender, Path(sender.zmq_handle.removeprefix("ipc://"))


def test_verl_alone_gives_both_runs_one_socket(verl, monkeypatch, tmp_path):
    """What the patch is for: the second run takes the first one's path away, without an error."""
    handle = f"ipc://{tmp_path}/replica-0-rank-0.sock"
    first, path = bound(transfer_of(monkeypatch, None), handle)
    before = path.stat().st_ino
    second, again = bound(transfer_of(monkeypatch, None), handle)
    assert again == path and path.stat().st_ino != before
    first.socket.close()
    second.socket.close()


def test_each_engine_gets_the_weights_of_its_own_run(verl, monkeypatch, tmp_path):
    handle = f"ipc://{tmp_path}/replica-0-rank-0.sock"
    runs = {mark: transfer_of(monkeypatch, mark) for mark in ("aaaa", "bbbb")}
    got: dict[str, list[tuple[str, list[float]]]] = {mark: [] for mark in runs}

    def send(mark):
        sender = runs[mark].BucketedWeightSender(zmq_handle=handle, bucket_size_mb=1, use_shm=True)
        asyncio.run(sender.async_send_weights(iter([(f"of {mark}", torch.full((3,), float(ord(mark[0]))))])))

    def receive(mark):
        receiver = runs[mark].BucketedWeightReceiver(zmq_handle=handle, device=torch.device("cpu"), use_shm=True)
        receiver.receive_weights(
            on_bucket_received=lambda weights, is_last: got[mark].extend((name, w.tolist()) for name, w in weights)
        )

    ends = [threading.Thread(target=end, args=(mark,), daemon=True) for end in (send, receive) for mark in runs]
    for end in ends:
        end.start()
    for end in ends:
        end.join(timeout=FOR_EVER)
    assert got == {"aaaa": [("of aaaa", [97.0] * 3)], "bbbb": [("of bbbb", [98.0] * 3)]}


@pytest.mark.parametrize("mark", [None, ""])
def test_without_a_mark_verls_classes_stay_untouched(verl, monkeypatch, tmp_path, mark):
    transfer = transfer_of(monkeypatch, mark)
    handle = f"ipc://{tmp_path}/w.sock"
    assert transfer.BucketedWeightSender(zmq_handle=handle).zmq_handle == handle
    assert transfer.BucketedWeightReceiver(zmq_handle=handle, device=torch.device("cpu")).zmq_handle == handle


def test_an_address_that_is_no_file_stays_as_it_is(verl, monkeypatch):
    transfer = transfer_of(monkeypatch, "aaaa")
    assert transfer.BucketedWeightSender(zmq_handle="tcp://127.0.0.1:5555").zmq_handle == "tcp://127.0.0.1:5555"


def test_the_file_keeps_the_name_by_which_a_killed_run_is_cleaned_up(verl, monkeypatch):
    transfer = transfer_of(monkeypatch, "aaaa")
    sender = transfer.BucketedWeightSender("ipc:///tmp/rl-colocate-zmq-01000000-replica-0-rank-0.sock")
    assert sender.zmq_handle == "ipc:///tmp/rl-colocate-zmq-01000000-replica-0-rank-0-aaaa.sock"


@pytest.mark.parametrize("gone", ["BucketedWeightSender", "BucketedWeightReceiver"])
def test_a_transfer_without_one_of_its_ends_is_refused(monkeypatch, gone):
    monkeypatch.setenv(WEIGHT_SYNC_MARK, "aaaa")
    ends = {name: type(name, (), {}) for name in ("BucketedWeightSender", "BucketedWeightReceiver") if name != gone}
    with pytest.raises(RuntimeError, match=f"has no {gone}.*verl 0\\.9\\.1"):
        mark_sockets(types.SimpleNamespace(__name__="verl.future", **ends))
