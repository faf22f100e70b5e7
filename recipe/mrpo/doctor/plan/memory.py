"""Memory of a run, item by item: full training with FSDP in mixed precision, or LoRA.

P parameters, g GPUs, r rollouts of a micro-batch, T tokens of the longest sequence. verl 0.9.1 keeps fp32 weights and
optimiser states, gathers bf16, and keeps the reference model in host memory.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe.mrpo.doctor.plan.settings import RunSettings
from recipe.mrpo.doctor.plan.sizes import ModelSizes

ALLOWANCE = 5e9
"""One gathered layer, the vision tower's activations, fragmentation."""
PROCESSES_PER_GPU, PROCESSES = 4e9, 20e9
"""Host memory of Ray, verl and vLLM workers."""
ENCODER_COPY = 0.44e9
"""BiomedBERT in fp32, once in each process that scores answers."""
LORA_BYTES_PER_PARAMETER = 12
ADAPTERS_PER_RANK = 2.53e6
"""Adapter parameters of a 7-8 B language model for each rank, all linear layers: 81e6 at rank 32."""


@dataclass(frozen=True)
class Item:
    """One line of a table: bytes, and how they come about."""

    name: str
    bytes: float
    formula: str


def total(items: list[Item]) -> float:
    return sum(item.bytes for item in items)


def while_training(model: ModelSizes, run: RunSettings) -> list[Item]:
    """Bytes on each GPU during the update."""
    p, g, tokens = model.parameters, run.gpus, run.micro_batch * run.longest_sequence
    if run.lora_rank:
        trained = LORA_BYTES_PER_PARAMETER * ADAPTERS_PER_RANK * run.lora_rank / g
        states = Item("gradients and Adam, fp32, of the adapters", trained, "12 x adapters / g")
    else:
        states = Item("gradients and Adam, fp32", 12 * p / g, "12 P / g")
    return [
        Item("fp32 weights", 4 * p / g, "4 P / g"),
        states,
        Item("activations", tokens * model.hidden * model.layers * 2, "r T hidden layers x 2, checkpointed"),
        Item("logits", tokens * model.vocabulary * 10, "r T vocabulary x (2 + 4 + 4): bf16, fp32, their gradient"),
        Item("one layer gathered, vision tower, fragmentation", ALLOWANCE, "allowance"),
    ]


def while_generating(model: ModelSizes, run: RunSettings, *, gpu_bytes: float) -> list[Item]:
    """Bytes on each GPU while vLLM generates: its share, and what stays of training."""
    p, g = model.parameters, run.gpus
    kept = 0.0 if run.offload else (4 * p / g if run.lora_rank else 12 * p / g)
    return [
        Item("vLLM: weights and KV cache", run.gpu_memory_utilization * gpu_bytes, "gpu_memory_utilization x memory"),
        Item("what stays of training", kept, "0 offloaded; LoRA: 4 P / g; full: 12 P / g (weights and Adam)"),
    ]


def on_host(model: ModelSizes, run: RunSettings) -> list[Item]:
    """Bytes of host memory on each node."""
    p = model.parameters
    items = []
    if run.uses_kl and not run.lora_rank:
        # Sharded over all GPUs; each node holds its part.
        items.append(Item("reference model, fp32", 4 * p / run.nodes, "4 P / nodes"))
    if run.offload:
        size = (4 if run.lora_rank else 12) * p / run.nodes
        items.append(Item("offloaded weights and Adam", size, "12 P / nodes; LoRA: 4 P / nodes"))
    if model.levels.loaded:
        # verl loads on the CPU, in every rank, where it believes that input and output layer are one.
        items.append(Item("every rank loads the whole model", 4 * p * run.gpus_per_node, "4 P x GPUs of the node"))
    if run.lora_rank:
        items.append(Item("vLLM's weights while it sleeps", 2 * p, "2 P"))
    if run.encoder and not run.encoder_on_gpu:
        copies = run.reward_workers + 2
        items.append(Item("BERTScore encoders", ENCODER_COPY * copies, "0.44 GB x (reward workers + 2)"))
    processes = PROCESSES_PER_GPU * run.gpus_per_node + PROCESSES
    items.append(Item("processes", processes, "4 GB x GPUs of the node + 20 GB"))
    return items
