"""Process groups on plain gloo. Patch of ``verl.utils.distributed``, written for verl 0.9.1.

Cause: verl asks torch for ``cpu:gloo,<device>:<backend>``. With device "cpu" that is ``cpu:gloo,cpu:gloo``, which torch
refuses ("Duplicate device type cpu in backend string"). Upstream: https://github.com/verl-project/verl/issues/6237
(open); https://github.com/verl-project/verl/pull/7512 brought the same string to the torchrun entry.
"""

from __future__ import annotations

import os
from functools import wraps
from types import ModuleType

from recipe.mrpo.cpu.source_guard import expect_source

GLOO = "cpu:gloo"
_WRITTEN_FOR = "verl 0.9.1"
_MARKER = 'f"cpu:gloo,{get_device_name()}:{get_nccl_backend()}"'


def use_plain_gloo(module: ModuleType) -> None:
    """Let both initialisers of ``verl.utils.distributed`` ask for ``cpu:gloo`` alone.

    Raises RuntimeError when verl builds its backend string in another way by now.
    """
    under_ray, under_torchrun = module.initialize_global_process_group_ray, module.initialize_global_process_group
    for function in (under_ray, under_torchrun):
        expect_source(function, _MARKER, patch="start process groups on gloo", written_for=_WRITTEN_FOR)

    @wraps(under_ray)
    def initialize_global_process_group_ray(timeout_second=None, backend=None):
        return under_ray(timeout_second=timeout_second, backend=backend or GLOO)

    @wraps(under_torchrun)
    def initialize_global_process_group(timeout_second=36000):
        # The torchrun initialiser takes no backend; verl's other one does, and reads the same environment variables.
        under_ray(timeout_second=timeout_second, backend=GLOO)
        return tuple(int(os.environ[name]) for name in ("LOCAL_RANK", "RANK", "WORLD_SIZE"))

    module.initialize_global_process_group_ray = initialize_global_process_group_ray
    module.initialize_global_process_group = initialize_global_process_group
