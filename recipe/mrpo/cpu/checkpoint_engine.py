"""Weights from the trainer to separate rollout servers, over TCP: verl's `separate_async` mode without a GPU.

verl's checkpoint engines that move weights between processes (nccl, hccl, nixl, mooncake, kimi) all need a GPU, an NPU
or RDMA. This one registers itself under `zmq` in verl's CheckpointEngineRegistry; verl imports it by its own option:

    actor_rollout_ref.rollout.checkpoint_engine.custom_backend_module=recipe.mrpo.cpu.checkpoint_engine
    actor_rollout_ref.rollout.checkpoint_engine.backend=zmq

Every receiver binds a socket; rank 0 of the trainer sends each tensor to all of them. Meant for tiny models on one
machine or a trusted network: nothing is encrypted. A message is data (JSON and bytes), never a pickle.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterable
from typing import Any

import ray
import torch
import zmq
from verl.checkpoint_engine.base import CheckpointEngine, CheckpointEngineRegistry
from verl.workers.rollout.utils import ensure_async_iterator

from recipe.mrpo.common.environment import weight_sync_limit_s

_WAITING = 8  # tensors that may wait in a socket: memory on both sides stays a few tensors
_END = b"end"


def pack(name: str, weight: torch.Tensor) -> list[bytes]:
    """A tensor as two frames: name, dtype and shape as JSON, and its bytes."""
    weight = weight.detach().cpu().contiguous()
    head = {"name": name, "dtype": str(weight.dtype).removeprefix("torch."), "shape": list(weight.shape)}
    return [json.dumps(head).encode(), weight.reshape(-1).view(torch.uint8).numpy().tobytes()]


def unpack(frames: list[bytes]) -> tuple[str, torch.Tensor]:
    """The tensor of `pack`. Raises ValueError for a dtype that torch does not have."""
    head = json.loads(frames[0])
    dtype = getattr(torch, head["dtype"], None)
    if not isinstance(dtype, torch.dtype):
        raise ValueError(f"weight {head['name']} has the unknown dtype {head['dtype']!r}")
    if not frames[1]:  # frombuffer refuses an empty buffer
        return head["name"], torch.empty(head["shape"], dtype=dtype)
    return head["name"], torch.frombuffer(bytearray(frames[1]), dtype=dtype).reshape(head["shape"])


@CheckpointEngineRegistry.register("zmq")
class ZMQCheckpointEngine(CheckpointEngine):
    """Trainer rank 0 pushes, rollout workers pull; the other trainer ranks only take part in gathering the weights."""

    def __init__(self, bucket_size: int, is_master: bool = False) -> None:
        self.is_master = is_master
        self.sockets: list[zmq.Socket] = []
        self.sends: bool | None = None

    def _socket(self, kind: int) -> zmq.Socket:
        socket = zmq.Context.instance().socket(kind)
        limit = weight_sync_limit_s()
        socket.sndhwm = socket.rcvhwm = _WAITING
        socket.sndtimeo = socket.rcvtimeo = int(limit * 1000) if limit > 0 else -1
        self.sockets.append(socket)
        return socket

    def prepare(self) -> str:
        """Bind a socket for incoming weights; returns its address. Trainer ranks bind as well: roles are set later."""
        host = ray.util.get_node_ip_address().strip("[]")
        socket = self._socket(zmq.PULL)
        socket.ipv6 = ":" in host
        port = socket.bind_to_random_port(f"tcp://[{host}]" if ":" in host else f"tcp://{host}")
        return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"

    @classmethod
    def build_topology(
        cls, actor_wg_world_size: int, rollout_world_size: int, metadata: list[str]
    ) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
        """Rank 0 of the trainer gets the addresses of the rollout workers; all other ranks get nothing."""
        receivers = metadata[actor_wg_world_size:]
        return (
            {"receivers": [receivers] + [[]] * (actor_wg_world_size - 1), "sends": [True] * actor_wg_world_size},
            {"receivers": [[]] * rollout_world_size, "sends": [False] * rollout_world_size},
        )

    def init_process_group(self, receivers: list[str], sends: bool) -> None:
        self.sends = sends
        if sends:
            self.finalize()
            for address in receivers:
                socket = self._socket(zmq.PUSH)
                socket.ipv6 = "[" in address
                socket.connect(address)

    def finalize(self) -> None:
        for socket in self.sockets:
            # The receivers have already loaded all that was sent, so there is nothing to wait for.
            socket.close(linger=0)
        self.sockets = []

    async def send_weights(self, weights: Iterable[tuple[str, torch.Tensor]], global_steps: int | None = None) -> None:
        """Send every tensor to every receiver. Raises TimeoutError where a receiver takes none for the time limit."""
        loop = asyncio.get_running_loop()
        async for name, weight in ensure_async_iterator(weights):  # on every rank: gathering a weight needs all of them
            frames = pack(name, weight) if self.sockets else []
            for socket in self.sockets:
                await loop.run_in_executor(None, _bounded, socket.send_multipart, frames)
        for socket in self.sockets:
            await loop.run_in_executor(None, _bounded, socket.send_multipart, [_END])

    async def receive_weights(self, global_steps: int | None = None) -> AsyncGenerator[tuple[str, torch.Tensor], None]:
        """Yield (name, tensor) until the sender says that was all."""
        loop, (socket,) = asyncio.get_running_loop(), self.sockets
        while (frames := await loop.run_in_executor(None, _bounded, socket.recv_multipart)) != [_END]:
            yield unpack(frames)


def _bounded(transfer, *arguments):
    try:
        return transfer(*arguments)
    except zmq.Again as error:
        raise TimeoutError(
            "weights could not be handed from the trainer to the rollout servers within the time limit; one side has "
            "failed or was killed (the log says which). Raise mrpo.guards.weight_sync_timeout_s if it is only slow."
        ) from error
