"""The offline judge is a substitute for a model; a run on real weights warns about it (`mrpo.judge.stand_in`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

STAND_IN = ("warn", "allow", "refuse")
KAPPA = 0.59
"""Cohen's kappa of the offline judge with the hand labels of the sample (docs/judge.md has the command)."""
TINY_HIDDEN_SIZE = 256
"""Models below this width are made for tests; the smallest backbone of the recipe has 1536."""


def has_real_weights(model_path: str, *, on_cpu: bool) -> bool:
    """Does a run train a model that somebody will use? Not without a GPU, nor with a tiny model made for tests."""
    if on_cpu:
        return False
    try:
        config = json.loads((Path(model_path).expanduser() / "config.json").read_text(encoding="utf-8"))
        width = config.get("hidden_size") or config.get("text_config", config.get("llm_config", {}))["hidden_size"]
        return int(width) >= TINY_HIDDEN_SIZE
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return True  # a name of the hub, or a checkpoint of another form


def stand_in_sentence(judge: Mapping[str, Any], *, real_weights: bool) -> str | None:
    """The warning at the start of a run with the judge of the node `mrpo.judge`; None: no warning."""
    if judge["name"] != "overlap" or judge["stand_in"] == "allow" or not real_weights:
        return None
    return (
        "mrpo.judge.name=overlap is a stand-in that compares words and knows no medicine (kappa "
        f"{KAPPA:.2f} with hand labels, docs/judge.md), and it labels the steps of a run on real weights; set "
        "mrpo.judge.name=openai with mrpo.judge.openai.model=<judge>, or mrpo.judge.stand_in=allow."
    )
