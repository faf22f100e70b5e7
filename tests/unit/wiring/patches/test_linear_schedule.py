"""The linear schedule, in verl's own engine class."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace

import pytest
import torch


@pytest.fixture
def engine(verl):
    """engine(**optim): what verl's FSDP engine builds from the optimiser's configuration, through verl's own method."""
    import verl.workers.engine.fsdp.transformer_impl as module

    from recipe.mrpo.wiring.patches.linear_schedule import ScheduledOptimizerConfig

    def make(**optim):
        default = {"lr": 1e-6, "lr_scheduler_type": "linear", "total_training_steps": 4}
        config = ScheduledOptimizerConfig(**(default | optim))
        optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=config.lr)
        return module.FSDPEngine._build_lr_scheduler(SimpleNamespace(optimizer_config=config, rank=1), optimizer)

    return make


def rates(schedule, steps):
    out = []
    for _ in range(steps):
        out.append(schedule.get_last_lr()[0] * 1e6)
        schedule.optimizer.step()
        schedule.step()
    return out


def test_linear_falls_evenly_from_the_learning_rate_to_zero_and_stays_there(engine):
    assert rates(engine(), 6) == pytest.approx([1.0, 0.75, 0.5, 0.25, 0.0, 0.0])


@pytest.mark.parametrize("warmup", [{"lr_warmup_steps": 2}, {"lr_warmup_steps_ratio": 0.5}])
def test_linear_warms_up_first(engine, warmup):
    assert rates(engine(**warmup), 5) == pytest.approx([0.0, 0.5, 1.0, 0.5, 0.0])


def test_verls_own_schedules_are_untouched(engine):
    assert rates(engine(lr_scheduler_type="constant"), 3) == pytest.approx([1.0, 1.0, 1.0])
    assert rates(engine(lr_scheduler_type="cosine"), 3) == pytest.approx([1.0, 0.853553, 0.5], abs=1e-5)


def test_a_run_of_unknown_length_is_refused_because_its_rate_would_be_zero(engine):
    with pytest.raises(ValueError, match="total_training_steps is -1"):
        engine(total_training_steps=-1)


def test_a_minimum_belongs_to_the_cosine_schedule(engine):
    with pytest.raises(ValueError, match="min_lr_ratio"):
        engine(min_lr_ratio=0.1)


def test_other_names_are_refused_as_verl_does(engine):
    with pytest.raises(AssertionError):
        engine(lr_scheduler_type="liner")


def test_an_engine_of_another_shape_is_refused_with_what_to_set():
    from recipe.mrpo.wiring.patches.linear_schedule import teach_linear

    with pytest.raises(RuntimeError, match="lr_scheduler_type=cosine"):
        teach_linear(ModuleType("transformer_impl"))


@pytest.mark.parametrize("place", ["recipe.mrpo.schedule", "recipe.mrpo.wiring.patches.linear_schedule"])
def test_the_class_can_be_named_by_its_old_and_its_new_place(verl, place):
    """Configurations of version 0.1 name `recipe.mrpo.schedule.ScheduledOptimizerConfig`."""
    from hydra.utils import instantiate

    from recipe.mrpo.wiring.patches.linear_schedule import ScheduledOptimizerConfig

    target = {"_target_": f"{place}.ScheduledOptimizerConfig", "lr": 1e-6, "lr_scheduler_type": "linear"}
    assert type(instantiate(target)) is ScheduledOptimizerConfig
