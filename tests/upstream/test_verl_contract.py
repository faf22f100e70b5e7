"""What the plugin relies on in verl, read from the sources of the installed release: nothing of verl is imported.

    make upstream-check                       # the verl of this environment
    make upstream-check VERL=DIR              # a checkout's, or that of another site-packages
    make upstream-check PYTHON=/path/python   # another one's, with or without a GPU stack

Three parts: the hook table, behaviour without a name of its own, and faults that a patch mends. A red row of the first
two says what a run would lose; a red row of the third says which patch can be deleted. docs/upstream.md has the list.
"""

from __future__ import annotations

import re
from importlib.util import find_spec

import pytest

from recipe.mrpo.common.source import difference, module_file
from recipe.mrpo.hooks import ACK_TIMEOUT, HOOKS, VLLM

pytestmark = pytest.mark.skipif(find_spec("verl") is None, reason="verl is not installed")

V1 = "verl.trainer.ppo.v1"


def source_of(module: str) -> str:
    file = module_file(module)
    assert file is not None, f"there is no module {module}"
    return file.read_text(encoding="utf-8")


def function_body(module: str, name: str) -> str:
    """Source of a function up to the next one; empty without it, which the hook table reports."""
    _, _, rest = source_of(module).partition(f"def {name}(")
    return rest.partition("def ")[0]


PLACES = [(hook, reference) for hook in HOOKS for reference in (hook.module, *hook.relies_on)]


@pytest.mark.parametrize(("hook", "reference"), PLACES, ids=[reference for _, reference in PLACES])
def test_a_place_of_the_hook_table_is_there(hook, reference):
    found = None if hook.needless() else difference(reference)
    assert found is None, f"{found}, so {hook.lost}."


BEHAVIOUR = [
    ("verl", r'entry_points\(group="verl\.plugins"\)', "verl loads plugins from the entry point group verl.plugins"),
    ("verl", r"_ep\.load\(\)", "a plugin's module is imported, in every process that imports verl"),
    ("verl.trainer.main_ppo", r"validate_config\(", "main_ppo checks the configuration before it starts anything"),
    (
        f"{V1}.trainer_base",
        r"compute_advantage_for_multi_trajectories\(",
        "the v1 trainer asks for advantages inside _compute_advantage",
    ),
    (
        f"{V1}.utils",
        r"if adv_estimator != core_algos\.AdvantageEstimator\.GRPO:\s+return compute_advantage\(",
        "an estimator that is not GRPO is called with all rows, in their order",
    ),
    (
        "verl.trainer.ppo.ray_trainer",
        r"adv_estimator_fn\(\*\*adv_kwargs\)",
        "a registered estimator is called with keywords and returns two tensors",
    ),
    (
        "verl.trainer.ppo.ray_trainer",
        r'"token_level_rewards": .*\n\s+"response_mask": .*',
        "the keywords are token_level_rewards and response_mask",
    ),
    ("verl.trainer.ppo.ray_trainer", r'adv_kwargs\["index"\] = ', "the group ids come as the keyword index"),
    (f"{V1}.agent_loop_tq", r'f"\{uid\}_\{session_id\}_\{i\}"', "a row's key is {uid}_{session}_{output}"),
    (f"{V1}.trainer_base", r'"is_padding"', "a padding row has the tag is_padding"),
    (f"{V1}.trainer_base", r'self\.trainer_mode == "sync"', "the trainer's mode is compared with the literal sync"),
    (f"{V1}.trainer_base", r"self\.train_dataset = ", "the training data set is an attribute of the trainer"),
    (f"{V1}.trainer_base", r"self\.parameter_sync_step = ", "the updates of a step are parameter_sync_step"),
    (f"{V1}.trainer_base", r"TRAINER_REGISTRY\[", "trainers are looked up in TRAINER_REGISTRY"),
    (
        "verl.experimental.agent_loop.agent_loop",
        r'extra_fields\["reward_extra_info"\] = result\["reward_extra_info"\]',
        "what the reward manager returns travels in extra_fields",
    ),
    (
        "verl.experimental.agent_loop.agent_loop",
        r"metrics\.compute_score = ",
        "the seconds of rewarding a rollout are measured as compute_score",
    ),
    (
        "verl.experimental.reward_loop.reward_loop",
        r"reward_manager\.run_single\(data\)",
        "a reward worker gives one rollout at a time to run_single",
    ),
    (
        "verl.utils.debug.metrics",
        r'"training/rollout_actor_probs_pearson_corr"',
        "the correlation that the guard looks at has this name",
    ),
    (
        "verl.utils.debug.metrics",
        r'"training/rollout_probs_diff_mean": torch\.mean\(',
        "the guard reads a mean difference of this name where sampling cuts off tokens",
    ),
    (
        "verl.workers.engine_workers",
        r'"perf/max_memory_allocated_gb"',
        "the memory of an update is measured under this name",
    ),
    ("verl.experimental.agent_loop.single_turn_agent_loop", r'"raw_prompt"', "images reach the reward in raw_prompt"),
    ("verl.utils.dataset.rl_dataset", r"filter_overlong_prompts", "rows with a long prompt are left out at loading"),
]


@pytest.mark.parametrize(("module", "pattern", "sentence"), BEHAVIOUR, ids=[sentence for *_, sentence in BEHAVIOUR])
def test_verl_behaves_as_the_plugin_expects(module, pattern, sentence):
    assert re.search(pattern, source_of(module)), f"no longer true of {module}: {sentence}."


MENDED = [
    (
        "weight_sync_timeout.py",
        lambda: difference(ACK_TIMEOUT) is not None,
        "verl has its own limit on the weight sync",
    ),
    (
        "weight_sync_socket.py",
        lambda: (
            "rl-colocate-zmq-{job_id}-replica-" in source_of(f"{VLLM}.vllm_rollout")
            and "job_id = ray.get_runtime_context().get_job_id()" in source_of(f"{VLLM}.vllm_rollout")
        ),
        "the socket of the weight sync is named after more than the Ray job id",
    ),
    (
        "async_log_call.py",
        lambda: "flush=True" in source_of(f"{V1}.trainer_separate_async"),
        "the separate_async trainer passes no flush to its logger",
    ),
    (
        "linear_schedule.py",
        lambda: '"linear"' not in source_of("verl.workers.engine.fsdp.transformer_impl"),
        "verl's FSDP engine builds a linear schedule",
    ),
    (
        "equal_lengths.py",
        lambda: "_ragged_idx = 2" in function_body("verl.utils.tensordict_utils", "maybe_fix_3d_position_ids"),
        "verl no longer sets the packed axis of position ids by hand",
    ),
    (
        "internvl.py (accept_processor)",
        lambda: "InternVL" not in source_of("verl.utils.tokenizer.tokenizer"),
        "hf_processor knows InternVL's processor",
    ),
    (
        "internvl.py (restore_placeholders)",
        lambda: "InternVL" not in source_of("verl.experimental.agent_loop.agent_loop"),
        "the agent loop knows InternVL",
    ),
    (
        "internvl.py (deduplicate_for_vllm)",
        lambda: "InternVL" not in source_of("verl.workers.rollout.utils"),
        "the vLLM server knows InternVL's image tokens",
    ),
    (
        "the GDPO switch (wiring/estimators.py)",
        lambda: '"prompts"' not in function_body(f"{V1}.trainer_base", "_compute_advantage"),
        "the v1 trainer gives stock GDPO its prompts",
    ),
    (
        "catching in the reward worker (scoring/faults.py)",
        lambda: "return_exceptions=True" in source_of(f"{V1}.agent_loop_tq"),
        "a rollout with a reward that raised is no longer dropped with a line in the log",
    ),
]


@pytest.mark.parametrize(("patch", "still_needed", "sentence"), MENDED, ids=[patch for patch, *_ in MENDED])
def test_a_patch_is_still_needed(patch, still_needed, sentence):
    assert still_needed(), f"{sentence}: see whether {patch} can be deleted (docs/upstream.md)."
