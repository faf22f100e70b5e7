"""`startup.prepare` on the configuration that verl's own main_ppo composes."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from omegaconf import OmegaConf, open_dict

from recipe.mrpo.common.environment import WEIGHT_SYNC_TIMEOUT_S
from recipe.mrpo.options.tree import OptionError, load_options
from recipe.mrpo.startup.prepare import prepare, wrap_validate_config

BASE = ("actor_rollout_ref.rollout.name=vllm", "actor_rollout_ref.rollout.n=4", "actor_rollout_ref.model.path=model")
MRPO = ("algorithm.adv_estimator=mrpo", *BASE)


def write_rows(path, rows):
    pq.write_table(pa.Table.from_pylist(rows), path)
    return str(path)


@pytest.fixture(scope="module")
def good_file(tmp_path_factory):
    rows = [{"prompt": "q", "extra_info": {"gold_reasoning": "The heart is large.", "split": "train"}}] * 3
    return write_rows(tmp_path_factory.mktemp("data") / "train.parquet", rows)


@pytest.fixture
def config_of(compose, good_file):
    """config_of(override, ...): an MRPO run on a good dataset with those overrides."""

    def make(*overrides, base=MRPO, name="ppo_trainer"):
        config = compose(name, *base, *overrides)
        if not any(o.startswith("data.train_files") for o in overrides):
            config.data.train_files = good_file
        return config

    return make


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
    assert after["ray_kwargs"]["ray_init"]["runtime_env"].pop("env_vars") == {WEIGHT_SYNC_TIMEOUT_S: "600"}
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


@pytest.mark.parametrize(
    ("engine", "seconds", "said"), [("vllm", 600, False), ("sglang", 600, True), ("sglang", 0, False)]
)
def test_the_log_says_where_the_weight_sync_limit_does_not_reach(config_of, caplog, engine, seconds, said):
    prepare(config_of(f"actor_rollout_ref.rollout.name={engine}", f"+mrpo.guards.weight_sync_timeout_s={seconds}"))
    sentence = f"bounds verl's weight transfer to vLLM; with actor_rollout_ref.rollout.name={engine} the engine's own"
    assert (sentence in caplog.text) is said


@pytest.mark.parametrize(
    ("overrides", "said", "why"),
    [
        (("algorithm.adv_estimator=grpo",), True, "verl's estimator knows no unknown reward"),
        (("algorithm.adv_estimator=grpo", "+mrpo.rewards.process.weight=0"), False, "no reward reads labels"),
        (("algorithm.adv_estimator=mrpo", "+mrpo.shaping=none"), False, "ours leaves it out"),
        (("algorithm.adv_estimator=gdpo",), False, "so does GDPO on our rewards"),
    ],
)
def test_the_log_says_where_a_failed_judgement_would_count_as_zero(config_of, caplog, overrides, said, why):
    prepare(config_of("reward.reward_manager.name=mrpo", *overrides))
    assert ("counts what a failed judgement leaves unknown as a reward of 0" in caplog.text) is said, why


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


# --- what stops the run, with the override to set


def refusal(config) -> str:
    with pytest.raises(OptionError) as caught:
        prepare(config)
    message = str(caught.value)
    assert "\n" not in message
    return message


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
            "leave data.mm_processor_kwargs empty",
        ),
        (["+mrpo.judge.skip=all_right_groups"], "mrpo.judge.skip=right"),
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


@pytest.mark.parametrize("estimator", ["grpo", "rloo"])
def test_rollouts_left_unjudged_are_refused_where_the_unknown_would_count_as_0(config_of, estimator):
    overrides = (f"algorithm.adv_estimator={estimator}", "reward.reward_manager.name=mrpo", "+mrpo.judge.skip=right")
    assert "mrpo.judge.skip=none" in refusal(config_of(*overrides, base=BASE))
    prepare(config_of(*overrides, "+mrpo.rewards.process.weight=0", base=BASE))  # then nothing is unknown
    prepare(config_of("algorithm.adv_estimator=gdpo", *overrides[1:], base=BASE))


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


@pytest.mark.parametrize("override", ["actor_rollout_ref.model.path=org/model", "data.val_files=s3://bucket/a.parquet"])
def test_what_may_be_elsewhere_is_left_to_verl(config_of, override):
    prepare(config_of(override))


@pytest.mark.parametrize(
    ("rows", "row"),
    [
        ([{"extra_info": {"split": "train"}}], 0),
        ([{"extra_info": {"gold_reasoning": "It is."}}, {"extra_info": {"gold_reasoning": None}}], 1),
        ([{"extra_info": {"gold_reasoning": "It is."}}] * 2 + [{"extra_info": {"gold_reasoning": " \n"}}], 2),
        ([{"extra_info": {"gold_reasoning": "It is."}}, {"extra_info": None}], 1),
    ],
    ids=["never", "null", "blank", "no extra_info"],
)
def test_a_dataset_without_gold_reasoning_is_refused_with_the_row_and_both_ways_out(config_of, tmp_path, rows, row):
    file = write_rows(tmp_path / "t.parquet", rows)
    message = refusal(config_of(f"data.train_files=[{file}]"))
    assert f"row {row} of {file}" in message
    assert "--gold-reasoning" in message and "+mrpo.gold_reasoning=optional" in message


ELSEWHERE = ("+mrpo.judge.name=openai", "+mrpo.judge.openai.base_url=http://judge.invalid/v1",
             "+mrpo.judge.openai.model=m")  # fmt: skip


@pytest.mark.parametrize("split", ["train_files", "val_files"])
@pytest.mark.parametrize("value", ["false", "true", 0, 1, None])
def test_a_row_that_does_not_say_clearly_whether_it_may_leave_is_refused(config_of, tmp_path, split, value):
    info = {"gold_reasoning": "It is."}
    rows = [{"extra_info": {**info, "may_leave_machine": value}}] * 2
    file = write_rows(tmp_path / "t.parquet", rows)
    message = refusal(config_of(f"data.{split}=[{file}]"))
    assert f"extra_info.may_leave_machine of row 0 of {file} is {value!r}" in message


def test_private_rows_are_refused_for_a_judge_elsewhere_and_rows_without_the_flag_are_not(config_of, tmp_path):
    info = {"gold_reasoning": "It is."}
    flagged = [{"extra_info": {**info, "may_leave_machine": leaves}} for leaves in (True, False)]
    private = write_rows(tmp_path / "private.parquet", flagged)
    public = write_rows(tmp_path / "public.parquet", flagged[:1])
    bare = write_rows(tmp_path / "bare.parquet", [{"extra_info": info}])
    for allowed in (public, bare):
        prepare(config_of(f"data.train_files=[{allowed}]", *ELSEWHERE))
    assert "mrpo.judge.allow_hosts=[judge.invalid]" in refusal(config_of(f"data.train_files=[{private}]", *ELSEWHERE))
    # verl joins the files of a split; the rows of `bare` would then have null.
    message = refusal(config_of(f"data.train_files=[{public},{bare}]"))
    assert f"row 0 of {public} has extra_info.may_leave_machine and row 0 of {bare} has not" in message


def test_a_dataset_without_the_column_is_refused(config_of, tmp_path):
    file = write_rows(tmp_path / "t.parquet", [{"prompt": "q"}])
    assert "no column extra_info" in refusal(config_of(f"data.train_files={file}"))


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


@pytest.mark.parametrize("files", ["train_files", "val_files"])
@pytest.mark.parametrize("name", ["tool_agent", None])
def test_a_row_for_another_agent_loop_is_refused(config_of, good_file, tmp_path, files, name):
    info = {"gold_reasoning": "The heart is large."}
    rows = [{"extra_info": info, "agent_name": "single_turn_agent"}] * 2
    fine = write_rows(tmp_path / "fine.parquet", rows)
    prepare(config_of(f"data.{files}={fine}"))
    file = write_rows(tmp_path / "t.parquet", [*rows, {"extra_info": info, "agent_name": name}])
    message = refusal(config_of(f"data.{files}={file}"))
    assert f"row 2 of {file} asks for {name!r}" in message and "set its agent_name to single_turn_agent" in message


def test_every_training_file_is_looked_at(config_of, good_file, tmp_path):
    bad = write_rows(tmp_path / "bad.parquet", [{"extra_info": {"split": "train"}}])
    assert bad in refusal(config_of(f"data.train_files=[{good_file},{bad}]"))


def test_optional_gold_reasoning_lets_such_a_dataset_pass(config_of, tmp_path):
    file = write_rows(tmp_path / "t.parquet", [{"extra_info": {"split": "train"}}])
    prepare(config_of(f"data.train_files={file}", "+mrpo.gold_reasoning=optional"))


def test_a_file_that_verl_fetches_later_is_not_read_here(config_of):
    prepare(config_of("data.train_files=hdfs://somewhere/train.parquet"))


def test_a_refused_run_keeps_its_configuration_readable(config_of):
    """`prepare` may be asked again after the user has changed the value."""
    config = config_of("+mrpo.tau=7")
    refusal(config)
    with open_dict(config):
        config.mrpo.tau = 0.7
    prepare(config)
    assert config.mrpo.tau == 0.7
