"""verl's real agent loop worker and replay buffers, on a TransferQueue that is a dictionary: no Ray, no model."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from types import SimpleNamespace

from omegaconf import OmegaConf


class Queue:
    """The part of the module `transfer_queue` that agent loop and replay buffers use; tags of a key are merged."""

    def __init__(self):
        self.tags: dict[str, dict[str, dict]] = defaultdict(dict)
        self.fields: dict[str, dict] = {}

    async def async_kv_put(self, key, partition_id, tag):
        self.tags[partition_id].setdefault(key, {}).update(tag)

    async def async_kv_batch_put(self, keys, fields, tags, partition_id):
        for i, (key, tag) in enumerate(zip(keys, tags, strict=True)):
            self.tags[partition_id][key] = tag
            self.fields[key] = {"extra_fields": fields[i]["extra_fields"]}

    def kv_list(self):
        return {partition: dict(items) for partition, items in self.tags.items()}

    def kv_clear(self, keys, partition_id):
        for key in keys:
            self.tags[partition_id].pop(key, None)


class Handle:
    """A reward worker of verl's without its process: `compute_score.remote(data)` asks the manager."""

    def __init__(self, manager):
        self.compute_score = SimpleNamespace(remote=manager.run_single)


def worker_of(manager, tokenizer, *, n):
    """verl's real worker around a reward manager; only what generates the text is replaced."""
    from verl.experimental.agent_loop.agent_loop import AgentLoopMetrics, AgentLoopOutput
    from verl.trainer.ppo.v1.agent_loop_tq import AgentLoopWorkerTQ

    real = AgentLoopWorkerTQ.__ray_metadata__.modified_class

    class Worker(real):
        def __init__(self):
            rollout = {"n": n, "val_kwargs": {"n": n}}
            self.config = OmegaConf.create({"actor_rollout_ref": {"rollout": rollout}})
            self.tokenizer, self.processor, self.distillation_enabled = tokenizer, None, False
            self.mm_processor_kwargs = {}
            self.reward_loop_worker_handles = [Handle(manager)]

        async def _run_agent_loop(self, sampling_params, trajectory, trace, session_id, texts, **row):
            ids = tokenizer(texts[session_id], add_special_tokens=False)["input_ids"]
            output = AgentLoopOutput(
                prompt_ids=[1, 2, 3], response_ids=ids, response_mask=[1] * len(ids), num_turns=2,
                metrics=AgentLoopMetrics(), extra_fields={},
            )  # fmt: skip
            row = row | {"session_id": session_id, "global_steps": 1}
            return await self._agent_loop_postprocess(output, trajectory["validate"], **row)

    return Worker()


def generate(worker, queue, rows, *, validate=False):
    """Every rollout of the prompts `rows` (uid -> columns and `texts`), as verl's worker makes and settles them."""
    partition = "val" if validate else "train"

    async def all_prompts():
        for uid, row in rows.items():
            tag = {"is_prompt": True, "global_steps": 1, "status": "pending"}
            await queue.async_kv_put(uid, partition, tag)
            await worker._run_prompt({"uid": uid, **row}, {}, {"validate": validate})

    asyncio.run(all_prompts())


def buffer_of(mode, refill):
    """verl's real replay buffer of a trainer mode; `refill(k)` is asked for prompts in the place of evicted ones."""
    from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer, ReplayBufferAsync

    cls = ReplayBuffer if mode == "sync" else ReplayBufferAsync
    return cls(mode, OmegaConf.create({}), None, "drop", OmegaConf.create({}), poll_interval=0.01, refill_fn=refill)
