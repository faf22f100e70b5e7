"""Does the longest sequence fit into vLLM's KV cache? vLLM refuses to start where it does not."""

from __future__ import annotations

from recipe.mrpo.doctor.plan.settings import RunSettings
from recipe.mrpo.doctor.plan.sizes import ModelSizes

BLOCK = 16
"""Tokens of a KV block, vLLM's default on GPUs."""
PROFILED = 3e9
"""Memory that vLLM's profiling run reserves: activations of its largest batch, vision tower's cache, CUDA graphs."""


def longest_allowed(model: ModelSizes, run: RunSettings) -> int:
    """Tokens of the longest sequence that vLLM makes room for: `max_model_len`, or the checkpoint's limit."""
    return run.max_model_len if run.max_model_len is not None else model.longest


def needed_bytes(model: ModelSizes, tokens: int, *, tensor_parallel: int = 1) -> int:
    """Cache of one sequence on one GPU, in whole blocks.

    ceil(tokens / 16) x 16 x kv_bytes_per_token / tensor_parallel
    """
    return -(-tokens // BLOCK) * BLOCK * model.kv_bytes_per_token() // tensor_parallel


def available_bytes(model: ModelSizes, run: RunSettings, *, gpu_bytes: float) -> float:
    """Bytes of vLLM's share of a GPU that are left for the cache: share minus bf16 weights minus the profiled rest."""
    weights = 2 * model.parameters / run.tensor_parallel
    return run.gpu_memory_utilization * gpu_bytes - weights - PROFILED


def sequences_at_once(model: ModelSizes, run: RunSettings, *, gpu_bytes: float) -> float:
    """Longest sequences of this run (prompt and response) that the cache of one engine holds together."""
    one = needed_bytes(model, run.longest_sequence, tensor_parallel=run.tensor_parallel)
    return max(0.0, available_bytes(model, run, gpu_bytes=gpu_bytes)) / one
