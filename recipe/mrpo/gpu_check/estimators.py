"""The `mrpo` estimator on the device: against float64 in plain Python, and beside verl's own vectorised GRPO."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial

import torch
from omegaconf import OmegaConf

from recipe.mrpo.gpu_check.batch import Batch, largest_deviation, make_batch
from recipe.mrpo.gpu_check.result import CheckFailed, Outcome
from recipe.mrpo.gpu_check.setting import Setting

SHAPES = ((1024, 4096), (4096, 8192))
QUICK_SHAPES = ((64, 512),)
GROUP, STEPS, REPEATS, WARM_UP = 8, 16, 5, 2
LARGEST_DEVIATION = 1e-6
GRPO, MRPO, GDPO = "grpo_vectorized (verl)", "mrpo", "gdpo"
READING = "mrpo, reading records"


def estimator_calls(batch: Batch, device: str) -> dict[str, Callable]:
    """verl's GRPO, `mrpo` and `gdpo`, as verl calls them by name; their tensors are on `device`.

    The step credit of the batch is there for the length of a call, as in the trainer (wiring/trainer.py). verl hands
    GRPO its rewards as a tensor; `mrpo` and `gdpo` likewise have the records of the batch as arrays, and
    "mrpo, reading records" makes these arrays first, as the first estimator of a step does.
    """
    from recipe.mrpo import hooks

    hooks.install()  # before verl is imported, where the entry point of the plugin is not installed
    from verl.trainer.ppo.core_algos import get_adv_estimator_fn

    from recipe.mrpo.options.tree import load_options
    from recipe.mrpo.wiring.estimators import CREDIT, StepCredit

    records, rewards, mask, index = batch
    given = {"token_level_rewards": rewards.to(device), "response_mask": mask.to(device), "index": index}
    options = load_options(OmegaConf.create({}))
    new = partial(StepCredit, records=records, options=options, norm_by_std=True, use_kl_in_reward=False)
    kept = new()

    def ours(name: str, credit: Callable[[], StepCredit]):
        token = CREDIT.set(credit())
        try:
            return get_adv_estimator_fn(name)(**given)
        finally:
            CREDIT.reset(token)

    return {
        GRPO: partial(get_adv_estimator_fn("grpo_vectorized"), **given),
        MRPO: partial(ours, "mrpo", lambda: kept),
        READING: partial(ours, "mrpo", new),
        GDPO: partial(ours, "gdpo", lambda: kept),
    }


def milliseconds(calls: Mapping[str, Callable], repeats: int, warm_up: int = 3) -> dict[str, list[float]]:
    """Wall time of each call; they take turns, so that a busy machine slows all of them alike."""
    wait = torch.cuda.synchronize if torch.cuda.is_initialized() else lambda: None
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeats + warm_up):  # the allocator and the thread pool warm up first
        for name, call in calls.items():
            wait()
            begin = time.perf_counter()
            call()
            wait()
            if turn >= warm_up:
                times[name].append(1e3 * (time.perf_counter() - begin))
    return times


def peak_mib(call: Callable) -> float:
    """Memory of the GPU that a call takes at its peak beyond what was there, in MiB."""
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    call()
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def check(setting: Setting) -> Outcome:
    """Raises CheckFailed where a token's advantage is not that of the formula, or is on another device."""
    figures: dict[str, float] = {}
    says = []
    for rows, length in QUICK_SHAPES if setting.quick else SHAPES:
        batch = make_batch(rows, length, GROUP, STEPS, seed=0)
        calls = estimator_calls(batch, setting.device)
        timed = {GRPO: calls[GRPO], MRPO: calls[READING]}
        advantages = calls[MRPO]()[0]
        shape = f"{rows}x{length}"
        if advantages.device.type != setting.device:
            raise CheckFailed(f"the advantages are on {advantages.device}, not on {setting.device}", "report this.")
        deviation = largest_deviation(advantages, batch[0], batch[2], batch[3])
        figures[f"{shape} deviation"] = deviation
        if not deviation < LARGEST_DEVIATION:
            raise CheckFailed(f"{shape}: advantages differ from float64 by {deviation:.1e}", "report this.")
        medians = {name: statistics.median(t) for name, t in milliseconds(timed, REPEATS, WARM_UP).items()}
        figures |= {f"{shape} mrpo ms": medians[MRPO], f"{shape} grpo ms": medians[GRPO]}
        if setting.on_gpu:
            figures |= {f"{shape} {name} MiB": peak_mib(timed[key]) for name, key in (("mrpo", MRPO), ("grpo", GRPO))}
        says.append(f"({rows}, {length}): {medians[MRPO]:.1f} ms, GRPO {medians[GRPO]:.1f} ms, off by {deviation:.0e}")
        del advantages, calls, timed, batch
    return Outcome("; ".join(says), figures)
