"""Rewards as plain functions of strings and numbers: usable from any trainer, importing neither verl nor torch."""
