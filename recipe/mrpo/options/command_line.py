"""Options of MRPO as words of a command line: `mrpo.judge.name=openai`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from omegaconf import DictConfig, OmegaConf

from recipe.mrpo.options.tree import OptionError, load_options

_OPTION = re.compile(r"\+*mrpo(\.[^=\s/]+)?=")


def split_options(words: Iterable[str]) -> tuple[list[str], list[str]]:
    """(options of MRPO, all other words): an option may stand anywhere in a command, after `--data FILE` too."""
    options, others = [], []
    for word in words:
        (options if _OPTION.match(word) else others).append(word)
    return options, others


def read_options(texts: Iterable[str]) -> DictConfig:
    """MRPO's options from `mrpo.x=y` words (a leading + is as good). Raises OptionError."""
    node = OmegaConf.from_dotlist([text.lstrip("+") for text in texts])
    others = [str(key) for key in node if key != "mrpo"]
    if others:
        raise OptionError(f"{others[0]} is not an option of MRPO; write mrpo.<option>=<value>.")
    return load_options(node.get("mrpo"))
