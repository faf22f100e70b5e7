"""verl's module for the weight sync, once more for a test that patches it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def copy_of_transfer() -> ModuleType:
    """A private copy, loaded from the source of the verl that is imported."""
    path = Path(sys.modules["verl"].__file__).parent / "workers/rollout/vllm_rollout/bucketed_weight_transfer.py"
    spec = importlib.util.spec_from_file_location("copy_of_bucketed_weight_transfer", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
