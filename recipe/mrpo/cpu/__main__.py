"""``VERL_PLATFORM=cpu python -m recipe.mrpo.cpu``: show what is active, or run a command with it.

    python -m recipe.mrpo.cpu                                   # report; exit code 1 when something is missing
    python -m recipe.mrpo.cpu vllm serve MODEL --enforce-eager  # a program that does not import verl itself

Training needs neither: ``import verl`` activates it all.
"""

from __future__ import annotations

import os
import sys


def main(command: list[str]) -> int:
    from recipe.mrpo.common.environment import on_cpu
    from recipe.mrpo.cpu import activate, apply_shim

    if command and command[0] in ("-h", "--help"):
        print(__doc__)
        return 0
    if not on_cpu():
        print("VERL_PLATFORM is not 'cpu': nothing of recipe.mrpo.cpu is active; set VERL_PLATFORM=cpu.")
        return 1
    if command:
        apply_shim()
        os.execvp(command[0], command)
    activate()
    return _report()


def _report() -> int:
    checks = (_versions, _torchvision, _images, _platform, _engines, _distributed, _weights, _vllm_plugin)
    failed = 0
    for check in checks:
        name = check.__name__.strip("_")
        try:
            print(f"ok      {name:12} {check()}")
        except Exception as error:  # a report goes on to the next line
            failed += 1
            print(f"FAILED  {name:12} {type(error).__name__}: {error}")
    return 1 if failed else 0


def _versions() -> str:
    from importlib.metadata import version

    return ", ".join(f"{name} {version(name)}" for name in ("verl", "vllm", "torch", "torchvision", "transformers"))


def _torchvision() -> str:
    import torchvision

    return "own operators" if torchvision.extension._has_ops() else "operators defined by the shim (not a CPU build)"


def _images() -> str:
    import qwen_vl_utils  # verl imports it with the first image of a run, not before

    return f"{qwen_vl_utils.__name__} loads the images of a prompt"


def _platform() -> str:
    from verl.plugin.platform import get_platform

    platform = get_platform()
    if platform.device_name != "cpu":
        raise RuntimeError(f"verl chose the platform {platform.device_name!r}")
    return f"{type(platform).__name__}, rollout environment {platform.rollout_env_vars()}"


def _engines() -> str:
    import verl.workers.engine.fsdp.transformer_impl  # noqa: F401
    from verl.workers.engine.base import EngineRegistry

    return EngineRegistry.get_engine_cls("language_model", "fsdp2").__name__


def _distributed() -> str:
    from verl.utils import distributed

    return _ours(distributed.initialize_global_process_group_ray)


def _weights() -> str:
    from verl.workers.rollout.vllm_rollout.bucketed_weight_transfer import BucketedWeightReceiver

    return _ours(BucketedWeightReceiver.receive_weights)


def _ours(function) -> str:
    module = function.__globals__["__name__"]
    if not module.startswith("recipe.mrpo.cpu."):
        raise RuntimeError(f"{function.__qualname__} is still that of {module}")
    return f"{function.__qualname__} of {module}"


def _vllm_plugin() -> str:
    from importlib.metadata import entry_points

    found = [point.value for point in entry_points(group="vllm.general_plugins") if point.name == "mrpo_cpu"]
    if not found:
        raise RuntimeError("vLLM does not see the entry point mrpo_cpu: install this package (pip install -e .)")
    return found[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
