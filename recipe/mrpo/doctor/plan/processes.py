"""CPUs that verl's actors hold: Ray waits for ever where a node has fewer."""

from __future__ import annotations

from recipe.mrpo.doctor.plan.settings import RunSettings

PER_GPU = 3
"""`max_colocate_count` of verl's resource pools: CPUs of a GPU's bundle."""
FIXED = 2
"""TransferQueue's controller, and one for the task runner."""


def cpus_needed(run: RunSettings) -> int:
    """CPUs of the head node.

    3 x GPUs of the node + storage units of TransferQueue (8) + 2
    """
    return PER_GPU * run.gpus_per_node + run.storage_units + FIXED
