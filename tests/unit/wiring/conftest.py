"""The reward manager and the trainers as verl makes them, and rows as verl hands them over."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from .rollouts import EXTRA
from .trainer_run import FakeQueue, Words, stock_class


@pytest.fixture(scope="module")
def manager_of(verl, bpe, options):
    """manager_of(**options): the class that verl looks up for reward.reward_manager.name=mrpo."""

    def make(estimator="mrpo", **changed):
        cls = verl.reward_manager.get_reward_manager_cls("mrpo")
        mrpo = OmegaConf.to_container(options(**changed))
        config = OmegaConf.create({"mrpo": mrpo, "algorithm": {"adv_estimator": estimator}})
        return cls(config=config, tokenizer=bpe, compute_score=None, reward_router_address=None)

    return make


@pytest.fixture(scope="module")
def manager(manager_of):
    return manager_of()


@pytest.fixture(scope="module")
def row_of(verl, bpe):
    def make(response, *, gold="pneumonia", extra=EXTRA, padding=0, messages=None, **columns):
        ids = bpe(response, add_special_tokens=False)["input_ids"] if isinstance(response, str) else list(response)
        prompt, responses = torch.arange(5), torch.tensor(ids + [0] * padding, dtype=torch.int64)
        mask = torch.tensor([1] * (5 + len(ids)) + [0] * padding)
        tensors = {"prompts": prompt, "responses": responses, "input_ids": torch.cat([prompt, responses]),
                   "attention_mask": mask}  # fmt: skip
        fields = {"reward_model": {"style": "rule", "ground_truth": gold}, "extra_info": extra, "raw_prompt": messages,
                  "data_source": "vqa-rad", "uid": "q"}  # fmt: skip
        arrays = {}
        for name, value in (fields | columns).items():
            arrays[name] = np.empty(1, dtype=object)
            arrays[name][0] = value
        return verl.DataProto.from_dict({n: t[None] for n, t in tensors.items()}, non_tensors=arrays)

    return make


@pytest.fixture
def queue(verl, monkeypatch):
    import transfer_queue

    fake = FakeQueue()
    monkeypatch.setattr(transfer_queue, "kv_batch_get", fake.get)
    monkeypatch.setattr(transfer_queue, "kv_batch_put", fake.put)
    return fake


@pytest.fixture
def trainer(verl, compose, options, monkeypatch, tmp_path):
    """trainer(estimator, mode="sync"): verl's trainer with the mixin, without the parts that need Ray."""

    def make(estimator="mrpo", mode="sync", mrpo=True, **changed):
        config = compose("ppo_trainer", f"algorithm.adv_estimator={estimator}", "actor_rollout_ref.rollout.name=vllm",
                         "actor_rollout_ref.rollout.n=2")  # fmt: skip
        config.trainer.rollout_data_dir = str(tmp_path / "train")
        if mrpo:
            OmegaConf.set_struct(config, False)
            config.mrpo = options(**changed)
            config.reward.reward_manager.name = "mrpo"
        cls = verl.trainer_base.TRAINER_REGISTRY[mode]

        def init(self, config):
            self.config, self.tokenizer, self.global_steps = config, Words(), 3

        monkeypatch.setattr(stock_class(verl, mode), "__init__", init)
        one = cls(config)
        one._init_dump_executor()
        return one

    return make
