"""Compose the configuration that a program of verl would run with, without importing verl.

    python -m recipe.mrpo.startup.compose --config-name mrpo trainer.nnodes=2 ...

prints what `python -m verl.trainer.main_ppo --cfg job ...` prints, in a second and on any machine. If MRPO would refuse
it at the start of a run, it prints the reason instead, and the exit status is 1. It reads no data, checkpoint or judge.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from recipe.mrpo.config.search_path import register
from recipe.mrpo.options.tree import OptionError
from recipe.mrpo.startup.prepare import fill_and_check, uses_mrpo


def verl_config_dir() -> Path:
    """Folder of verl's own Hydra configurations. Raises ModuleNotFoundError without verl."""
    spec = find_spec("verl")  # finds the package and does not run it
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("verl is not installed")
    return Path(spec.origin).parent / "trainer" / "config"


def compose_config(name: str, overrides: Sequence[str]) -> DictConfig:
    """The configuration `name` (verl's or ours) with `overrides`, as verl's programs compose it.

    Raises HydraException naming the override that does not fit.
    """
    register()
    with initialize_config_dir(str(verl_config_dir()), version_base=None):
        return compose(name, list(overrides))


def check(config: DictConfig) -> None:
    """Raise OptionError if a run would be refused for this configuration alone."""
    if "algorithm" in config and uses_mrpo(config):  # SFT has no algorithm
        fill_and_check(deepcopy(config))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m recipe.mrpo.startup.compose", description=__doc__.split("\n")[0])
    parser.add_argument("--config-name", default="mrpo")
    parser.add_argument("overrides", nargs="*")
    args = parser.parse_args()
    try:
        config = compose_config(args.config_name, args.overrides)
    except HydraException as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    try:
        check(config)
    except OptionError as error:  # nothing of it is printed: an address may hold a password
        print(f"mrpo: {error}", file=sys.stderr)
        return 1
    print(OmegaConf.to_yaml(config), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
