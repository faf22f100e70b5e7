"""Runs without our plugin (VERL_USE_EXTERNAL_PLUGINS=none): verl's own answers, and what importing the plugin costs.

python bare_process.py OUT.pt
"""

from __future__ import annotations

import os
import sys
import time

import numpy as np
import torch

STOCK = ("gae", "grpo", "grpo_vectorized", "grpo_passk", "rloo", "rloo_vectorized", "opo", "reinforce_plus_plus",
         "reinforce_plus_plus_baseline", "remax", "gpg")  # fmt: skip


def stock_batch(name: str) -> dict:
    """A seeded batch that every one of STOCK can work on: 12 rollouts of 3 questions, 9 tokens at most."""
    generator = torch.Generator().manual_seed(sorted(STOCK).index(name))
    lengths = torch.randint(3, 10, (12,), generator=generator)
    mask = (torch.arange(9)[None] < lengths[:, None]).to(torch.int64)
    rewards = torch.zeros(12, 9)
    rewards[torch.arange(12), lengths - 1] = torch.rand(12, generator=generator)
    tensors = {"token_level_rewards": rewards, "response_mask": mask}
    if name == "gae":
        tensors["values"] = torch.rand(12, 9, generator=generator)
    if name == "remax":
        tensors["reward_baselines"] = torch.rand(12, generator=generator)
    return {"tensors": tensors, "non_tensors": {"uid": np.array([f"q{i % 3}" for i in range(12)], dtype=object)}}


def stock_advantages(compute_advantage, DataProto, config, names=STOCK) -> dict[str, torch.Tensor]:
    """verl's `compute_advantage` with each estimator of `names`."""
    out = {}
    for name in names:
        batch = DataProto.from_dict(**stock_batch(name))
        data = compute_advantage(batch, adv_estimator=name, gamma=0.99, lam=0.95, num_repeat=4, config=config)
        out[name] = torch.stack([data.batch["advantages"], data.batch["returns"]])
    return out


def algorithm_config():
    from verl.trainer.config import AlgoConfig

    return AlgoConfig(gamma=0.99, lam=0.95)


def import_seconds(samples: int) -> list[float]:
    """CPU seconds that importing the plugin takes after `import verl`, each time in a fresh fork."""
    out = []
    for _ in range(samples):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            start = time.process_time()
            import recipe.mrpo.plugin  # noqa: F401

            os.write(write, repr(time.process_time() - start).encode())
            os._exit(0)
        os.waitpid(child, 0)
        out.append(float(os.read(read, 64)))
        os.close(read), os.close(write)
    return out


if __name__ == "__main__":
    start = time.process_time()
    import verl

    verl_seconds = time.process_time() - start
    assert "recipe.mrpo.plugin" not in sys.modules
    figures = {"import_verl_s": verl_seconds, "plugin_cpu_s": import_seconds(7)}
    os.environ.pop("VERL_PLATFORM")  # a machine with a GPU
    figures["plugin_s"] = import_seconds(7)
    from verl.trainer.ppo import core_algos
    from verl.trainer.ppo.ray_trainer import compute_advantage

    figures["ours"] = [name for name in sys.modules if name.startswith(("recipe", "reward_fns"))]
    figures["registered"] = sorted(map(str, core_algos.ADV_ESTIMATOR_REGISTRY))
    figures["advantages"] = stock_advantages(compute_advantage, verl.DataProto, algorithm_config())
    torch.save(figures, sys.argv[1])
