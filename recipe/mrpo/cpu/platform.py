"""The CPU as a verl platform: written for verl 0.9.1, registered through its official ``PlatformRegistry``."""

from __future__ import annotations

import os
import resource
from contextlib import contextmanager

import psutil
import torch
from verl.plugin.platform import PlatformBase, PlatformRegistry


class CpuDevice:
    """What verl asks of ``torch.cuda``, answered for the CPU: one device, memory = this process's resident memory.

    Anything not listed here comes from ``torch.cpu``, and is an AttributeError when that has not got it either.
    """

    def __getattr__(self, name: str):
        return getattr(torch.cpu, name)

    def is_available(self) -> bool:
        return True

    def device_count(self) -> int:
        return 1

    def current_device(self) -> str:
        return "cpu"  # verl moves tensors with .to(get_device_id()); an index would name an accelerator

    def set_device(self, device) -> None:
        """Nothing to choose: there is one CPU."""

    def get_device_name(self, device=None) -> str:
        return "CPU"  # the key of verl's table of peak FLOPS

    def synchronize(self, device=None) -> None:
        """Nothing to wait for: CPU operations are done when they return."""

    def empty_cache(self) -> None:
        """Nothing to give back: CPU tensors are freed with their last reference."""

    def manual_seed(self, seed: int) -> None:
        torch.manual_seed(seed)

    manual_seed_all = manual_seed

    def get_rng_state(self, device=None) -> torch.Tensor:
        return torch.get_rng_state()

    def set_rng_state(self, state: torch.Tensor, device=None) -> None:
        torch.set_rng_state(state)

    def memory_allocated(self, device=None) -> int:
        return psutil.Process().memory_info().rss

    memory_reserved = memory_allocated

    def max_memory_allocated(self, device=None) -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB

    max_memory_reserved = max_memory_allocated

    def mem_get_info(self, device=None) -> tuple[int, int]:
        memory = psutil.virtual_memory()
        return memory.available, memory.total


KV_SPACE = "VLLM_CPU_KVCACHE_SPACE"


@PlatformRegistry.register(platform="cpu")
class PlatformCPU(PlatformBase):
    """One CPU, gloo, and fake Ray "GPU"s: verl places its workers by GPU count, so the config gives Ray a number."""

    device_name = "cpu"
    vendor_name = "cpu"
    device_module = CpuDevice()

    def is_available(self) -> bool:
        return True

    def is_platform_available(self, use_smi_check: bool = False) -> bool:
        return False  # never auto-detected: only VERL_PLATFORM=cpu chooses it

    def current_device(self) -> str:
        return self.device_module.current_device()

    def device_count(self) -> int:
        return self.device_module.device_count()

    def set_device(self, device_index: int) -> None:
        self.device_module.set_device(device_index)

    def synchronize(self, device_index: int | None = None) -> None:
        self.device_module.synchronize()

    def manual_seed(self, seed: int) -> None:
        torch.manual_seed(seed)

    def manual_seed_all(self, seed: int) -> None:
        torch.manual_seed(seed)

    def set_allocator_settings(self, settings: str) -> None:
        """The CPU allocator has no settings."""

    def empty_cache(self) -> None:
        self.device_module.empty_cache()

    def get_device_capability(self, device_index: int = 0) -> tuple[None, None]:
        return None, None

    def communication_backend_name(self) -> str:
        return "gloo"

    def visible_devices_envvar(self) -> str:
        return "CUDA_VISIBLE_DEVICES"  # what Ray sets in an actor that holds the resource "GPU"

    @contextmanager
    def nvtx_range(self, msg: str):
        yield

    def profiler_start(self) -> None:
        """No device profiler."""

    def profiler_stop(self) -> None:
        """No device profiler."""

    def ray_resource_name(self) -> str:
        return "GPU"

    def ray_noset_envvars(self) -> list[str]:
        return ["RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES"]

    def is_ipc_supported(self) -> bool:
        return False  # weights travel through shared memory instead of CUDA IPC

    def rollout_env_vars(self) -> dict[str, str]:
        """Environment of the vLLM server; a variable the user has set keeps the user's value."""
        defaults = {
            # vLLM compiles its log-prob ranking with inductor even under enforce_eager: 30 s at the first request.
            "TORCHDYNAMO_DISABLE": "1",
            # Otherwise vLLM's CPU platform rewrites the "uni" executor to "mp": one more process importing everything.
            "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        }
        # GiB of KV cache, where a user sets it; it goes before kv_cache_memory_bytes of mrpo_cpu.yaml.
        given = [KV_SPACE] if os.environ.get(KV_SPACE) else []
        return {name: os.environ.get(name, value) for name, value in defaults.items()} | {
            name: os.environ[name] for name in given
        }

    def cudart(self) -> None:
        return None
