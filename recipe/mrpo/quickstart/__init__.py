"""From nothing to a trained checkpoint and a readable summary, on any machine: `python -m recipe.mrpo.quickstart`."""
