"""Numbers on a command line: argparse refuses one out of range with a sentence that names the option."""

from __future__ import annotations

import argparse

from data_preprocess.tools.shared_images import HASH_BITS


def positive(text: str) -> int:
    """A whole number from 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def hash_bits(text: str) -> int:
    """Bits in which two perceptual hashes may differ."""
    number = int(text)
    if not 0 <= number <= HASH_BITS:
        raise argparse.ArgumentTypeError(f"must be from 0 to {HASH_BITS}")
    return number


def share(text: str) -> float:
    """A number from 0 to 1."""
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError("must be from 0 to 1")
    return number


for kind, name in ((positive, "whole number"), (hash_bits, "number of bits"), (share, "number")):
    kind.__name__ = name  # argparse: "invalid whole number value: 'x'"
