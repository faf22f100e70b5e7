"""Laws of recipe.mrpo.options.tree and of the two files that carry defaults: options.yaml and mrpo.yaml."""

from __future__ import annotations

import pytest
from omegaconf import DictConfig, OmegaConf

from recipe.mrpo.options.tree import OPTIONS_FILE, OptionError, changed_options, load_options


def leaves(node: DictConfig, path: str = "") -> list[str]:
    out = []
    for key in node:
        name = f"{path}.{key}" if path else str(key)
        out += leaves(node[key], name) if isinstance(node[key], DictConfig) else [name]
    return out


DEFAULTS = OmegaConf.load(OPTIONS_FILE)
ALL = load_options()


@pytest.mark.parametrize("name", leaves(DEFAULTS))
def test_every_default_is_readable_and_can_be_given_again(name):
    value = OmegaConf.select(ALL, name)
    node = OmegaConf.create({})
    OmegaConf.update(node, name, value, force_add=True)
    assert OmegaConf.select(load_options(node), name) == value


def test_the_defaults_are_no_change():
    assert changed_options(load_options()) == changed_options(load_options({})) == {}


def test_none_of_the_defaults_is_left_to_the_user():
    assert not [name for name in leaves(DEFAULTS) if OmegaConf.is_missing(DEFAULTS, name)]


def test_a_user_value_stands_over_the_default_and_is_the_only_change():
    options = load_options({"tau": 0.5, "judge": {"openai": {"timeout_s": 9}}})
    assert options.tau == 0.5 and options.judge.openai.timeout_s == 9
    assert changed_options(options) == {"tau": 0.5, "judge.openai.timeout_s": 9}


def test_loading_options_does_not_change_the_defaults():
    load_options({"tau": 0.25, "rewards": {"mine": {"weight": 1.0}}})
    assert load_options().tau == DEFAULTS.tau
    assert "mine" not in load_options().rewards


def test_an_inherited_option_follows_the_one_it_inherits_from():
    options = load_options({"rewards": {"answer": {"encoder": "some/encoder"}}})
    assert options.rewards.semantic.encoder == "some/encoder"


@pytest.mark.parametrize(
    ("given", "name", "meant"),
    [
        ({"tua": 0.5}, "mrpo.tua", "mrpo.tau"),
        ({"shapping": "mrpo"}, "mrpo.shapping", "mrpo.shaping"),
        ({"judge": {"openai": {"time_out_s": 5}}}, "mrpo.judge.openai.time_out_s", "mrpo.judge.openai.timeout_s"),
        ({"guards": {"on_low_corelation": "stop"}}, "mrpo.guards.on_low_corelation", "mrpo.guards.on_low_correlation"),
        ({"rewards": {"length": {"kmin": 3}}}, "mrpo.rewards.length.kmin", "mrpo.rewards.length.k_min"),
    ],
)
def test_an_unknown_name_is_refused_with_the_closest_one(given, name, meant):
    with pytest.raises(OptionError) as caught:
        load_options(given)
    assert str(caught.value) == f"Unknown option {name}; did you mean {meant}?"


def test_a_name_close_to_none_points_to_the_list_of_options():
    with pytest.raises(OptionError, match=r"^Unknown option mrpo\.qqq; see docs/options\.md\.$"):
        load_options({"qqq": 1})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tau": -0.01}, "mrpo.tau must be a number in [0, 1], not -0.01."),
        ({"tau": 1.01}, "mrpo.tau must be a number in [0, 1], not 1.01."),
        ({"tau": "0.6x"}, "mrpo.tau must be a number in [0, 1], not '0.6x'."),
        ({"tau": None}, "mrpo.tau must be a number in [0, 1], not None."),
        ({"tau": True}, "mrpo.tau must be a number in [0, 1], not True."),
        ({"tau": float("nan")}, "mrpo.tau must be a number in [0, 1], not nan."),
        ({"factor_base": 0.99}, "mrpo.factor_base must be a number in [1, 1000], not 0.99."),
        ({"factor_base": float("inf")}, "mrpo.factor_base"),
        ({"factor_base": float("nan")}, "mrpo.factor_base"),
        (
            {"shaping": "MRPO"},
            "mrpo.shaping must be one of mrpo, none, vppo, pgrpo, step_credit, srar, or your own as",
        ),
        ({"gdpo": {"final_norm": "batch"}}, "mrpo.gdpo.final_norm must be one of rollout, token, none, not 'batch'."),
        ({"steps": {"splitter": "nltk"}}, "mrpo.steps.splitter"),
        (
            {"judge": {"ask_for": "some"}},
            "mrpo.judge.ask_for must be one of all, needed, wrong_answers, not 'some'.",
        ),
        ({"judge": {"price_per_million": {"prompt": 1, "completion": -1}}}, "mrpo.judge.price_per_million.completion"),
        ({"steps": {"unclosed_think": True}}, "mrpo.steps.unclosed_think"),
        ({"round_factors": "sometimes"}, "mrpo.round_factors"),
        ({"gold_reasoning": False}, "mrpo.gold_reasoning"),
        ({"metrics": {"stage_cuts": {"early": 0.7}}}, "mrpo.metrics.stage_cuts needs early <= mid, not "),
        ({"guards": {"min_probs_correlation": 2}}, "mrpo.guards.min_probs_correlation"),
        ({"guards": {"on_low_correlation": "explode"}}, "mrpo.guards.on_low_correlation"),
        (
            {"guards": {"weight_sync_timeout_s": -1}},
            "mrpo.guards.weight_sync_timeout_s must be a number in [0, 1000000], not -1.",
        ),
    ],
)
def test_a_value_out_of_range_is_refused_by_its_name(given, message):
    with pytest.raises(OptionError) as caught:
        load_options(given)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "given", [{"tau": 0}, {"tau": 1}, {"factor_base": 1}, {"guards": {"weight_sync_timeout_s": 0}},
              {"metrics": {"stage_cuts": {"early": 0.5, "mid": 0.5}}}]
)  # fmt: skip
def test_the_ends_of_a_range_belong_to_it(given):
    load_options(given)


@pytest.mark.parametrize("given", [{"judge": "openai"}, {"metrics": {"stage_cuts": 0.5}}, {"rewards": {"length": 1.0}}])
def test_one_value_for_a_group_of_options_is_refused(given):
    with pytest.raises(OptionError, match="must be a group of options"):
        load_options(given)


@pytest.mark.parametrize("given", ["tau=0.5", ["tau", 0.5], 0.5])
def test_options_that_are_no_mapping_are_refused(given):
    with pytest.raises(OptionError, match="mrpo"):
        load_options(given)


def test_a_group_set_to_nothing_is_refused_by_its_name():
    """`+mrpo.judge=null` on the command line."""
    with pytest.raises(OptionError, match=r"mrpo\.judge"):
        load_options({"judge": None})


def test_a_reward_of_ones_own_is_allowed_and_reaches_the_registry():
    options = load_options({"rewards": {"brevity": {"weight": 0.5, "function": "my_pkg.rewards:brevity"}}})
    assert options.rewards.brevity.weight == 0.5
    assert options.rewards.answer.weight == 1.0


def test_without_the_answer_reward_no_rollout_can_be_wrong():
    with pytest.raises(OptionError, match=r"mrpo\.rewards\.answer"):
        load_options({"rewards": {"answer": None}})


def test_the_hydra_config_lists_every_option_with_its_default(compose):
    config = compose("mrpo", "actor_rollout_ref.model.path=model")
    assert config.mrpo == {**DEFAULTS, "backbone": "qwen2_5_vl"}  # of the group `backbone`
    assert config.mrpo.rewards.semantic.encoder_layer == 12  # what it inherits resolves below the node, too


def test_the_hydra_config_takes_an_option_without_a_plus_sign(compose):
    assert compose("mrpo", "mrpo.tau=0.5").mrpo.tau == 0.5


STUDY = {  # training settings of the run of arXiv 2606.31825; what config/mrpo.yaml marks [P] and [C]
    "algorithm.adv_estimator": "mrpo",
    "algorithm.norm_adv_by_std_in_grpo": True,
    "algorithm.use_kl_in_reward": False,
    "reward.reward_manager.name": "mrpo",
    "data.train_batch_size": 8,
    "data.max_response_length": 512,
    "actor_rollout_ref.rollout.n": 8,
    "actor_rollout_ref.rollout.temperature": 1.0,
    "actor_rollout_ref.rollout.load_format": "auto",
    "actor_rollout_ref.rollout.calculate_log_probs": True,
    "actor_rollout_ref.actor.ppo_mini_batch_size": 8,
    "actor_rollout_ref.actor.ppo_epochs": 1,
    "actor_rollout_ref.actor.clip_ratio": 0.2,
    "actor_rollout_ref.actor.use_kl_loss": True,
    "actor_rollout_ref.actor.kl_loss_coef": 0.04,
    "actor_rollout_ref.actor.kl_loss_type": "low_var_kl",
    "actor_rollout_ref.actor.loss_agg_mode": "seq-mean-token-mean",
    "actor_rollout_ref.actor.grad_clip": 1.0,
    "actor_rollout_ref.actor.optim.lr": 1e-6,
    "actor_rollout_ref.actor.optim.weight_decay": 0.0,
    "actor_rollout_ref.rollout.dtype": "bfloat16",
    "trainer.total_epochs": 1,
}


def test_the_hydra_config_has_the_settings_of_the_study(compose):
    config = compose("mrpo")
    assert {name: OmegaConf.select(config, name) for name in STUDY} == STUDY
