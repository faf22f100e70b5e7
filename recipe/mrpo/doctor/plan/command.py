"""`mrpo doctor --plan`: the memory, disk and time that a run needs, before anything starts.

    mrpo doctor --plan --gpu-gb 80 backbone=qwen3_vl actor_rollout_ref.model.path=DIR trainer.n_gpus_per_node=4

The words are those of the run: Hydra overrides of `--config-name mrpo`. The checkpoint's configuration is read, no
weight. Exit status 1 if something does not fit.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from recipe.mrpo.common.environment import on_cpu
from recipe.mrpo.doctor.check import Check
from recipe.mrpo.doctor.device import find_gpus
from recipe.mrpo.doctor.levels import run_changes
from recipe.mrpo.doctor.plan import memory
from recipe.mrpo.doctor.plan.settings import PlanError, RunSettings, settings_of
from recipe.mrpo.doctor.plan.sizes import ModelSizes, read_config, sizes_of
from recipe.mrpo.doctor.plan.verdicts import Machine, Rows, check_plan

GB = 1e9


def above_zero(word: str) -> float:
    """A number above 0. Raises ArgumentTypeError."""
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0, not {word}")
    return number


def whole(word: str) -> int:
    """A whole number of at least 1. Raises ArgumentTypeError."""
    if not (word.isascii() and word.isdigit() and int(word)):
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not {word}")
    return int(word)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="mrpo doctor --plan", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = made.add_argument
    add("--config-name", default="mrpo", help="configuration of the run (default: %(default)s)")
    add(
        "--model",
        metavar="DIR",
        help="folder with the checkpoint's config.json (default: actor_rollout_ref.model.path)",
    )
    add(
        "--gpu-gb",
        type=above_zero,
        metavar="GB",
        help="memory of one GPU (default: this machine's; 80 where it has none)",
    )
    add("--host-gb", type=above_zero, metavar="GB", help="memory of a node (default: this machine's if it has a GPU)")
    add("--cpus", type=whole, metavar="N", help="CPUs of a node (default: this machine's if it has a GPU)")
    add(
        "--disk-gb",
        type=above_zero,
        metavar="GB",
        help="free disk for checkpoints (default: this machine's if it has a GPU)",
    )
    add("--rows", type=whole, default=13_000, metavar="N", help="rows of the training data (default: %(default)s)")
    add("--val-rows", type=whole, default=200, metavar="N", help="rows of the validation data (default: %(default)s)")
    add("--markdown", action="store_true", help="print the memory tables as Markdown, too")
    add("--json", action="store_true", help="print a list of {name, ok, says, do}")
    add("overrides", nargs="*", metavar="OVERRIDE", help="Hydra overrides of the run")
    return made


def machine_of(args: argparse.Namespace) -> Machine:
    """The named machine. Other values come from this machine if it has a GPU, otherwise they are unknown."""
    gpus = find_gpus()
    here = bool(gpus)
    gpu = args.gpu_gb * GB if args.gpu_gb else (min(g.gigabytes for g in gpus) * 2**30 if here else 80 * GB)
    host = host_bytes() if here else None
    return Machine(
        gpu_bytes=gpu,
        host_bytes=args.host_gb * GB if args.host_gb else host,
        cpus=args.cpus or (os.cpu_count() if here else None),
        disk_bytes=args.disk_gb * GB if args.disk_gb else (shutil.disk_usage(".").free if here else None),
    )


def host_bytes() -> float:
    import psutil

    return float(psutil.virtual_memory().total)


def tables(model: ModelSizes, run: RunSettings, machine: Machine) -> str:
    """Memory item by item, as Markdown."""
    parts = {
        "on each GPU while training": memory.while_training(model, run, gpu_bytes=machine.gpu_bytes),
        "on each GPU while generating": memory.while_generating(model, run, gpu_bytes=machine.gpu_bytes),
        "host memory of a node": memory.on_host(model, run),
    }
    lines = []
    for title, items in parts.items():
        lines += [f"| {title} | GB | how |", "| --- | --- | --- |"]
        lines += [f"| {item.name} | {item.bytes / GB:.1f} | {item.formula} |" for item in items]
        lines += [f"| **sum** | **{memory.total(items) / GB:.0f}** | |", ""]
    return "\n".join(lines)


def main(argv: Sequence[str], *, compose: Callable[[str, Sequence[str]], DictConfig]) -> int:
    """The command; returns its exit status. `compose`: makes the run's configuration (startup.compose stands above)."""
    from hydra.errors import HydraException

    args = parser().parse_args(argv)
    import torch

    if on_cpu() or torch.version.cuda is None:  # a CUDA torchvision beside a CPU torch cannot be imported without it
        from recipe.mrpo.cpu import apply_shim

        apply_shim()
    try:
        config = compose(args.config_name, args.overrides)
        model, run = planned(config, args.model)
    except (HydraException, PlanError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    machine = machine_of(args)
    steps = max(1, args.rows // run.prompts)
    found = check_plan(model, run, machine, Rows(args.rows, args.val_rows), steps=steps)
    show(found, args, tables(model, run, machine))
    return 1 if any(check.ok is False for check in found) else 0


def planned(config: DictConfig, path: str | None = None) -> tuple[ModelSizes, RunSettings]:
    """Checkpoint and settings of a composed configuration. `path`: another checkpoint. Raises PlanError."""
    run = settings_of(config)
    path = os.path.expanduser(str(path or OmegaConf.select(config, "actor_rollout_ref.model.path")))
    sampled, trained = run_changes(config)
    folder = Path(path) if os.path.isdir(path) else None
    excluded = str(OmegaConf.select(config, "actor_rollout_ref.model.exclude_modules") or "")
    model = sizes_of(read_config(path), sampled=sampled, trained=trained, folder=folder, excluded=excluded)
    return model, run


def show(found: Sequence[Check], args: argparse.Namespace, memory_tables: str) -> None:
    if args.json:
        print(json.dumps([check.as_dict() for check in found], indent=2))
        return
    if args.markdown:
        print(memory_tables)
    print("\n".join(check.line() for check in found))
    print("\nEstimates: expect a factor of 1.3 in memory (docs/gpu.md).")
