"""`mrpo doctor`: runs the checks, prints what to do, exit status 1 if one failed."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from recipe.mrpo.common.environment import PLATFORM, on_cpu
from recipe.mrpo.doctor.check import Check
from recipe.mrpo.options.command_line import read_options, split_options
from recipe.mrpo.options.tree import OptionError

PINS = Path(__file__).parents[1] / "pins.txt"
SHARED_MEMORY = Path("/dev/shm")
DISK_ON_CPU = 5.0
SHARED = {"gpu": 10.0, "cpu": 1.0}
"""GB that a tiny model's run may leave, and GB of shared memory."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--only", nargs="+", choices=list(CHECKS), default=list(CHECKS), help="checks to run (default: all)")
    add("--data", nargs="+", type=Path, default=[], metavar="FILE", help="parquet files to read")
    add("--rows", type=int, default=64, metavar="N", help="of each file, looked at in full (default: %(default)s)")
    add("--model", metavar="PATH", help="checkpoint, a folder or a hub id")
    add("--output", type=Path, default=Path("."), metavar="DIR", help="where checkpoints will go (default: here)")
    add("--n-gpus", type=int, default=1, metavar="N", help="GPUs wanted on this machine (default: %(default)s)")
    add(
        "--min-disk-gb",
        type=float,
        metavar="GB",
        help="(default: of the plan for --model, or for 8.8 B parameters; 5 without a GPU)",
    )
    add("--min-shm-gb", type=float, metavar="GB", help="(default: 10 beside a GPU, 1 without one)")
    add("--pins", type=Path, default=PINS, metavar="FILE", help="versions tested together (default: the package's)")
    add(
        "--timeout",
        type=float,
        default=120,
        metavar="S",
        help="seconds for an import of verl; a judge has a tenth of it (default: %(default)s)",
    )
    add("--json", action="store_true", help="print a list of {name, ok, says, do}")
    add("options", nargs="*", metavar="mrpo.OPTION=VALUE", help="as given to the run, e.g. mrpo.judge.name=openai")
    plain = parser.parse_known_args

    # `--only` and `--data` take all words that follow, and argparse has no other place to say where they end.
    def parse_known_args(
        args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        options, others = split_options(sys.argv[1:] if args is None else args)
        found, unknown = plain(others, namespace)
        found.options = [*options, *found.options]
        return found, unknown

    parser.parse_known_args = parse_known_args


def _versions(args: argparse.Namespace, _: DictConfig | None) -> list[Check]:
    from recipe.mrpo.doctor.versions import check_versions, installed_version, read_pins, wanted_here

    return [check_versions(wanted_here(on_cpu(), read_pins(args.pins), installed_version), installed_version)]


def _processes(args: argparse.Namespace, _: DictConfig | None) -> list[Check]:
    from recipe.mrpo.doctor.plugin import check_processes

    return check_processes(os.environ, args.timeout)


def _hooks(_: argparse.Namespace, __: DictConfig | None) -> list[Check]:
    from recipe.mrpo.doctor.plugin import check_hooks

    return check_hooks()


def _device(args: argparse.Namespace, _: DictConfig | None) -> list[Check]:
    from recipe.mrpo.doctor.device import check_device, find_gpus

    platform = os.environ.get(PLATFORM, "")
    if not on_cpu() and find_spec("torch") is None:
        return [Check("device", False, "torch is not installed", "install the GPU stack (docs/gpu.md).")]
    return [check_device(platform, [] if on_cpu() else find_gpus(), args.n_gpus)]


def _disk(args: argparse.Namespace, _: DictConfig | None) -> list[Check]:
    from recipe.mrpo.doctor.disk import check_disk, check_output, check_shared_memory, check_temporary

    wanted, memory = args.min_disk_gb, SHARED["cpu" if on_cpu() else "gpu"]
    if wanted is None:
        wanted = DISK_ON_CPU if on_cpu() else _disk_of_a_run(args.model)
    temporary = check_temporary(os.environ.get("TMPDIR"))
    return [
        check_output(args.output) or check_disk(args.output, wanted),
        check_shared_memory(SHARED_MEMORY, memory if args.min_shm_gb is None else args.min_shm_gb),
        *([temporary] if temporary else []),
    ]


def _disk_of_a_run(model: str | None) -> float:
    """GB of the plan for a run of the study with the checkpoint in the folder `model`, or with 8.8 B parameters."""
    from recipe.mrpo.doctor.plan.disk import disk_of_the_study
    from recipe.mrpo.doctor.plan.settings import PlanError
    from recipe.mrpo.doctor.plan.sizes import read_config, sizes_of

    folder = os.path.expanduser(model or "")
    try:
        parameters = sizes_of(read_config(folder)).parameters if os.path.isdir(folder) else None
    except PlanError:  # the check "model" says why
        parameters = None
    return round(disk_of_the_study(parameters) / 1e9)


def _judge(args: argparse.Namespace, options: DictConfig) -> list[Check]:
    from recipe.mrpo.doctor.dataset import has_private_rows
    from recipe.mrpo.doctor.judge import check_judge

    private = any(has_private_rows(file) for file in args.data)
    judge = OmegaConf.to_container(options.judge, resolve=True)
    return [check_judge(judge, private_data=private, timeout_s=args.timeout / 10)]


def _data(args: argparse.Namespace, options: DictConfig) -> list[Check]:
    from recipe.mrpo.doctor.dataset import check_dataset

    if not args.data:
        return [Check("data", None, "no file given (--data FILE)")]
    return [check_dataset(file, rows=args.rows, gold_reasoning=options.gold_reasoning) for file in args.data]


def _model(args: argparse.Namespace, options: DictConfig | None) -> list[Check]:
    from recipe.mrpo.doctor.checkpoint import asked_tag
    from recipe.mrpo.doctor.model import check_model, check_response_format

    if not args.model:
        return [Check("model", None, "no checkpoint given (--model PATH)")]
    backbone = options.backbone if options is not None else None
    check = check_model(args.model, backbone)
    if not check.ok:
        return [check]
    tag = next(filter(None, map(asked_tag, args.data)), None)
    return [check, *check_response_format(args.model, tag, backbone)]


CHECKS: dict[str, Callable[[argparse.Namespace, Any], list[Check]]] = {
    "versions": _versions,
    "processes": _processes,
    "hooks": _hooks,
    "device": _device,
    "disk": _disk,
    "judge": _judge,
    "data": _data,
    "model": _model,
}


NEED_OPTIONS = ("judge", "data")


def run(args: argparse.Namespace) -> int:
    """Run the checks of `args` and print them; 1 if one failed."""
    found: list[Check] = []
    options = None
    try:
        options = read_options(args.options)
    except OptionError as error:
        found.append(Check("options", False, str(error), "correct the option."))
        if not args.json:
            print(found[0].line(), flush=True)
    for name in args.only:
        try:
            if options is None and name in NEED_OPTIONS:
                new = [Check(name, None, "not checked, because an option is wrong")]
            else:
                new = CHECKS[name](args, options)
        except Exception as error:  # a check that breaks must not hide the findings of the others
            new = [Check(name, False, f"the check itself failed: {type(error).__name__}: {error}", "report this.")]
        found += new
        if not args.json:
            print("\n".join(check.line() for check in new), flush=True)
    failed = sum(check.ok is False for check in found)
    if args.json:
        print(json.dumps([check.as_dict() for check in found], indent=2))
    else:
        print(f"\n{failed} of {len(found)} checks failed." if failed else "\nNo check failed.")
    return 1 if failed else 0
