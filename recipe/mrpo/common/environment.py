"""Environment variables that MRPO reads or hands on, each named once."""

from __future__ import annotations

import os

PLATFORM = "VERL_PLATFORM"
"""verl's choice of device; `cpu` switches on recipe.mrpo.cpu."""
METRICS_FILE = "VERL_FILE_LOGGER_PATH"
"""Where verl's file logger writes the metrics."""
WEIGHT_SYNC_TIMEOUT_S = "MRPO_WEIGHT_SYNC_TIMEOUT_S"
"""Carries `mrpo.guards.weight_sync_timeout_s` into verl's worker processes, which know no options of ours."""
WEIGHT_SYNC_MARK = "MRPO_WEIGHT_SYNC_MARK"
"""Tells the sockets of a run's weight transfer from those of other runs on the host; made anew for each run."""
VLLM_ROOT_LOG_LEVEL = "SAGEMAKER_CONTAINER_LOG_LEVEL"
"""A library of vLLM's sets the root logger to this level when it is imported, by default to ERROR: then the warnings of
this package would be lost in every process that loads vLLM."""


def on_cpu() -> bool:
    """Was this process asked to run verl without a GPU (`VERL_PLATFORM=cpu`)?"""
    return os.environ.get(PLATFORM, "").strip().lower() == "cpu"


def weight_sync_limit_s() -> float:
    """Seconds that a weight transfer may take; 0: no limit."""
    return float(os.environ.get(WEIGHT_SYNC_TIMEOUT_S) or 0)


def weight_sync_mark() -> str:
    """What this run's sockets carry in their names; empty: verl's names as they are."""
    return os.environ.get(WEIGHT_SYNC_MARK, "")
