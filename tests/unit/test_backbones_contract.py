"""One contract for every row of the table of backbones; a new row is tested by being there."""

from __future__ import annotations

import re

import pytest

from recipe.mrpo.backbones import BACKBONES, Backbone
from recipe.mrpo.common.response_format import TAG
from recipe.mrpo.tiny.backbones import BACKBONES as TINY

OVERRIDE = re.compile(r"\+{0,2}[a-z_0-9]+(\.[a-z_0-9]+)+=\S+")


@pytest.fixture(params=list(BACKBONES))
def row(request) -> Backbone:
    return BACKBONES[request.param]


def test_the_parser_reads_its_tag(row):
    assert TAG.fullmatch(f"<{row.think_tag}>") and TAG.fullmatch(f"</{row.think_tag}>")


def test_its_checkpoints_are_names_of_the_hub(row):
    for name in filter(None, (row.checkpoint, row.base_checkpoint)):
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", name)


def test_each_override_is_a_name_and_a_value_and_stands_once(row):
    for overrides in (row.overrides(), row.sft_overrides()):
        assert all(OVERRIDE.fullmatch(override) for override in overrides), overrides
        names = [override.lstrip("+").partition("=")[0] for override in overrides]
        assert len(set(names)) == len(names)


def test_its_sampling_is_one_that_vllm_takes(row):
    assert set(row.sampling) == {"temperature", "top_p", "top_k"}
    assert row.sampling["temperature"] > 0 and 0 < row.sampling["top_p"] <= 1
    assert row.sampling["top_k"] == -1 or row.sampling["top_k"] > 0


def test_its_images_and_prompts_fit(row):
    assert row.max_pixels is None or row.min_pixels < row.max_pixels
    assert row.max_prompt_length is None or row.max_prompt_length < row.max_model_len


def test_model_types_are_told_apart():
    types = [row.model_type for row in BACKBONES.values()]
    assert len(set(types)) == len(types)


def test_every_row_has_a_tiny_model():
    assert list(TINY) == list(BACKBONES)
