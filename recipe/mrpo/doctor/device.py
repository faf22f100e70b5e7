"""Is there a GPU, or was a run without one asked for?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recipe.mrpo.doctor.check import Check

AMPERE = (8, 0)
"""The first compute capability with bfloat16."""


@dataclass(frozen=True)
class Gpu:
    name: str
    gigabytes: float
    capability: tuple[int, int]


def find_gpus() -> list[Gpu]:
    """The GPUs that torch can use."""
    import torch

    if not torch.cuda.is_available():
        return []
    found = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    return [Gpu(p.name, p.total_memory / 2**30, (p.major, p.minor)) for p in found]


def check_device(platform: str, gpus: Sequence[Gpu], n_gpus: int) -> Check:
    """`platform`: value of VERL_PLATFORM; `n_gpus`: how many the run wants on this machine."""
    if platform.lower() == "cpu":
        return Check("device", True, "VERL_PLATFORM=cpu: without a GPU, for tiny models (--config-name mrpo_cpu)")
    if not gpus:
        do = "check nvidia-smi and that torch is a CUDA build; or set VERL_PLATFORM=cpu for tiny models."
        return Check("device", False, "torch finds no GPU", do)
    listed = f"{len(gpus)} x {gpus[0].name}, {min(g.gigabytes for g in gpus):.0f} GiB"
    if len(gpus) < n_gpus:
        return Check("device", False, f"{listed}; {n_gpus} are wanted", f"set N_GPUS={len(gpus)}, or --n-gpus.")
    old = [gpu.name for gpu in gpus if gpu.capability < AMPERE]
    if old:
        return Check("device", False, f"{old[0]} has no bfloat16", "take GPUs of compute capability 8.0 or later.")
    return Check("device", True, listed)
