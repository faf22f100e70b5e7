"""The last normalisation of GDPO by name (`mrpo.gdpo.final_norm`); options read it without importing torch."""

FINAL_NORMS = ("rollout", "token", "none")
"""Batch statistics over rollouts (the paper), over tokens (verl), or none."""
