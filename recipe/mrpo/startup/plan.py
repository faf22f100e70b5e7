"""What the run will need on this machine, said before Ray starts; the arithmetic is that of `mrpo doctor --plan`."""

from __future__ import annotations

import logging
import math
import os

from omegaconf import DictConfig, OmegaConf

from recipe.mrpo.common.environment import on_cpu
from recipe.mrpo.doctor.check import Check
from recipe.mrpo.doctor.device import find_gpus
from recipe.mrpo.doctor.plan.command import host_bytes, planned
from recipe.mrpo.doctor.plan.settings import PlanError
from recipe.mrpo.doctor.plan.verdicts import Machine, Rows, check_parallel, check_plan
from recipe.mrpo.options.tree import OptionError
from recipe.mrpo.startup.backbone import config_file

logger = logging.getLogger(__name__)

RAY = "ray_kwargs.ray_init"
NOT_HERE = ("disk", "output layer", "start-up", "validation")
"""Checks of the plan that other checks of the start make, or that are about time alone."""


def check_run_plan(config: DictConfig) -> None:
    """Warn of what will not fit on the GPUs of this machine: estimates, so the run goes on.

    Raises OptionError where GPUs, heads or rollouts cannot be divided as the run asks, which vLLM or verl would refuse
    minutes later. Tiny models without a GPU are not planned, nor a checkpoint that is not on this machine yet.
    """
    path = str(OmegaConf.select(config, "actor_rollout_ref.model.path"))
    file = config_file(path)
    if on_cpu() or file is None or OmegaConf.select(config, "actor_rollout_ref.rollout.name") != "vllm":
        return
    try:
        model, run = planned(config, str(file.parent))
    except PlanError as error:
        logger.warning("The memory of this run was not planned: %s", error)
        return
    for check in check_parallel(model, run):
        raise OptionError(f"{check.says}; {check.do}")
    steps = max(1, int(OmegaConf.select(config, "trainer.total_training_steps") or 1))
    for check in check_plan(model, run, machine_here(config), Rows(), steps=steps):
        if check.ok is False and check.name not in NOT_HERE:
            logger.warning("Plan of this run (mrpo doctor --plan), %s", said(check))


def said(check: Check) -> str:
    return f"{check.name}: {check.says}; {check.do}"


def machine_here(config: DictConfig) -> Machine:
    """The machine of this process, where the run is to stay on it; otherwise nothing is known of CPUs and memory."""
    gpus = find_gpus()
    gpu = min(gpu.gigabytes for gpu in gpus) * 2**30 if gpus else math.inf
    address = OmegaConf.select(config, f"{RAY}.address")
    if OmegaConf.select(config, "trainer.nnodes") != 1 or address not in (None, "local") or "RAY_ADDRESS" in os.environ:
        return Machine(gpu_bytes=gpu)
    cpus = OmegaConf.select(config, f"{RAY}.num_cpus") or os.cpu_count()
    return Machine(gpu_bytes=gpu, host_bytes=host_bytes() if gpus else None, cpus=cpus)
