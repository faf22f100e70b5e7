"""Random changes of a value made of mappings and lists, for tests of files that are not trusted."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Sequence
from typing import Any


def places(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """The path of every entry, at any depth."""
    if isinstance(value, (dict, list)):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield (*path, key)
            yield from places(value[key], (*path, key))


def changed(rng: random.Random, made: Any, hostile: Sequence[Any]) -> Any:
    """A copy in which one entry is gone, or is one of `hostile`."""
    made = copy.deepcopy(made)
    *above, last = rng.choice(list(places(made)))
    node = made
    for key in above:
        node = node[key]
    if rng.random() < 0.2:
        del node[last]
    else:
        node[last] = rng.choice(hostile)
    return made
