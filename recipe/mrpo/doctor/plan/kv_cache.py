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


def needed_bytes(model: ModelSizes, tokens: int, *, tensor_parallel: int = 1, bytes_per_value: int = 2) -> int:
    """Cache of one sequence on one GPU, in whole blocks. Engines of more GPUs than heads hold each head several times.

    ceil(tokens / 16) x 16 x 2 layers max(1, kv_heads / tensor_parallel) head_dim bytes_per_value
    """
    of_all = model.kv_bytes_per_token(bytes_per_value=bytes_per_value)
    return -(-tokens // BLOCK) * BLOCK * (of_all // model.kv_heads) * max(1, model.kv_heads // tensor_parallel)


def of_run(model: ModelSizes, run: RunSettings, tokens: int) -> int:
    """Cache of one sequence on one GPU of an engine of this run."""
    return needed_bytes(model, tokens, tensor_parallel=run.tensor_parallel, bytes_per_value=run.kv_bytes)


def available_bytes(model: ModelSizes, run: RunSettings, *, gpu_bytes: float) -> float:
    """Bytes of vLLM's share of a GPU that are left for the cache: share minus its weights minus the profiled rest."""
    weights = run.engine_bytes * model.parameters / run.tensor_parallel
    return run.gpu_memory_utilization * gpu_bytes - weights - PROFILED


def sequences_at_once(model: ModelSizes, run: RunSettings, *, gpu_bytes: float) -> float:
    """Longest sequences of this run (prompt and response) that the cache of one engine holds together."""
    one = of_run(model, run, run.longest_sequence)
    return max(0.0, available_bytes(model, run, gpu_bytes=gpu_bytes)) / one
