"""CPUs that verl's actors hold: Ray waits for ever where a node has fewer."""

from __future__ import annotations

from recipe.mrpo.doctor.plan.settings import RunSettings

PER_GPU = 3
"""`max_colocate_count` of verl's resource pools: CPUs of a GPU's bundle."""
FIXED = 10
"""TransferQueue's controller and 8 storage units, and one for the task runner."""


def cpus_needed(run: RunSettings) -> int:
    """CPUs of the head node.

    3 x GPUs of the node + 10
    """
    return PER_GPU * run.gpus_per_node + FIXED
