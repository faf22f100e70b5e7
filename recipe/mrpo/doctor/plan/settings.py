"""The settings of a composed configuration that memory and time depend on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf

from recipe.mrpo.judge.continuations.cost import calls_of
from recipe.mrpo.judge.when_to_judge import CONTINUATIONS

ACTOR, ROLLOUT = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
STORAGE = "transfer_queue.backend.SimpleStorage.num_data_storage_units"
HALF, WHOLE = 2, 4
"""Bytes of a bf16 or fp16 number, and of an fp32 one."""


class PlanError(ValueError):
    """The configuration or the checkpoint cannot be planned with; the message names the setting."""


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
    offload_weights: bool = False
    offload_optimizer: bool = False
    offload_always: bool = False
    """`fsdp_config.offload_policy`: weights, gradients and optimiser stay in host memory, the update included."""
    fsdp_size: int = -1
    """GPUs that share one copy of the weights; -1: all."""
    weight_bytes: int = WHOLE
    """Of a trained parameter (`fsdp_config.model_dtype`); gradient and Adam's states have the same type."""
    reference_bytes: int = WHOLE
    engine_bytes: int = HALF
    """Of a parameter in vLLM (`rollout.dtype`, `rollout.quantization`)."""
    kv_bytes: int = HALF
    """Of a number in vLLM's KV cache."""
    token_budget: int | None = None
    """Tokens of one pass with `use_dynamic_bsz`; None: `micro_batch` rollouts."""
    fused_logits: bool = False
    """`model.use_fused_kernels`: the logits of a pass never stand in memory as a whole."""
    engine_stays: bool = False
    """`rollout.free_cache_engine=False`: vLLM keeps its share of the GPU during the update."""
    separate_engine: bool = False
    """The mode `separate_async`: vLLM has GPUs of its own."""
    storage_units: int = 8
    judge_calls: int = 1
    """Calls for one rollout of a judge outside."""

    @property
    def gpus(self) -> int:
        return self.nodes * self.gpus_per_node

    @property
    def shards(self) -> int:
        """GPUs over which one copy of weights, gradients and optimiser is spread."""
        return self.fsdp_size if 0 < self.fsdp_size < self.gpus else self.gpus

    @property
    def longest_sequence(self) -> int:
        return self.prompt_tokens + self.response_tokens

    @property
    def tokens_of_a_pass(self) -> int:
        """Of the update, per GPU: a sequence is never cut, so the longest one fits even a smaller budget."""
        if self.token_budget is None:
            return self.micro_batch * self.longest_sequence
        return max(self.token_budget, self.longest_sequence)

    @property
    def sequences(self) -> int:
        """Rollouts of a step."""
        return self.prompts * self.rollouts


class _Reader:
    """Values of a configuration; PlanError where one is not of its kind."""

    def __init__(self, config: DictConfig) -> None:
        self.config = config

    def value(self, path: str, default: Any = None) -> Any:
        found = OmegaConf.select(self.config, path)
        return default if found is None else found

    def whole(self, path: str, default: int | None = None, *, least: int = 1) -> int:
        found = self.value(path, default)
        try:
            number = int(found)
            right = not isinstance(found, bool) and number == float(found) and number >= least
        except (TypeError, ValueError, OverflowError):
            right = False
        if not right:
            raise PlanError(f"{path} must be a whole number of at least {least}, not {found}; set {path}=N.")
        return number

    def whole_or_none(self, path: str) -> int | None:
        return None if self.value(path) is None else self.whole(path)

    def share(self, path: str, default: float) -> float:
        found = self.value(path, default)
        try:
            number = float(found)
        except (TypeError, ValueError):
            number = math.nan
        if not 0 < number <= 1:
            raise PlanError(f"{path} must be a number above 0 and up to 1, not {found}; set {path}={default}.")
        return number

    def bytes_of(self, path: str, default: str) -> int:
        """Bytes of a number of the type that is named there."""
        named = str(self.value(path, default)).removeprefix("torch.").lower()
        known = {"bf16": HALF, "bfloat16": HALF, "fp16": HALF, "float16": HALF, "half": HALF, "auto": HALF}
        known |= {"fp32": WHOLE, "float32": WHOLE, "float": WHOLE, "32": WHOLE, "16": HALF}
        if named not in known:
            raise PlanError(f"{path}={named} is no type of floating point numbers; set {path}={default}.")
        return known[named]


def _judge_calls(read: _Reader) -> int:
    """Calls for one rollout of as many steps as the length reward allows at most."""
    if read.value("mrpo.judge.name") != CONTINUATIONS:
        return 1
    return calls_of(read.whole("mrpo.rewards.length.k_max", 10), n=read.whole("mrpo.judge.continuations.n", 8))


def settings_of(config: DictConfig) -> RunSettings:
    """Read from a composed configuration (verl's PPO trainer with the node `mrpo`).

    Raises PlanError, with the setting to correct.
    """
    if OmegaConf.select(config, ROLLOUT) is None or OmegaConf.select(config, "trainer") is None:
        raise PlanError(f"this is no configuration of verl's PPO trainer: it has no {ROLLOUT}; set --config-name mrpo.")
    read = _Reader(config)
    get, fsdp = read.value, f"{ACTOR}.fsdp_config"
    rollouts = read.whole(f"{ROLLOUT}.n")
    dynamic = bool(get(f"{ACTOR}.use_dynamic_bsz", False))
    simple = get("transfer_queue.backend.storage_backend", "SimpleStorage") == "SimpleStorage"
    kv_type = str(get(f"{ROLLOUT}.engine_kwargs.vllm.kv_cache_dtype", "auto"))
    engine = read.bytes_of(f"{ROLLOUT}.dtype", "bfloat16")
    return RunSettings(
        nodes=read.whole("trainer.nnodes", 1),
        gpus_per_node=read.whole("trainer.n_gpus_per_node", 1),
        prompts=read.whole("data.train_batch_size"),
        rollouts=rollouts,
        prompt_tokens=read.whole("data.max_prompt_length"),
        response_tokens=read.whole("data.max_response_length"),
        micro_batch=read.whole(f"{ACTOR}.ppo_micro_batch_size_per_gpu", 1),
        token_budget=read.whole(f"{ACTOR}.ppo_max_token_len_per_gpu", 16384) if dynamic else None,
        offload_weights=bool(get(f"{fsdp}.param_offload", False)),
        offload_optimizer=bool(get(f"{fsdp}.optimizer_offload", False)),
        offload_always=bool(get(f"{fsdp}.offload_policy", False)),
        fsdp_size=read.whole(f"{fsdp}.fsdp_size", -1, least=-1),
        weight_bytes=read.bytes_of(f"{fsdp}.model_dtype", "fp32"),
        reference_bytes=read.bytes_of("actor_rollout_ref.ref.fsdp_config.model_dtype", "fp32"),
        engine_bytes=1 if get(f"{ROLLOUT}.quantization") else engine,
        kv_bytes=1 if kv_type.startswith(("fp8", "int8")) else engine,
        fused_logits=bool(get("actor_rollout_ref.model.use_fused_kernels", False)),
        engine_stays=not bool(get(f"{ROLLOUT}.free_cache_engine", True)),
        separate_engine=get("trainer.v1.trainer_mode") == "separate_async",
        storage_units=read.whole(STORAGE, 8) if simple else 0,
        lora_rank=read.whole("actor_rollout_ref.model.lora_rank", 0, least=0),
        gpu_memory_utilization=read.share(f"{ROLLOUT}.gpu_memory_utilization", 0.5),
        max_model_len=read.whole_or_none(f"{ROLLOUT}.max_model_len"),
        tensor_parallel=read.whole(f"{ROLLOUT}.tensor_model_parallel_size", 1),
        reward_workers=read.whole("reward.num_workers", 8),
        encoder=get("mrpo.rewards.answer.encoder") is not None,
        encoder_on_gpu=str(get("mrpo.rewards.answer.encoder_device", "cpu")).startswith("cuda"),
        save_freq=read.whole("trainer.save_freq", -1, least=-1),
        checkpoints_kept=read.whole_or_none("trainer.max_actor_ckpt_to_keep"),
        val_batch=read.whole_or_none("data.val_batch_size"),
        val_before_train=bool(get("trainer.val_before_train", True)),
        data_workers=read.whole("data.filter_overlong_prompts_workers", 1),
        judge=str(get("mrpo.judge.name", "overlap")),
        judge_calls=_judge_calls(read),
        uses_kl=bool(get(f"{ACTOR}.use_kl_loss", False)),
    )
