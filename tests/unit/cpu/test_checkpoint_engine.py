"""Weights to rollout servers of their own without a GPU: verl's checkpoint engine interface over real sockets."""

from __future__ import annotations

import asyncio
import time

import pytest
import torch

from recipe.mrpo.cpu.shim import mrpo_cpu_shim

mrpo_cpu_shim.install()  # verl imports torchvision, whose CUDA build does not load beside a CPU build of torch
pytest.importorskip("verl")

from verl.checkpoint_engine.base import CheckpointEngineRegistry  # noqa: E402

from recipe.mrpo.common.environment import WEIGHT_SYNC_TIMEOUT_S  # noqa: E402
from recipe.mrpo.cpu.checkpoint_engine import ZMQCheckpointEngine, pack, unpack  # noqa: E402

WEIGHTS = {
    "matrix": torch.randn(33, 7).bfloat16(),
    "float32": torch.randn(5),
    "scalar": torch.tensor(2.5),
    "empty": torch.empty(0, 4),
    "transposed": torch.randn(4, 6).T,
    "integers": torch.arange(6).reshape(2, 3),
    "half": torch.randn(3).half(),
    "requires_grad": torch.nn.Parameter(torch.randn(2, 2)),
}


def connected(trainers: int, rollouts: int) -> tuple[list[ZMQCheckpointEngine], list[ZMQCheckpointEngine]]:
    """Engines after the calls that verl's CheckpointEngineManager makes before an update."""
    engines = [ZMQCheckpointEngine(bucket_size=1, is_master=i == 0) for i in range(trainers + rollouts)]
    metadata = [engine.prepare() for engine in engines]
    for_trainers, for_rollouts = ZMQCheckpointEngine.build_topology(trainers, rollouts, metadata)
    for kwargs, size, part in (
        (for_trainers, trainers, engines[:trainers]),
        (for_rollouts, rollouts, engines[trainers:]),
    ):
        assert all(len(values) == size for values in kwargs.values())  # as verl asserts
        for i, engine in enumerate(part):
            engine.init_process_group(**{name: values[i] for name, values in kwargs.items()})
    return engines[:trainers], engines[trainers:]


async def received(engine: ZMQCheckpointEngine) -> dict[str, torch.Tensor]:
    return {name: weight async for name, weight in engine.receive_weights()}


def test_verl_finds_the_engine_under_its_name():
    assert CheckpointEngineRegistry.get("zmq") is ZMQCheckpointEngine


@pytest.mark.parametrize(("trainers", "rollouts"), [(1, 1), (2, 1), (1, 3)])
def test_every_rollout_server_gets_every_weight_to_the_bit_and_every_update_anew(trainers, rollouts):
    async def update(weights):
        senders, receivers = connected(trainers, rollouts)
        walked = []

        def walk(rank):
            for name, weight in weights.items():
                walked.append(rank)  # gathering a sharded weight needs every rank of the trainer
                yield name, weight

        got = await asyncio.gather(
            *(received(engine) for engine in receivers),
            *(engine.send_weights(walk(rank)) for rank, engine in enumerate(senders)),
        )
        assert sorted(walked) == sorted(list(range(trainers)) * len(weights))
        for engine in (*senders, *receivers):
            engine.finalize()
        return got[:rollouts]

    for weights in (WEIGHTS, {"matrix": WEIGHTS["matrix"] + 1}):
        for got in asyncio.run(update(weights)):
            assert list(got) == list(weights)
            for name, weight in weights.items():
                assert got[name].dtype == weight.dtype and got[name].shape == weight.shape
                assert torch.equal(got[name], weight)


def test_more_weights_than_the_sockets_hold_arrive_in_order():
    async def update():
        (sender,), (receiver,) = connected(1, 1)
        many = {f"w{i}": torch.full((1000,), float(i)) for i in range(200)}
        got, _ = await asyncio.gather(received(receiver), sender.send_weights(iter(many.items())))
        for engine in (sender, receiver):
            engine.finalize()
        return [weight[0].item() for weight in got.values()]

    assert asyncio.run(update()) == list(range(200))


def test_a_received_weight_is_memory_of_its_own():
    frames = pack("w", torch.zeros(3))
    _, first = unpack(frames)
    first += 1
    assert torch.equal(unpack(frames)[1], torch.zeros(3))


def test_an_unknown_dtype_is_refused_by_name():
    with pytest.raises(ValueError, match="w has the unknown dtype 'load'"):
        unpack([b'{"name": "w", "dtype": "load", "shape": [1]}', b"\0"])


@pytest.mark.parametrize("dead", ["sender", "receiver"])
def test_a_dead_side_ends_the_update_within_the_limit_and_names_the_option(monkeypatch, dead):
    monkeypatch.setenv(WEIGHT_SYNC_TIMEOUT_S, "0.3")
    (sender,), (receiver,) = connected(1, 1)
    start = time.monotonic()
    with pytest.raises(TimeoutError, match="weight_sync_timeout_s"):
        if dead == "sender":
            asyncio.run(received(receiver))
        else:
            receiver.finalize()
            asyncio.run(sender.send_weights((f"w{i}", torch.zeros(100_000)) for i in range(100)))
    assert time.monotonic() - start < 60  # without the limit it takes for ever
    for engine in (sender, receiver):
        engine.finalize()
