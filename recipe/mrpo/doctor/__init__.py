"""`mrpo doctor`: one file a check, each a function of plain values that returns a Check."""

from recipe.mrpo.doctor.check import Check

__all__ = ["Check"]
