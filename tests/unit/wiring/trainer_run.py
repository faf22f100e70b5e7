"""verl's real trainer classes without the parts that need Ray, on a TransferQueue that is a dictionary."""

from __future__ import annotations

import json

import torch
from tensordict import TensorDict
from tensordict.tensorclass import NonTensorStack

CUTS = (1 / 3, 2 / 3)


class FakeQueue:
    """`kv_batch_get` and `kv_batch_put` with the shapes that TransferQueue gives: jagged tensors, stacks of objects."""

    def __init__(self):
        self.rows: dict[str, dict] = {}
        self.tags: dict[str, dict] = {}

    def get(self, keys, partition_id=None, select_fields=None):
        names = select_fields or list(self.rows[keys[0]])
        out = TensorDict({}, batch_size=len(keys))
        for name in names:
            values = [self.rows[key][name] for key in keys if name in self.rows[key]]
            if not values:
                continue  # TransferQueue leaves out a field that no row has
            if isinstance(values[0], torch.Tensor):
                out[name] = torch.nested.as_nested_tensor(values, layout=torch.jagged)
            else:
                out[name] = NonTensorStack(*values)
        return out

    def put(self, keys, partition_id=None, fields=None, tags=None):
        if fields is not None:
            columns = {name: fields[name] for name in fields.keys()}  # noqa: SIM118 - a TensorDict iterates over rows
            for i, key in enumerate(keys):
                row = self.rows.setdefault(key, {})
                row |= {n: c[i] if isinstance(c, torch.Tensor) else fields[i][n] for n, c in columns.items()}
        for key, tag in zip(keys, tags or (), strict=bool(tags)):
            self.tags[key] = tag
        return batch_of(self, keys)


def batch_of(queue, keys):
    from transfer_queue import KVBatchMeta

    return KVBatchMeta(partition_id="train", keys=list(keys), tags=[queue.tags.get(key, {}) for key in keys])


def add(queue, key, record, *, tokens=12, info=None, turns=2):
    """A rollout as verl's agent loop leaves it in the queue."""
    scores = torch.zeros(tokens)
    if record is not None:
        scores[-1] = record.total
        info = record.to_extra_info(stage_cuts=CUTS)
    queue.rows[key] = {
        "uid": key.rsplit("_", 2)[0],
        "session_id": int(key.rsplit("_", 2)[1]),
        "prompts": torch.arange(4),
        "responses": torch.arange(tokens),
        "response_mask": torch.ones(tokens, dtype=torch.int64),
        "rm_scores": scores,
        "rollout_log_probs": torch.full((tokens,), -1.0),
        "old_log_probs": torch.full((tokens,), -1.0),
        "reward_model": {"style": "rule", "ground_truth": "yes"},
        "num_turns": turns,
        "extra_fields": {"reward_extra_info": info, "global_steps": 1},
    }
    queue.tags[key] = {"seq_len": 4 + tokens, "global_steps": 1}


class Words:
    """Stands for the tokenizer where verl decodes rows for a dump."""

    pad_token_id = 0

    def decode(self, ids, skip_special_tokens):
        return " ".join(map(str, ids.tolist()))


def stock_class(verl, mode="sync"):
    """verl's own class below the mixin."""
    return verl.trainer_base.TRAINER_REGISTRY[mode].__mro__[2]


def metrics_of_step(one, *batches) -> dict[str, float]:
    """What verl's real `step` reports of a step with one update for each batch."""
    given, metrics = iter(batches), {}
    one.parameter_sync_step = one.config.data.train_batch_size = len(batches)
    one.prepare_step = dict
    one._step_once = lambda update, timing_raw, size: one._compute_advantage(next(given), update)
    one.step(metrics, {})
    return metrics


def rows_of(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]
