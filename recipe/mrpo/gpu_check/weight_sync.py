"""verl's weight transfer between two processes (CUDA IPC, or shared memory on the CPU), and the limit on its wait."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from recipe.mrpo.common.environment import WEIGHT_SYNC_TIMEOUT_S
from recipe.mrpo.gpu_check.result import CheckFailed, Outcome
from recipe.mrpo.gpu_check.setting import Setting

LIMIT_S = 10.0
BUCKET_MB = 4


def weights(device: str, quick: bool) -> Iterator:
    """Tensors of several types, more than one bucket of them."""
    import torch

    for number, dtype in enumerate((torch.float32, torch.bfloat16, torch.float32)):
        rows = 256 if quick else 1024
        yield f"w{number}", torch.arange(rows * 512, device=device).remainder(251).reshape(rows, 512).to(dtype) + number


def checksums(received: Iterator) -> dict[str, float]:
    return {name: float(tensor.double().sum()) for name, tensor in received}


def receive(handle: str, device: str, pipe) -> None:
    """The rollout engine's end, in a process of its own: sends the sums of what came through `pipe`."""
    import torch
    from verl.workers.rollout.vllm_rollout.bucketed_weight_transfer import BucketedWeightReceiver

    target = torch.device("cuda:0" if device == "cuda" else "cpu")
    got: dict[str, float] = {}
    pipe.send("ready")
    receiver = BucketedWeightReceiver(zmq_handle=handle, device=target, use_shm=device != "cuda")
    receiver.receive_weights(lambda bucket, is_last: got.update(checksums(bucket)))
    pipe.send(got)


def transfer(setting: Setting, handle: str) -> tuple[dict[str, float], float]:
    """Sums of what arrived in the other process, and the seconds that it took."""
    from verl.workers.rollout.vllm_rollout.bucketed_weight_transfer import BucketedWeightSender

    context = multiprocessing.get_context("spawn")  # a forked process cannot use CUDA
    ours, theirs = context.Pipe()
    other = context.Process(target=receive, args=(handle, setting.device, theirs), daemon=True)
    other.start()
    theirs.close()
    ours.recv()
    begin = time.perf_counter()
    sender = BucketedWeightSender(zmq_handle=handle, bucket_size_mb=BUCKET_MB, use_shm=not setting.on_gpu)
    asyncio.run(sender.async_send_weights(weights(setting.device, setting.quick)))
    seconds = time.perf_counter() - begin
    got = ours.recv()
    other.join(LIMIT_S)
    return got, seconds


def seconds_until_given_up(setting: Setting, handle: str) -> float:
    """Nobody takes the weights: how long does the sender wait?"""
    from verl.workers.rollout.vllm_rollout.bucketed_weight_transfer import BucketedWeightSender

    sender = BucketedWeightSender(zmq_handle=handle, bucket_size_mb=BUCKET_MB, use_shm=not setting.on_gpu)
    begin = time.perf_counter()
    try:
        asyncio.run(sender.async_send_weights(weights(setting.device, True)))
    except TimeoutError:
        return time.perf_counter() - begin
    raise CheckFailed("weights that nobody took were reported as sent", "report this.")


def check(setting: Setting) -> Outcome:
    """Raises CheckFailed where a weight arrives as another one, or a dead receiver is waited for beyond the limit."""
    import os

    os.environ[WEIGHT_SYNC_TIMEOUT_S] = str(LIMIT_S)
    from recipe.mrpo import hooks

    hooks.install()
    folder = Path("/tmp") / f"mrpo-{uuid.uuid4().hex[:8]}"  # a socket's path may have 107 characters
    folder.mkdir()
    try:
        got, seconds = transfer(setting, f"ipc://{folder}/a")
        expected = checksums(weights(setting.device, setting.quick))
        if got != expected:
            raise CheckFailed(f"sent weights with the sums {expected}, received {got}", "report this.")
        given_up = seconds_until_given_up(setting, f"ipc://{folder}/b")
    finally:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    if not LIMIT_S * 0.9 < given_up < LIMIT_S * 2:
        raise CheckFailed(f"waited {given_up:.0f} s for a dead engine, the limit is {LIMIT_S:g} s", "report this.")
    way = "CUDA IPC" if setting.on_gpu else "shared memory"
    figures = {"transfer s": round(seconds, 3), "gave up after s": round(given_up, 1)}
    return Outcome(f"{len(got)} tensors arrived by {way}; a dead engine was given up after {given_up:.0f} s", figures)
