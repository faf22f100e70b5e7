"""The parts of a plan that do not fit, each with the override that corrects it."""

from __future__ import annotations

from dataclasses import dataclass

from recipe.mrpo.doctor.check import Check
from recipe.mrpo.doctor.levels import other_disagreements, tie_disagreement
from recipe.mrpo.doctor.plan import disk, effort, kv_cache, memory, processes
from recipe.mrpo.doctor.plan.settings import STORAGE, RunSettings
from recipe.mrpo.doctor.plan.sizes import ModelSizes

GIB = 2**30
FULL = 0.95
"""Share of a GPU above which a plan is refused: the driver and NCCL want some."""
FEW_SEQUENCES = 8
LONG_START_MINUTES = 5
ROLLOUT = "actor_rollout_ref.rollout"


@dataclass(frozen=True)
class Machine:
    """One node; None: not known, and not checked."""

    gpu_bytes: float
    host_bytes: float | None = None
    cpus: int | None = None
    disk_bytes: float | None = None


@dataclass(frozen=True)
class Rows:
    """Rows of the data files; 0: not known."""

    train: int = 0
    validation: int = 0


def rounded_length(run: RunSettings) -> int:
    """The next multiple of 256 that holds prompt and response."""
    return -(-run.longest_sequence // 256) * 256


def check_sequence_length(model: ModelSizes, run: RunSettings, machine: Machine) -> Check:
    """Is there room for one sequence of the length that vLLM prepares for?"""
    tokens = kv_cache.longest_allowed(model, run)
    advice = f"set {ROLLOUT}.max_model_len={rounded_length(run)}."
    if run.longest_sequence > model.longest:
        says = f"prompt and response have {run.longest_sequence} tokens, the longest position is {model.longest}"
        return Check("length", False, says, "lower data.max_prompt_length or data.max_response_length.")
    if tokens > model.longest:
        return Check("length", False, f"max_model_len={tokens} is above the checkpoint's {model.longest}", advice)
    if tokens < run.longest_sequence:
        says = f"max_model_len={tokens} is below prompt and response together, {run.longest_sequence}"
        return Check("length", False, says, advice)
    need = kv_cache.of_run(model, run, tokens)
    have = kv_cache.available_bytes(model, run, gpu_bytes=machine.gpu_bytes)
    if need > have:
        says = f"vLLM will not start: one sequence of {tokens} tokens takes {need / GIB:.1f} GiB of KV cache, "
        if kv_cache.of_run(model, run, rounded_length(run)) > have:
            advice = f"set a larger {ROLLOUT}.tensor_model_parallel_size or gpu_memory_utilization."
        return Check("length", False, says + f"about {max(have, 0) / GIB:.1f} GiB are left beside the weights", advice)
    together = kv_cache.sequences_at_once(model, run, gpu_bytes=machine.gpu_bytes)
    says = f"{tokens} tokens: {need / GIB:.2f} GiB of KV cache, about {together:.0f} rollouts at once on each engine"
    if together < FEW_SEQUENCES:
        return Check("length", None, says, f"generation will be slow: raise {ROLLOUT}.gpu_memory_utilization.")
    return Check("length", True, says)


def check_parallel(model: ModelSizes, run: RunSettings) -> list[Check]:
    """Can GPUs, heads and rollouts be divided as the run asks? verl and vLLM refuse what does not come out even."""
    tp, fsdp, out = run.tensor_parallel, "actor_rollout_ref.actor.fsdp_config.fsdp_size", []
    fits = [n for n in range(1, run.gpus_per_node + 1) if run.gpus_per_node % n == 0 and _divides_heads(model, n)]
    do = f"set {ROLLOUT}.tensor_model_parallel_size to one of {', '.join(map(str, fits))}."
    if not _divides_heads(model, tp):
        says = f"vLLM cannot spread {model.heads} attention heads and {model.kv_heads} of keys over {tp} GPUs"
        out.append(Check("parallel", False, says, do))
    elif not run.separate_engine and run.gpus % tp:
        out.append(Check("parallel", False, f"{run.gpus} GPUs cannot be divided into engines of {tp}", do))
    if run.gpus % run.shards:
        says = f"{fsdp}={run.fsdp_size} does not divide {run.gpus} GPUs"
        out.append(Check("parallel", False, says, f"set {fsdp}=-1."))
    if run.token_budget is None and run.sequences % run.gpus:
        says = (
            f"{run.prompts} prompts x {run.rollouts} rollouts cannot be divided over {run.gpus} GPUs: verl refuses it"
        )
        better = -(-run.prompts // run.gpus) * run.gpus
        out.append(Check("parallel", False, says, f"set data.train_batch_size={better}, or take other GPUs."))
    return out


def _divides_heads(model: ModelSizes, tp: int) -> bool:
    """vLLM's rule: whole attention heads on each GPU, and whole heads of keys, or whole copies of them."""
    keys = model.kv_heads % tp == 0 if model.kv_heads >= tp else tp % model.kv_heads == 0
    return model.heads % tp == 0 and keys


def check_gpu_memory(model: ModelSizes, run: RunSettings, machine: Machine) -> list[Check]:
    """Does the update fit, and does generation fit beside what stays of it?"""
    limit, out = FULL * machine.gpu_bytes, []
    training = memory.total(memory.while_training(model, run, gpu_bytes=machine.gpu_bytes))
    says = f"{training / 1e9:.0f} of {machine.gpu_bytes / 1e9:.0f} GB while training"
    if training > limit:
        out.append(Check("gpu memory", False, says, _less_training_memory(run)))
    else:
        out.append(Check("gpu memory", True, says))
    generating = memory.total(memory.while_generating(model, run, gpu_bytes=machine.gpu_bytes))
    says = f"{generating / 1e9:.0f} of {machine.gpu_bytes / 1e9:.0f} GB while generating"
    if generating > limit:
        do = (
            "set actor_rollout_ref.actor.fsdp_config.param_offload=True and optimizer_offload=True (OFFLOAD=True), "
            f"or lower {ROLLOUT}.gpu_memory_utilization."
        )
        out.append(Check("gpu memory", False, says, do))
    else:
        out.append(Check("gpu memory", True, says))
    if run.encoder and run.encoder_on_gpu:
        says = (
            f"about {run.reward_workers + 2} processes put the BERTScore encoder on GPU 0, none of it is in the figures"
        )
        out.append(Check("encoder", None, says, "set mrpo.rewards.answer.encoder_device=cpu."))
    return out


def _less_training_memory(run: RunSettings) -> str:
    """What is left to do, in the order in which it costs least."""
    ways, actor = [], "actor_rollout_ref.actor"
    if run.engine_stays and not run.separate_engine:
        ways.append(f"set {ROLLOUT}.free_cache_engine=True")
    if run.token_budget is not None and run.token_budget > run.longest_sequence:
        ways.append(f"set {actor}.ppo_max_token_len_per_gpu={max(run.token_budget // 2, run.longest_sequence)}")
    elif run.token_budget is None and run.micro_batch > 1:
        ways.append(f"set {actor}.ppo_micro_batch_size_per_gpu={run.micro_batch // 2}")
    ways.append("add GPUs")
    if not run.lora_rank:
        ways.append("use LoRA (LORA_RANK=32)")
    return f"{', or '.join(ways)}."


def check_host(model: ModelSizes, run: RunSettings, machine: Machine) -> list[Check]:
    """Host memory and CPUs of a node."""
    need = memory.total(memory.on_host(model, run))
    says, out = f"{need / 1e9:.0f} GB of host memory a node", []
    if machine.host_bytes is None:
        out.append(Check("host memory", None, says))
    elif need > machine.host_bytes:
        do = "use more nodes, LoRA, or OFFLOAD=False where the GPUs have room."
        out.append(Check("host memory", False, f"{says}, {machine.host_bytes / 1e9:.0f} are there", do))
    else:
        out.append(Check("host memory", True, f"{says} of {machine.host_bytes / 1e9:.0f}"))
    cpus = processes.cpus_needed(run)
    if machine.cpus is None:
        out.append(Check("cpus", None, f"{cpus} CPUs are held by verl's actors"))
    elif machine.cpus < cpus:
        says = f"verl's actors hold {cpus} CPUs, {machine.cpus} are there: so Ray would wait for ever"
        do = "use a machine with more CPUs"
        spared = max(0, run.storage_units - 1)
        do += f", or set {STORAGE}=1." if spared and machine.cpus >= cpus - spared else "."
        out.append(Check("cpus", False, says, do))
    else:
        out.append(Check("cpus", True, f"{cpus} of {machine.cpus} CPUs are held by verl's actors"))
    return out


def check_disk(model: ModelSizes, run: RunSettings, machine: Machine, *, steps: int) -> Check:
    """Room for the checkpoints that lie side by side."""
    if run.save_freq <= 0:
        return Check("disk", None, "no checkpoint is ever saved", "set trainer.save_freq=200.")
    need = disk.disk_needed(model, run, steps=steps)
    says = f"{need / 1e9:.0f} GB of disk for checkpoints and dumps"
    if machine.disk_bytes is None:
        return Check("disk", None, says)
    if need > machine.disk_bytes:
        do = "set trainer.max_actor_ckpt_to_keep=1, or write elsewhere (trainer.default_local_dir, OUTPUT_DIR)."
        return Check("disk", False, f"{says}, {machine.disk_bytes / 1e9:.0f} are free", do)
    return Check("disk", True, f"{says} of {machine.disk_bytes / 1e9:.0f} free")


def check_levels(model: ModelSizes) -> Check:
    """vLLM and the trainer must take the output layer that the checkpoint has."""
    found = tie_disagreement(model.levels)
    if found:
        return Check("output layer", False, *found)
    others = other_disagreements(model.levels)
    if others:
        return Check("output layer", None, "; ".join(others))
    return Check("output layer", True, "both levels of the configuration agree")


def check_weights(model: ModelSizes) -> list[Check]:
    """Are the weights ones that can be trained?"""
    if not model.quantised:
        return []
    says = "config.json has a quantization_config, and verl trains floating point weights"
    return [Check("weights", False, says, "take the checkpoint in bf16.")]


def check_effort(run: RunSettings, rows: Rows) -> list[Check]:
    """Start-up and validation, where they take longer than a user would expect."""
    out = []
    minutes = effort.start_up_minutes(run, rows=rows.train + rows.validation)
    if minutes > LONG_START_MINUTES:
        says = f"each start measures {rows.train + rows.validation} prompts, about {minutes:.0f} minutes"
        out.append(Check("start-up", None, says, "set data.filter_overlong_prompts_workers=16."))
    calls = effort.judge_calls_of_validation(run, validation_rows=rows.validation)
    if calls:
        out.append(Check("validation", None, f"{calls} judge calls in each validation"))
    if run.val_batch is None and rows.validation > 1000:
        says = f"each validation is one batch of {rows.validation} rows"
        out.append(Check("validation", None, says, "set data.val_batch_size=256."))
    return out


def check_plan(model: ModelSizes, run: RunSettings, machine: Machine, rows: Rows, *, steps: int) -> list[Check]:
    """Everything above, in the order in which a run would meet it."""
    return [
        *check_weights(model),
        check_levels(model),
        *check_parallel(model, run),
        check_sequence_length(model, run, machine),
        *check_gpu_memory(model, run, machine),
        *check_host(model, run, machine),
        check_disk(model, run, machine, steps=steps),
        *check_effort(run, rows),
    ]
