"""Options as plain values, whoever holds them."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from recipe.mrpo.common.plain import plain


@pytest.mark.parametrize("node", [{"a": 1, "b": {"c": [1, 2]}}, OmegaConf.create({"a": 1, "b": {"c": [1, 2]}})])
def test_a_group_of_options_is_a_dict(node):
    assert plain(node) == {"a": 1, "b": {"c": [1, 2]}} and type(plain(node)) is dict


def test_references_are_resolved_and_nothing_is_no_option():
    assert plain(OmegaConf.create({"a": 1, "b": "${a}"})) == {"a": 1, "b": 1}
    assert plain(None) == plain({}) == {}
