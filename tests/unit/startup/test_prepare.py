"""`startup.prepare` on the configuration that verl's own main_ppo composes."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf, open_dict

from recipe.mrpo.common.environment import VLLM_ROOT_LOG_LEVEL, WEIGHT_SYNC_MARK, WEIGHT_SYNC_TIMEOUT_S
from recipe.mrpo.options.tree import load_options
from recipe.mrpo.startup.before_ray import wrap_validate_config
from recipe.mrpo.startup.prepare import prepare
from tests.unit.startup.helpers import BASE, refusal

# --- what is filled in


def test_nothing_but_the_estimator_is_enough_and_the_log_says_what_was_chosen(config_of, caplog):
    config = config_of()
    assert config.reward.reward_manager.name == "naive" and "mrpo" not in config
    with caplog.at_level(logging.INFO, logger="recipe.mrpo"):
        prepare(config)
    assert config.reward.reward_manager.name == "mrpo"
    assert config.mrpo == load_options()
    text = caplog.text
    assert "reward.reward_manager.name was verl's default 'naive' and is now 'mrpo'" in text
    assert "MRPO: no option set; every other option has its default (options.yaml)." in text


def test_an_option_of_the_command_line_is_kept_and_logged(config_of, caplog):
    config = config_of("+mrpo.tau=0.5", "+mrpo.judge.openai.timeout_s=9")
    prepare(config)
    assert config.mrpo.tau == 0.5 and config.mrpo.judge.openai.timeout_s == 9
    assert config.mrpo.shaping == "mrpo"
    assert "MRPO: mrpo.tau=0.5, mrpo.judge.openai.timeout_s=9; every other option has its default" in caplog.text


def test_everything_else_stays_as_the_user_had_it(config_of):
    config = config_of("data.train_batch_size=7", "actor_rollout_ref.actor.optim.lr=3e-5")
    before = OmegaConf.to_container(config)
    prepare(config)
    after = OmegaConf.to_container(config)
    assert after.pop("mrpo")
    before["reward"]["reward_manager"]["name"] = "mrpo"
    handed = after["ray_kwargs"]["ray_init"]["runtime_env"].pop("env_vars")
    assert handed.pop(WEIGHT_SYNC_MARK)
    assert handed == {WEIGHT_SYNC_TIMEOUT_S: "600", VLLM_ROOT_LOG_LEVEL: "WARNING"}
    assert after == before


def test_preparing_twice_and_after_resolving_changes_nothing_more(config_of):
    """verl resolves the configuration in its task runner; the trainer mixin prepares it again there."""
    config = config_of("+mrpo.rewards.mine={weight: 0.5, function: 'json:dumps', enabled: false}")
    prepare(config)
    once = config.copy()
    prepare(config)
    assert config == once
    OmegaConf.resolve(config)
    resolved = config.copy()
    prepare(config)
    assert config == resolved


def test_the_hydra_config_of_ours_is_complete(config_of):
    config = config_of(name="mrpo", base=("actor_rollout_ref.model.path=model",))
    before = config.mrpo.copy()
    prepare(config)
    assert config.mrpo == before
    assert config.reward.reward_manager.name == "mrpo"


def test_the_weight_sync_limit_reaches_ray_beside_the_users_own_environment(verl, config_of, monkeypatch):
    """Through verl's real `run_ppo`, up to the call of ray.init."""
    import ray
    from verl.trainer import main_ppo

    class Reached(Exception):
        pass

    def init(**kwargs):
        raise Reached(kwargs)

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    config = config_of("+mrpo.guards.weight_sync_timeout_s=20", "+ray_kwargs.ray_init.runtime_env.env_vars.MINE=1")
    prepare(config)
    with pytest.raises(Reached) as caught:
        main_ppo.run_ppo(config, task_runner_class=None)
    env = caught.value.args[0]["runtime_env"]["env_vars"]
    assert env[WEIGHT_SYNC_TIMEOUT_S] == "20"
    assert str(env["MINE"]) == "1"
    assert main_ppo.get_ppo_ray_runtime_env(config)["env_vars"].items() <= env.items()  # verl's own are still there


def test_two_runs_of_one_configuration_have_sockets_of_their_own(config_of):
    marks = []
    for _ in range(2):
        config = config_of()
        prepare(config)
        marks.append(OmegaConf.select(config, f"ray_kwargs.ray_init.runtime_env.env_vars.{WEIGHT_SYNC_MARK}"))
    assert all(isinstance(mark, str) and mark for mark in marks) and marks[0] != marks[1]


@pytest.mark.parametrize(
    ("engine", "seconds", "said"), [("vllm", 600, False), ("sglang", 600, True), ("sglang", 0, False)]
)
def test_the_log_says_where_the_weight_sync_limit_does_not_reach(config_of, caplog, engine, seconds, said):
    prepare(config_of(f"actor_rollout_ref.rollout.name={engine}", f"+mrpo.guards.weight_sync_timeout_s={seconds}"))
    sentence = f"bounds verl's weight transfer to vLLM; with actor_rollout_ref.rollout.name={engine} the engine's own"
    assert (sentence in caplog.text) is said


def test_the_last_step_before_ray_is_our_check_and_then_verls_own(config_of):
    seen = []
    module = SimpleNamespace(validate_config=lambda config, **kwargs: seen.append((config, kwargs)))
    wrap_validate_config(module)
    config = config_of()
    module.validate_config(config=config, use_critic=False)
    assert seen == [(config, {"use_critic": False})]
    assert config.mrpo.tau == 0.6  # completed before verl looks at it
    seen.clear()
    with pytest.raises(SystemExit) as caught:
        module.validate_config(config_of("+mrpo.tau=7"))
    assert str(caught.value) == "mrpo: mrpo.tau must be a number in [0, 1], not 7."
    assert seen == []


# --- what is left alone


@pytest.mark.parametrize("estimator", ["gae", "grpo", "gdpo", "rloo", "reinforce_plus_plus", "remax", "grpo_passk"])
def test_a_run_that_asks_for_nothing_of_ours_is_left_exactly_as_it_is(compose, caplog, estimator):
    config = compose("ppo_trainer", f"algorithm.adv_estimator={estimator}", *BASE, "trainer.use_v1=False")
    before = config.copy()
    with caplog.at_level(logging.DEBUG, logger="recipe.mrpo"):
        prepare(config)
    assert config == before and OmegaConf.to_container(config) == OmegaConf.to_container(before)
    assert caplog.records == []


def test_a_configuration_of_another_shape_is_left_alone():
    """`validate_config` is called by other programs of verl, too."""
    config = OmegaConf.create({"algorithm": {"adv_estimator": "grpo"}, "trainer": {}})
    OmegaConf.set_struct(config, True)
    before = config.copy()
    prepare(config)
    assert config == before


@pytest.mark.parametrize("estimator", ["grpo", "gdpo", "rloo"])
def test_another_estimator_on_our_rewards_gets_our_options_and_keeps_its_settings(config_of, estimator):
    config = config_of("reward.reward_manager.name=mrpo", base=(f"algorithm.adv_estimator={estimator}", *BASE))
    prepare(config)
    assert config.mrpo.tau == 0.6
    assert config.algorithm.adv_estimator == estimator


def test_a_refused_run_keeps_its_configuration_readable(config_of):
    """`prepare` may be asked again after the user has changed the value."""
    config = config_of("+mrpo.tau=7")
    refusal(config)
    with open_dict(config):
        config.mrpo.tau = 0.7
    prepare(config)
    assert config.mrpo.tau == 0.7
