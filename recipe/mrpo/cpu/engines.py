"""FSDP2 engines for the CPU, registered through verl's official ``EngineRegistry``. Written for verl 0.9.1.

Cause: verl registers its FSDP engines for cuda and npu only, and gives a reference model (``forward_only``) torch's
``CPUOffloadPolicy(pin_memory=True)``; pinned memory needs an accelerator, and there is nothing to offload from here.
Upstream: none known. ``strategy=fsdp`` (FSDP1) cannot be had: torch's FSDP1 refuses ``sync_module_states`` with CPU
parameters.
"""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

from recipe.mrpo.cpu.source_guard import expect_source

_WRITTEN_FOR = "verl 0.9.1"
_MARKER = "if self.engine_config.offload_policy or self.engine_config.forward_only:"


def register_cpu_engines(module: ModuleType) -> None:
    """Register verl's FSDP2 language and value engines for device "cpu", without the offload policy.

    ``module`` is ``verl.workers.engine.fsdp.transformer_impl``. Raises RuntimeError when its ``_build_fsdp_module``
    chooses the offload policy in another way by now.
    """
    expect_source(
        module.FSDPEngine._build_fsdp_module,
        _MARKER,
        patch="build FSDP2 modules without CPU offload",
        written_for=_WRITTEN_FOR,
    )
    from verl.workers.engine.base import EngineRegistry

    for model_type, base in (
        ("language_model", module.FSDPEngineWithLMHead),
        ("value_model", module.FSDPEngineWithValueHead),
    ):
        EngineRegistry.register(model_type=model_type, backend=["fsdp2"], device="cpu")(_without_offload(base))


def _without_offload(base: type) -> type:
    def _build_fsdp_module(self, module):
        config = self.engine_config
        self.engine_config = replace(config, forward_only=False, offload_policy=False)
        try:
            return super(engine, self)._build_fsdp_module(module)
        finally:
            self.engine_config = config

    engine = type(f"{base.__name__}CPU", (base,), {"_build_fsdp_module": _build_fsdp_module, "__doc__": base.__doc__})
    return engine
