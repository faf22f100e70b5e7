"""A group of options as plain values: a dict is taken as it is, OmegaConf's nodes are resolved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def plain(node: Mapping[str, Any] | None) -> dict[str, Any]:
    """The names and values of `node`, references to other options resolved; {} for None."""
    if type(node).__module__.startswith("omegaconf"):  # looked at by name: without OmegaConf nothing is imported
        from omegaconf import OmegaConf

        values: Any = OmegaConf.to_container(node, resolve=True)
        return values
    return dict(node or {})
