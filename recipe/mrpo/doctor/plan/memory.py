"""Memory of a run, item by item: full training with FSDP in mixed precision, or LoRA.

P parameters, g GPUs that share one copy of them (`fsdp_size`; otherwise all), r rollouts of a micro-batch, T tokens of
the longest sequence. verl 0.9.1 keeps fp32 weights and optimiser states (`model_dtype=bf16` halves them), gathers bf16,
and keeps the reference model in host memory.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe.mrpo.doctor.plan.settings import WHOLE, RunSettings
from recipe.mrpo.doctor.plan.sizes import ModelSizes

ALLOWANCE = 5e9
"""One gathered layer, the vision tower's activations, fragmentation."""
PROCESSES_PER_GPU, PROCESSES = 4e9, 20e9
"""Host memory of Ray, verl and vLLM workers."""
ENCODER_COPY = 0.44e9
"""BiomedBERT in fp32, once in each process that scores answers."""
TRAINED = 3
"""Gradient and two states of Adam beside each trained parameter, of its type."""


@dataclass(frozen=True)
class Item:
    """One line of a table: bytes, and how they come about."""

    name: str
    bytes: float
    formula: str


def total(items: list[Item]) -> float:
    return sum(item.bytes for item in items)


def _kind(bytes_per_number: int) -> str:
    return "fp32" if bytes_per_number == WHOLE else "bf16"


def while_training(model: ModelSizes, run: RunSettings, *, gpu_bytes: float = 0.0) -> list[Item]:
    """Bytes on each GPU during the update; `gpu_bytes`: its memory, wanted where vLLM keeps its share meanwhile."""
    p, g, tokens, b = model.parameters, run.shards, run.tokens_of_a_pass, run.weight_bytes
    here = 0 if run.offload_always else 1
    if run.lora_rank:
        adapters = model.adapters_per_rank * run.lora_rank
        text = f"{TRAINED * b} x adapters / g"
        states = Item(f"gradients and Adam, {_kind(b)}, of the adapters", here * TRAINED * b * adapters / g, text)
    else:
        states = Item(f"gradients and Adam, {_kind(b)}", here * TRAINED * b * p / g, f"{TRAINED * b} P / g")
    logits = "r T vocabulary x (2 + 4 + 4): bf16, fp32, their gradient"
    items = [
        Item(f"{_kind(b)} weights", here * b * p / g, f"{b} P / g"),
        states,
        Item("activations", tokens * model.hidden * model.layers * 2, "r T hidden layers x 2, checkpointed"),
        Item("logits", 0.0, "never whole: fused kernels")
        if run.fused_logits
        else Item("logits", tokens * model.vocabulary * 10, logits),
        Item("one layer gathered, vision tower, fragmentation", ALLOWANCE, "allowance"),
    ]
    if run.engine_stays and not run.separate_engine:
        share = run.gpu_memory_utilization * gpu_bytes
        items.append(Item("vLLM, which is not put to sleep", share, "gpu_memory_utilization x memory"))
    return items


def while_generating(model: ModelSizes, run: RunSettings, *, gpu_bytes: float) -> list[Item]:
    """Bytes on each GPU while vLLM generates: its share, and what stays of training."""
    engine = Item(
        "vLLM: weights and KV cache", run.gpu_memory_utilization * gpu_bytes, "gpu_memory_utilization x memory"
    )
    if run.separate_engine:
        return [engine]
    p, g, b = model.parameters, run.shards, run.weight_bytes
    weights = 0.0 if run.offload_weights or run.offload_always else b * p / g
    states = 0.0 if run.offload_optimizer or run.offload_always or run.lora_rank else 2 * b * p / g
    text = f"0 offloaded; LoRA: {b} P / g; full: {3 * b} P / g (weights and Adam)"
    return [engine, Item("what stays of training", weights + states, text)]


def on_host(model: ModelSizes, run: RunSettings) -> list[Item]:
    """Bytes of host memory on each node."""
    p, b = model.parameters, run.weight_bytes
    # Copies of the weights that a node holds: its GPUs over those that share one copy.
    part = run.gpus_per_node / run.shards
    items = []
    if run.uses_kl and not run.lora_rank:
        size = run.reference_bytes * p * part
        items.append(Item(f"reference model, {_kind(run.reference_bytes)}", size, f"{run.reference_bytes} P / nodes"))
    weights = b if run.offload_weights or run.offload_always else 0
    states = 2 * b if run.offload_optimizer or run.offload_always else 0
    if run.offload_always:
        states += b
    if run.lora_rank:
        states = 0
    if weights + states:
        items.append(Item("offloaded weights and Adam", (weights + states) * p * part, f"{weights + states} P / nodes"))
    if model.levels.loaded:
        # verl loads on the CPU, in every rank, where it believes that input and output layer are one.
        size = b * p * run.gpus_per_node
        items.append(Item("every rank loads the whole model", size, f"{b} P x GPUs of the node"))
    if run.lora_rank:
        items.append(Item("vLLM's weights while it sleeps", run.engine_bytes * p, f"{run.engine_bytes} P"))
    if run.encoder and not run.encoder_on_gpu:
        copies = run.reward_workers + 2
        items.append(Item("BERTScore encoders", ENCODER_COPY * copies, "0.44 GB x (reward workers + 2)"))
    processes = PROCESSES_PER_GPU * run.gpus_per_node + PROCESSES
    items.append(Item("processes", processes, "4 GB x GPUs of the node + 20 GB"))
    return items
