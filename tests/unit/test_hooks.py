"""The table of hooks against the installed verl, and deliberately broken rows: each is one clear sentence."""

from __future__ import annotations

import importlib
from dataclasses import replace

import pytest

from recipe.mrpo.doctor.plugin import check_hook, check_hooks
from recipe.mrpo.hooks import CONDITIONS, HOOKS, Hook, losses
from recipe.mrpo.options.tree import OptionError
from recipe.mrpo.startup.verl_hooks import check_hooks as check_at_start
from recipe.mrpo.startup.verl_hooks import conditions

pytest.importorskip("verl")

SENDER = "verl.workers.rollout.vllm_rollout.bucketed_weight_transfer:BucketedWeightSender"
BROKEN = {
    "a module that was renamed": (
        Hook("verl.utils.configuration", "recipe.mrpo.startup.before_ray:wrap_validate_config", "no option is checked"),
        "there is no module verl.utils.configuration, so no option is checked.",
    ),
    "a package that moved": (
        Hook("verl.trainer.v2.ppo", "recipe.mrpo.wiring.trainer:mix_into_trainers", "no step has a label"),
        "there is no module verl.trainer.v2.ppo, so no step has a label.",
    ),
    "a function that was renamed": (
        Hook("verl.utils.config", "a:b", "no option is checked", relies_on=("verl.utils.config:check_config(config)",)),
        "verl.utils.config has no check_config, so no option is checked.",
    ),
    "a method that is gone": (
        Hook(SENDER.partition(":")[0], "a:b", "a job can hang", relies_on=(f"{SENDER}._open_socket(self)",)),
        f"{SENDER.partition(':')[0]} has no BucketedWeightSender._open_socket, so a job can hang.",
    ),
    "a signature that changed": (
        Hook(SENDER.partition(":")[0], "a:b", "a job can hang", relies_on=(f"{SENDER}._init_socket(self, limit)",)),
        f"{SENDER}._init_socket takes (self), not (self, limit), so a job can hang.",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_hook_that_lost_its_place_is_one_sentence(kind):
    hook, sentence = BROKEN[kind]
    assert losses({"always"}, (hook,)) == [sentence]


@pytest.mark.parametrize("kind", BROKEN)
def test_the_doctor_says_the_same(kind):
    hook, sentence = BROKEN[kind]
    check = check_hook(hook)
    assert check.ok is False and sentence.removesuffix(".") in check.says and "install verl==" in check.do


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.target.rpartition(".")[2])
def test_every_hook_has_its_place_in_the_installed_verl(hook):
    assert hook.differences() == []
    assert hook.needed in CONDITIONS


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.target.rpartition(".")[2])
def test_every_target_can_be_called(verl, hook):
    place, _, function = hook.target.partition(":")
    module = importlib.import_module(place)
    assert not function or callable(getattr(module, function))


def test_the_doctor_shows_every_row():
    checks = check_hooks()
    assert len(checks) == len(HOOKS) and all(check.ok for check in checks)
    (weights,) = (check for check in checks if "bound_weight_sync" in check.says)
    assert "bucketed" in weights.says
    assert weights.says.endswith("bound_weight_sync (runs with actor_rollout_ref.rollout.name=vllm)")


def test_a_hook_that_verl_made_needless_is_not_missed():
    needless = replace(BROKEN["a signature that changed"][0], needless_with="verl.utils.config:validate_config")
    assert losses({"always"}, (needless,)) == []
    assert check_hook(needless).ok and "verl does this itself" in check_hook(needless).says


# --- at start-up


def run_of(compose, *overrides):
    from recipe.mrpo.startup.prepare import fill_and_check

    config = compose("mrpo", "actor_rollout_ref.model.path=hub/model", *overrides)
    fill_and_check(config)
    return config


def test_a_run_that_needs_a_lost_hook_stops_before_it_starts(compose, monkeypatch):
    from recipe.mrpo.startup import verl_hooks

    hook, sentence = BROKEN["a function that was renamed"]
    monkeypatch.setattr(verl_hooks, "losses", lambda needed: losses(needed, (hook,)))
    with pytest.raises(OptionError) as caught:
        check_at_start(run_of(compose))
    assert sentence in str(caught.value) and "verl==0.9.1" in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([], {"always", "vllm", "linear"}),
        (["mrpo.guards.weight_sync_timeout_s=0"], {"always", "linear"}),
        (["actor_rollout_ref.rollout.name=sglang", "backbone=none"], {"always", "linear"}),
        (["actor_rollout_ref.model.path=OpenGVLab/InternVL3-8B-hf"], {"always", "vllm", "linear", "internvl"}),
        (["actor_rollout_ref.actor.optim.lr_scheduler_type=cosine"], {"always", "vllm"}),
        (["trainer.v1.trainer_mode=separate_async"], {"always", "vllm", "linear", "separate_async"}),
    ],
)
def test_a_run_is_asked_only_for_the_hooks_that_it_needs(compose, overrides, expected):
    assert conditions(run_of(compose, *overrides)) == expected


def test_a_model_in_a_folder_is_known_by_its_config(compose, tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "internvl"}')
    assert "internvl" in conditions(run_of(compose, f"actor_rollout_ref.model.path={tmp_path}"))
    (tmp_path / "config.json").write_text('{"model_type": "qwen2_5_vl"}')
    assert "internvl" not in conditions(run_of(compose, f"actor_rollout_ref.model.path={tmp_path}"))
