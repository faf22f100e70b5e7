"""Unmodified verl 0.9.1 on a machine without a GPU, switched on by ``VERL_PLATFORM=cpu``; a GPU run imports none of it.

The settings that such a run needs are in ``recipe/mrpo/config/mrpo_cpu.yaml``. One obstacle a file:

platform.py            the device
engines.py             FSDP2 without a GPU
distributed.py         process groups on gloo
weights.py             weights sent to the rollout engine survive the reuse of their buffer
checkpoint_engine.py   weights to rollout servers in separate processes
sampler.py             a shorter wait for finished rollouts, for steps of a second
vllm_plugin.py         vLLM's packed weights
source_guard.py        a patch refuses a function of verl or vLLM that has changed
shim/                  torchvision's operators and the name of the vLLM distribution, before anything is imported
"""

from __future__ import annotations

import os
from pathlib import Path

SHIM_DIR = Path(__file__).parent / "shim"


def apply_shim() -> None:
    """Install the import shim in this process, and in every Python process started from it (through PYTHONPATH)."""
    from recipe.mrpo.cpu.shim import mrpo_cpu_shim

    mrpo_cpu_shim.install()
    inherited = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    if str(SHIM_DIR) not in inherited:
        os.environ["PYTHONPATH"] = os.pathsep.join([str(SHIM_DIR), *inherited])


def activate() -> None:
    """Make verl in this process, and in its children, run on CPU; calling it again does nothing.

    Called at the end of ``import verl``. Registers the platform and hooks; imports no training or rollout code itself.
    """
    import psutil

    # Registers itself. It imports verl: imported before it, it is only half done here, so nothing of it may be used.
    import recipe.mrpo.cpu.platform  # noqa: F401
    from recipe.mrpo.common.post_import import after_import
    from recipe.mrpo.cpu import distributed, engines, weights

    apply_shim()
    # TransferQueue wants 8 threads and warns on every transfer where there are fewer cores.
    os.environ.setdefault("TQ_NUM_THREADS", str(min(8, psutil.cpu_count(logical=False) or 1)))
    # Ray starts workers at nice 15, so that they do not disturb; here they are the computation, and would starve beside
    # anything else that runs.
    os.environ.setdefault("RAY_worker_niceness", "0")
    after_import("verl.utils.distributed", distributed.use_plain_gloo)
    after_import("verl.workers.engine.fsdp.transformer_impl", engines.register_cpu_engines)
    after_import("verl.workers.rollout.vllm_rollout.bucketed_weight_transfer", weights.copy_received_weights)
