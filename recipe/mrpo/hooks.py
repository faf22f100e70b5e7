"""Every place where MRPO is put into verl, in one table. `plugin.py` installs it, start-up and `mrpo doctor` check it.

A module of verl that was renamed is never imported, so its hook would never run: without the check a run would lose
the part of MRPO in silence.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection
from dataclasses import dataclass
from types import ModuleType

from recipe.mrpo.common.post_import import after_import
from recipe.mrpo.common.source import difference

MADE_FOR = "0.9.1"
"""The release of verl that the table was written for."""

V1 = "verl.trainer.ppo.v1"
VLLM = "verl.workers.rollout.vllm_rollout"

ACK_TIMEOUT = "verl.workers.config.rollout:CheckpointEngineConfig.update_weights_ack_timeout_seconds"
"""verl's own limit on the weight sync (verl-project/verl#7366), which 0.9.1 does not have."""


@dataclass(frozen=True)
class Hook:
    """Once verl has imported `module`, `target` is called with it."""

    module: str
    target: str
    """`package.module:function`; without a function, importing the module is all there is to do."""
    lost: str
    """What a run loses if the hook does not work."""
    needed: str = "always"
    """By which runs: always, or one of CONDITIONS."""
    relies_on: tuple[str, ...] = ()
    """What verl must have, as `common.source.difference` reads it."""
    needless_with: str = ""
    """What makes the hook needless as soon as verl has it, in the same notation."""
    on_demand: bool = False
    """True: installed by the target's own module, in a run that names it, and not by the plugin."""

    def needless(self) -> bool:
        """Does verl itself already do the hook's work?"""
        return bool(self.needless_with) and difference(self.needless_with) is None

    def differences(self) -> list[str]:
        """How the installed verl differs from the one that the hook needs; empty if the hook is needless."""
        if self.needless():
            return []
        return [found for reference in (self.module, *self.relies_on) if (found := difference(reference))]

    def install(self) -> None:
        """Run `target` after verl has imported `module`."""
        after_import(self.module, _Call(self.target))


class _Call:
    """A callback that imports its function when it is called; its name tells `after_import` one from another."""

    def __init__(self, target: str):
        self.place, _, self.function = target.partition(":")
        self.__module__, self.__qualname__ = self.place, self.function or "import"

    def __call__(self, module: ModuleType) -> None:
        part = importlib.import_module(self.place)
        if self.function:
            getattr(part, self.function)(module)


CONDITIONS = {
    "always": "every run",
    "vllm": "runs with actor_rollout_ref.rollout.name=vllm",
    "internvl": "runs with an InternVL model",
    "separate_async": "runs with trainer.v1.trainer_mode=separate_async",
    "linear": "runs with lr_scheduler_type=linear",
}

HOOKS = (
    Hook(
        "hydra.main",
        "recipe.mrpo.config.search_path:register",
        "--config-name mrpo, mrpo_cpu and mrpo_sft are not found",
        relies_on=("hydra.core.plugins:Plugins.register(self, clazz)",),
    ),
    Hook(
        "verl.utils.config",
        "recipe.mrpo.startup.before_ray:wrap_validate_config",
        "the options of MRPO are neither filled in nor checked before Ray starts",
        relies_on=("verl.utils.config:validate_config(config, *args)",),
    ),
    Hook(
        "verl.trainer.ppo.core_algos",
        "recipe.mrpo.wiring.estimators:register_estimators",
        "algorithm.adv_estimator=mrpo is unknown, and gdpo is verl's own",
        relies_on=(
            "verl.trainer.ppo.core_algos:register_adv_est(name_or_enum)",
            "verl.trainer.ppo.core_algos:ADV_ESTIMATOR_REGISTRY",
        ),
    ),
    Hook(
        "verl.experimental.reward_loop.reward_manager",
        "recipe.mrpo.wiring.reward_manager",
        "reward.reward_manager.name=mrpo is unknown, so no step has a label",
        relies_on=(
            "verl.experimental.reward_loop.reward_manager:register",
            "verl.experimental.reward_loop.reward_manager.base:"
            "RewardManagerBase.__init__(self, config, tokenizer, compute_score)",
            "verl.experimental.reward_loop.reward_manager.base:RewardManagerBase.run_single(self, data)",
        ),
    ),
    Hook(
        V1,
        "recipe.mrpo.wiring.trainer:mix_into_trainers",
        "step labels do not reach the estimator, and there are no metrics and no steps in the dumps",
        relies_on=(
            f"{V1}.trainer_base:TRAINER_REGISTRY",
            f"{V1}.trainer_base:PPOTrainer.__init__(self, config)",
            f"{V1}.trainer_base:PPOTrainer._init_dataloader(self)",
            f"{V1}.trainer_base:PPOTrainer.step(self, metrics, timing_raw)",
            f"{V1}.trainer_base:PPOTrainer._consume_sync_metrics(self)",
            f"{V1}.trainer_base:PPOTrainer._compute_old_log_prob(self, batch, metrics)",
            f"{V1}.trainer_base:PPOTrainer._compute_advantage(self, batch, metrics)",
            f"{V1}.trainer_base:PPOTrainer._submit_batch_to_rollout(self, batch)",
            f"{V1}.trainer_base:PPOTrainer._validate(self)",
            f"{V1}.trainer_base:PPOTrainer._val_metrics_update"
            "(self, data_sources, sample_uids, reward_extra_infos_dict, sample_turns, expected_acc_counts)",
            f"{V1}.trainer_base:PPOTrainer._log_rollout_data(self, batch, timing_raw, rollout_data_dir)",
            f"{V1}.trainer_base:PPOTrainer._dump_generations"
            "(self, inputs, outputs, gts, scores, reward_extra_infos_dict, dump_path)",
            "transfer_queue.interface:kv_batch_get(keys, partition_id, select_fields)",
        ),
    ),
    Hook(
        f"{VLLM}.bucketed_weight_transfer",
        "recipe.mrpo.wiring.patches.weight_sync_timeout:bound_weight_sync",
        "a rollout engine that died during the weight sync hangs the job",
        needed="vllm",
        relies_on=(
            f"{VLLM}.bucketed_weight_transfer:BucketedWeightSender._init_socket(self)",
            f"{VLLM}.bucketed_weight_transfer:BucketedWeightSender.async_send_weights(self, weights)",
        ),
        needless_with=ACK_TIMEOUT,
    ),
    Hook(
        f"{VLLM}.bucketed_weight_transfer",
        "recipe.mrpo.wiring.patches.weight_sync_socket:mark_sockets",
        "two runs on one host take each other's weights, and both end or hang",
        needed="vllm",
        relies_on=(
            f"{VLLM}.bucketed_weight_transfer:BucketedWeightSender.__init__(self, zmq_handle, *args)",
            f"{VLLM}.bucketed_weight_transfer:BucketedWeightReceiver.__init__(self, zmq_handle, *args)",
        ),
    ),
    Hook(
        f"{V1}.trainer_separate_async",
        "recipe.mrpo.wiring.patches.async_log_call:mend_log_call",
        "with actor_rollout_ref.hybrid_engine=False the trainer ends at a log call",
        needed="separate_async",
        relies_on=(f"{V1}.trainer_separate_async:logger",),
    ),
    Hook(
        "verl.utils.tensordict_utils",
        "recipe.mrpo.wiring.patches.equal_lengths:mend_position_ids",
        "a batch of a Qwen-VL model whose sequences all have one length ends the run",
        relies_on=(
            "verl.utils.tensordict_utils:maybe_fix_3d_position_ids(data)",
            "verl.utils.tensordict_utils:nested_tensor_from_tensor_list(tensors, ragged_idx)",
        ),
    ),
    Hook(
        "verl.utils.tokenizer.tokenizer",
        "recipe.mrpo.wiring.patches.internvl:accept_processor",
        "InternVL has no processor, so it is trained without images",
        needed="internvl",
        relies_on=("verl.utils.tokenizer.tokenizer:hf_processor(name_or_path, *args)",),
    ),
    Hook(
        "verl.experimental.agent_loop.agent_loop",
        "recipe.mrpo.wiring.patches.internvl:restore_placeholders",
        "InternVL's rollouts end at a prompt without image tokens",
        needed="internvl",
        relies_on=(
            "verl.experimental.agent_loop.agent_loop:build_multimodal_processor_inputs",
            "verl.utils.tokenizer.tokenizer:build_multimodal_processor_inputs(processor, *, text, images)",
        ),
    ),
    Hook(
        f"{VLLM}.vllm_async_server",
        "recipe.mrpo.wiring.patches.internvl:deduplicate_for_vllm",
        "vLLM is given InternVL's image tokens twice",
        needed="internvl",
        relies_on=(
            f"{VLLM}.vllm_async_server:qwen2_5_vl_dedup_image_tokens",
            "verl.workers.rollout.utils:qwen2_5_vl_dedup_image_tokens(prompt_ids, processor)",
        ),
    ),
    Hook(
        "verl.workers.engine.fsdp.transformer_impl",
        "recipe.mrpo.wiring.patches.linear_schedule:teach_linear",
        "lr_scheduler_type=linear is refused by the engine",
        needed="linear",
        relies_on=("verl.workers.engine.fsdp.transformer_impl:FSDPEngine._build_lr_scheduler(self, optimizer)",),
        on_demand=True,
    ),
)


def hook_of(target: str) -> Hook:
    """The row with this target. Raises StopIteration if there is none."""
    return next(hook for hook in HOOKS if hook.target == target)


def install(hooks: Collection[Hook] = HOOKS) -> None:
    """Install the hooks that every process needs."""
    for hook in hooks:
        if not hook.on_demand:
            hook.install()


def losses(needed: Collection[str], hooks: Collection[Hook] = HOOKS) -> list[str]:
    """One sentence for each hook that a run needs and that cannot work in the installed verl; reads sources only.

    `needed`: names of CONDITIONS that hold for the run, "always" among them.
    """
    found = ((hook, hook.differences()) for hook in hooks if hook.needed in needed)
    return [f"{'; '.join(differences)}, so {hook.lost}." for hook, differences in found if differences]
