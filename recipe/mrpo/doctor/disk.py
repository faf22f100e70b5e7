"""Is there room for checkpoints, and enough shared memory?"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from recipe.mrpo.doctor.check import Check

GB = 10**9


def existing(path: Path) -> Path:
    """`path`, or the closest folder above it that exists."""
    path = path.absolute()
    return next(p for p in (path, *path.parents) if os.path.exists(p))


def hindrance(path: Path) -> str | None:
    """Why no folder can be made at `path`, or nothing be written into the one there; None if both can be done."""
    place = existing(path)
    if not place.is_dir():
        return f"{place} is not a folder"
    try:
        if os.path.islink(path) and not os.path.exists(path):
            return f"{path} is a link to nothing"
        with contextlib.suppress(FileNotFoundError):  # it is still to be made
            os.stat(path)
        with tempfile.TemporaryDirectory(prefix=".mrpo-doctor-", dir=place):
            return None
    except OSError as error:
        return f"{place}: {error.strerror}"
    except ValueError as error:  # a NUL in the path
        return str(error)


def check_output(path: Path) -> Check | None:
    """Can checkpoints be written there? None if they can."""
    why = hindrance(path)
    if why is None:
        return None
    return Check("disk", False, f"{path} cannot be made or written to ({why})", "choose another --output (OUTPUT_DIR).")


def check_temporary(folder: str | None) -> Check | None:
    """`folder`: value of TMPDIR. None where it is not set, or can be used."""
    if not folder:
        return None
    why = hindrance(Path(folder)) if os.path.exists(folder) else "there is no such folder"
    if why is None:
        return None
    do = "make that folder, or set TMPDIR to one that you may write to."
    return Check("temporary", False, f"TMPDIR={folder} cannot be used ({why})", do)


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
