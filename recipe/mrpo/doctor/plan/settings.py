"""The settings of a composed configuration that memory and time depend on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf


@dataclass(frozen=True)
class RunSettings:
    """Numbers of a run; `gpus` counts those that train, on all nodes."""

    nodes: int
    gpus_per_node: int
    prompts: int
    rollouts: int
    prompt_tokens: int
    response_tokens: int
    micro_batch: int
    """Rollouts of one pass, per GPU."""
    offload: bool
    lora_rank: int
    gpu_memory_utilization: float
    max_model_len: int | None
    tensor_parallel: int
    reward_workers: int
    encoder: bool
    encoder_on_gpu: bool
    save_freq: int
    checkpoints_kept: int | None
    val_batch: int | None
    val_before_train: bool
    data_workers: int
    judge: str
    uses_kl: bool

    @property
    def gpus(self) -> int:
        return self.nodes * self.gpus_per_node

    @property
    def longest_sequence(self) -> int:
        return self.prompt_tokens + self.response_tokens

    @property
    def sequences(self) -> int:
        """Rollouts of a step."""
        return self.prompts * self.rollouts


def settings_of(config: DictConfig) -> RunSettings:
    """Read from a composed configuration (verl's PPO trainer with the node `mrpo`)."""

    def get(path: str, default: Any = None) -> Any:
        found = OmegaConf.select(config, path)
        return default if found is None else found

    actor, rollout = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
    fsdp = f"{actor}.fsdp_config"
    length = get(f"{rollout}.max_model_len")
    kept = get("trainer.max_actor_ckpt_to_keep")
    return RunSettings(
        nodes=int(get("trainer.nnodes", 1)),
        gpus_per_node=int(get("trainer.n_gpus_per_node", 1)),
        prompts=int(get("data.train_batch_size")),
        rollouts=int(get(f"{rollout}.n")),
        prompt_tokens=int(get("data.max_prompt_length")),
        response_tokens=int(get("data.max_response_length")),
        micro_batch=int(get(f"{actor}.ppo_micro_batch_size_per_gpu", 1)),
        offload=bool(get(f"{fsdp}.param_offload", False) and get(f"{fsdp}.optimizer_offload", False)),
        lora_rank=int(get("actor_rollout_ref.model.lora_rank", 0)),
        gpu_memory_utilization=float(get(f"{rollout}.gpu_memory_utilization", 0.5)),
        max_model_len=None if length is None else int(length),
        tensor_parallel=int(get(f"{rollout}.tensor_model_parallel_size", 1)),
        reward_workers=int(get("reward.num_workers", 8)),
        encoder=get("mrpo.rewards.answer.encoder") is not None,
        encoder_on_gpu=str(get("mrpo.rewards.answer.encoder_device", "cpu")).startswith("cuda"),
        save_freq=int(get("trainer.save_freq", -1)),
        checkpoints_kept=None if kept is None else int(kept),
        val_batch=get("data.val_batch_size"),
        val_before_train=bool(get("trainer.val_before_train", True)),
        data_workers=int(get("data.filter_overlong_prompts_workers", 1)),
        judge=str(get("mrpo.judge.name", "overlap")),
        uses_kl=bool(get(f"{actor}.use_kl_loss", False)),
    )
