"""Settings of verl itself that `startup.verl_settings` refuses or leaves alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from recipe.mrpo.options.tree import OptionError
from recipe.mrpo.startup.prepare import prepare
from tests.unit.startup.helpers import BASE, refusal


@pytest.mark.parametrize(
    ("overrides", "names"),
    [
        (["reward.reward_manager.name=dapo"], "reward.reward_manager.name=mrpo"),
        (["reward.reward_manager.source=importlib"], "reward.reward_manager.name=mrpo"),
        (["reward_model.reward_manager=naive"], "reward.reward_manager.name=mrpo"),
        (["+mrpo.tau=1.5"], "mrpo.tau"),
        (["+mrpo.tau=-0.1"], "mrpo.tau"),
        (["+mrpo.tua=0.5"], "mrpo.tau"),
        (["+mrpo.judge.name=gpt4"], "mrpo.judge.name"),
        (["+mrpo.rewards.lenght.weight=1"], "mrpo.rewards.lenght"),
        (["+mrpo.rewards.answer.encoder=/no/such/encoder"], "mrpo.rewards.answer.encoder"),
        (["+mrpo.rewards.mine={weight: 1, function: 'no.such.module:f'}"], "mrpo.rewards.mine.function"),
        (["+mrpo.judge.module=no.such.module"], "mrpo.judge.module"),
        (["trainer.use_v1=False"], "trainer.use_v1=True"),
        (["actor_rollout_ref.rollout.multi_turn.enable=True"], "actor_rollout_ref.rollout.multi_turn.enable=False"),
        (
            ["actor_rollout_ref.rollout.agent.default_agent_loop=tool_agent"],
            "actor_rollout_ref.rollout.agent.default_agent_loop=single_turn_agent",
        ),
        (["actor_rollout_ref.rollout.n=1"], "actor_rollout_ref.rollout.n"),
        (["+data.mm_processor_kwargs.max_pixels=802816"], "set data.mm_processor_kwargs.min_pixels too"),
        (["+data.mm_processor_kwargs.min_pixels=3136"], "set data.mm_processor_kwargs.max_pixels too"),
        (
            ["+data.mm_processor_kwargs.min_pixels=65536", "+data.mm_processor_kwargs.max_pixels=50176"],
            "set a smaller data.mm_processor_kwargs.min_pixels",
        ),
        (
            ["+data.mm_processor_kwargs.do_resize=False", "actor_rollout_ref.rollout.name=sglang"],
            "set backbone=none, or leave data.mm_processor_kwargs empty",
        ),
        (["+mrpo.judge.ask_for=wrong"], "mrpo.judge.ask_for must be one of all, needed, wrong_answers"),
        (["+mrpo.judge.price_per_million.prompt=1"], "mrpo.judge.price_per_million needs both"),
    ],
)
def test_a_run_that_misses_a_piece_stops_with_the_override_to_set(config_of, overrides, names):
    assert names in refusal(config_of(*overrides))


REWARD_MODEL = {  # as tests/integration/test_judge_vllm.py runs it
    "reward.reward_model.enable": "True",
    "reward.reward_model.enable_resource_pool": "True",
    "reward.reward_model.nnodes": "1",
    "reward.reward_model.model_path": "judge",
    "reward.reward_model.rollout.name": "vllm",
    "reward.reward_model.rollout.free_cache_engine": "False",
    "reward.custom_reward_function.path": "reward_fns/custom_reward.py",
}


def with_reward_model(judge, without=()):
    return [f"+mrpo.judge.name={judge}", *(f"{name}={v}" for name, v in REWARD_MODEL.items() if name not in without)]


@pytest.mark.parametrize("judge", ["router", "overlap"])
@pytest.mark.parametrize("left_out", list(REWARD_MODEL)[1:])
def test_a_reward_model_that_would_not_be_asked_is_refused_whoever_judges(config_of, judge, left_out):
    prepare(config_of(*with_reward_model(judge)))
    message = refusal(config_of(*with_reward_model(judge, without=[left_out])))
    assert f"set {left_out}=" in message and "docs/judge.md" in message
    grpo = ("algorithm.adv_estimator=grpo", "reward.reward_manager.name=mrpo", *BASE)
    assert f"set {left_out}=" in refusal(config_of(*with_reward_model(judge, without=[left_out]), base=grpo))


def test_a_router_judge_without_anything_is_told_all_that_it_needs_at_once(config_of):
    message = refusal(config_of("+mrpo.judge.name=router"))
    assert all(f"{name}=" in message for name in REWARD_MODEL)
    members = "+mrpo.judge.members={own: {name: router}, b: {name: overlap}, c: {name: overlap}}"
    assert "reward.reward_model.enable=True" in refusal(config_of("+mrpo.judge.name=ensemble", members))


def test_a_reward_model_without_mrpos_reward_manager_is_left_alone(config_of):
    overrides = ["reward.reward_model.enable=True", "reward.reward_model.model_path=rm", "+mrpo.tau=0.5"]
    prepare(config_of(*overrides, base=("algorithm.adv_estimator=grpo", *BASE)))


def test_the_documented_overrides_of_a_router_judge_are_enough(config_of):
    page = (Path(__file__).parents[3] / "docs" / "judge.md").read_text()
    command = re.search(r"\+mrpo\.judge\.name=router(?:.*\\\n)+.*", page).group(0)
    prepare(config_of(*command.replace("\\\n", " ").split()))


def test_the_old_place_of_the_reward_manager_does_not_count_as_set(config_of):
    """verl 0.9.1's main_ppo no longer moves `reward_model.reward_manager` to its new place: it would stay naive."""
    config = config_of("reward_model.reward_manager=mrpo")
    try:
        prepare(config)
    except OptionError as error:
        assert "reward.reward_manager.name=mrpo" in str(error)
    else:
        assert config.reward.reward_manager.name == "mrpo"


def test_a_kl_penalty_in_the_reward_is_refused_for_gdpo_which_would_drop_it(config_of):
    """GDPO normalises the rewards of the manager; the token rewards, where verl puts that penalty, it never reads."""
    config = config_of("reward.reward_manager.name=mrpo", "algorithm.use_kl_in_reward=True",
                       base=("algorithm.adv_estimator=gdpo", *BASE))  # fmt: skip
    assert "algorithm.use_kl_in_reward" in refusal(config)


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("data.train_files=/nowhere/train.parquet", ("/nowhere/train.parquet", "data.train_files", "DATA_DIR")),
        ("data.val_files=[nowhere.parquet]", ("nowhere.parquet", "data.val_files", "DATA_DIR")),
        ("actor_rollout_ref.model.path=/no/model", ("/no/model", "actor_rollout_ref.model.path", "MODEL_PATH")),
        ("actor_rollout_ref.model.path=./model", ("./model", "actor_rollout_ref.model.path", "MODEL_PATH")),
    ],
)
def test_what_is_not_on_this_machine_is_told_before_anything_starts(config_of, override, named):
    sentence = refusal(config_of(override))
    assert all(part in sentence for part in named)


def test_a_checkpoint_that_may_be_elsewhere_is_left_to_verl(config_of):
    prepare(config_of("actor_rollout_ref.model.path=org/model"))


@pytest.mark.parametrize("estimator", ["gdpo", "grpo", "rloo"])
def test_tool_turns_are_refused_for_every_estimator_on_our_rewards(config_of, tmp_path, estimator):
    """verl 0.9.1 does not ask multi_turn.enable which agent loop to run."""
    base = (f"algorithm.adv_estimator={estimator}", "reward.reward_manager.name=mrpo", *BASE)
    loop = "actor_rollout_ref.rollout.agent.default_agent_loop"
    assert f"set {loop}=single_turn_agent" in refusal(config_of(f"{loop}=tool_agent", base=base))
    turns = "actor_rollout_ref.rollout.multi_turn.enable"
    assert f"set {turns}=False" in refusal(config_of(f"{turns}=True", base=base))
    stock = (f"algorithm.adv_estimator={estimator}", *BASE)
    prepare(config_of(f"{loop}=tool_agent", "+mrpo.tau=0.5", base=stock))  # not our reward manager
