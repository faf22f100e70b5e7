"""Is there room for checkpoints, and enough shared memory?"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from recipe.mrpo.doctor.check import Check

GB = 10**9


def existing(path: Path) -> Path:
    """`path`, or the closest folder above it that exists."""
    path = path.absolute()
    return next(p for p in (path, *path.parents) if p.exists())


def check_disk(path: Path, need_gb: float, usage: Callable = shutil.disk_usage) -> Check:
    """`need_gb` free where checkpoints and dumps go."""
    free = usage(existing(path)).free / GB
    if free < need_gb:
        do = "free some, choose another OUTPUT_DIR, or keep fewer checkpoints (trainer.max_actor_ckpt_to_keep)."
        return Check("disk", False, f"{free:.0f} GB free for {path}, {need_gb:g} GB wanted", do)
    return Check("disk", True, f"{free:.0f} GB free for {path}")


def check_shared_memory(path: Path, need_gb: float, usage: Callable = shutil.disk_usage) -> Check:
    """Size of /dev/shm, where Ray keeps its objects and weights pass to the rollout engine."""
    if not path.exists():
        return Check("shared memory", None, f"there is no {path} here")
    size = usage(path).total / GB
    if size < need_gb:
        do = "start the container with --shm-size=64g (docker), or mount an emptyDir of medium Memory (Kubernetes)."
        return Check("shared memory", False, f"{path} has {size:.2g} GB, {need_gb:g} GB wanted", do)
    return Check("shared memory", True, f"{path} has {size:.3g} GB")
