"""Door for configurations that name the schedule's class by its place of version 0.1; goes in version 0.3."""

from recipe.mrpo.wiring.patches.linear_schedule import ScheduledOptimizerConfig

__all__ = ["ScheduledOptimizerConfig"]
