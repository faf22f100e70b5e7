"""Patch of verl 0.9.1: linear decay of the learning rate, as the study used, for FSDP actors (verl: constant, cosine).

Two places of verl know the names of schedules. The optimiser's configuration class checks the name: Hydra's `_target_`
chooses another class, the one below. The engine builds the schedule from the name: it has no registry, so a
post-import hook answers the one name that verl refuses. Nothing is touched in a run that does not name this class:

    actor_rollout_ref.actor.optim._target_=recipe.mrpo.wiring.patches.linear_schedule.ScheduledOptimizerConfig
    actor_rollout_ref.actor.optim.lr_scheduler_type=linear

Upstream: no issue or pull request was found; verl's Megatron and Automodel engines have a linear schedule.
To be deleted when verl's FSDP engine itself builds `linear` (a test in tests/upstream fails then).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from types import ModuleType

from verl.workers.config import FSDPOptimizerConfig

from recipe.mrpo.hooks import hook_of

LINEAR = "linear"


@dataclass
class ScheduledOptimizerConfig(FSDPOptimizerConfig):
    """verl's FSDP optimiser configuration, whose `lr_scheduler_type` may be `linear` besides constant and cosine.

    Linear: lr * s / W in the W warm-up steps, then lr * (T - s) / (T - W) down to 0 at step T = total_training_steps.
    Source: arXiv 2606.31825, training settings. Raises AssertionError for any other name, as verl does, and ValueError
    for a minimum, which this schedule has not.
    """

    def __post_init__(self) -> None:
        wanted = self.lr_scheduler_type
        if wanted == LINEAR:
            if self.min_lr_ratio:
                raise ValueError("optim.min_lr_ratio belongs to the cosine schedule; the linear one ends at 0.")
            self.lr_scheduler_type = "constant"  # for the check of verl's class, which knows two names
        super().__post_init__()
        self.lr_scheduler_type = wanted


def teach_linear(module: ModuleType) -> None:
    """Let verl's FSDP engines build the linear schedule. `module` is `verl.workers.engine.fsdp.transformer_impl`.

    Raises RuntimeError if the engine no longer builds its schedule in `_build_lr_scheduler`.
    """
    engine = getattr(module, "FSDPEngine", None)
    original = vars(engine).get("_build_lr_scheduler") if engine is not None else None
    if original is None:
        raise RuntimeError(
            f"{module.__name__}.FSDPEngine._build_lr_scheduler is gone; the linear schedule was made for verl 0.9.1. "
            "Set actor_rollout_ref.actor.optim._target_=verl.workers.config.FSDPOptimizerConfig and "
            "actor_rollout_ref.actor.optim.lr_scheduler_type=cosine."
        )

    @wraps(original)
    def _build_lr_scheduler(self, optimizer):
        if self.optimizer_config.lr_scheduler_type != LINEAR:
            return original(self, optimizer)
        return linear_schedule(optimizer, self.optimizer_config)

    engine._build_lr_scheduler = _build_lr_scheduler


def linear_schedule(optimizer, config: FSDPOptimizerConfig):
    """The schedule over `config.total_training_steps` (T) and its warm-up steps (W), transformers' own implementation.

    Raises ValueError if T is not known: the learning rate would be 0 from the first step on.
    """
    from transformers import get_linear_schedule_with_warmup

    total = config.total_training_steps
    if total <= 0:
        raise ValueError(f"optim.total_training_steps is {total}; the linear schedule must know where it ends.")
    warmup = config.lr_warmup_steps if config.lr_warmup_steps > 0 else int(config.lr_warmup_steps_ratio * total)
    return get_linear_schedule_with_warmup(optimizer, num_warmup_steps=warmup, num_training_steps=total)


hook_of("recipe.mrpo.wiring.patches.linear_schedule:teach_linear").install()
