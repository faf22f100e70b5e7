"""P-GRPO: a process reward counts only where the outcome is right; no step is reshaped. Source: arXiv 2508.05170."""

from recipe.mrpo.credit.shaping.none import unshaped
from recipe.mrpo.credit.shaping.registry import register_shaping

register_shaping("pgrpo", reads_labels=False, process_only_if_right=True)(unshaped)
