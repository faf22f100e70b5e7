"""A tiny model's config.json has the shape of the published one: keys that are absent there are absent here."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from recipe.mrpo.cpu.shim import mrpo_cpu_shim

mrpo_cpu_shim.install()

from recipe.mrpo.tiny.backbones import BACKBONES  # noqa: E402
from recipe.mrpo.tiny.published import rewrite  # noqa: E402
from tests.unit.doctor.plan.real_configurations import LEVEL_KEYS, PUBLISHED_KEYS  # noqa: E402


class Tokenizer(SimpleNamespace):
    def __len__(self) -> int:
        return 500

    def convert_tokens_to_ids(self, token: str) -> int:
        return 400 + len(token)


@pytest.fixture(params=BACKBONES)
def written(request, tmp_path):
    """Name, folder with the rewritten config.json, and the configuration that it was made from."""
    row = BACKBONES[request.param]
    config = row.make_config(Tokenizer(eos_token_id=451, pad_token_id=452))
    config.save_pretrained(tmp_path)
    rewrite(tmp_path, row.layout)
    return request.param, tmp_path, config


def test_the_keys_that_programs_read_differently_are_where_the_published_file_has_them(written):
    name, folder, _ = written
    config = json.loads((folder / "config.json").read_text())
    outer, inner = PUBLISHED_KEYS[name]
    assert {key for key in LEVEL_KEYS if key in config} == outer
    text = config.get("text_config")
    assert (None if text is None else {key for key in LEVEL_KEYS if key in text}) == inner


def test_transformers_reads_the_same_model_from_it(written):
    from transformers import AutoConfig

    name, folder, config = written
    found = AutoConfig.from_pretrained(folder)
    text, expected = found.get_text_config(), config.get_text_config()
    for key in ("hidden_size", "num_hidden_layers", "num_key_value_heads", "vocab_size", "eos_token_id", "head_dim"):
        assert getattr(text, key, None) == getattr(expected, key, None), key
    mine, theirs = dict(text.rope_parameters), dict(expected.rope_parameters)
    mine.pop("type", None)
    assert mine == theirs
    assert found.vision_config.to_dict() == config.vision_config.to_dict()
    assert bool(getattr(text, "tie_word_embeddings", False)) is False
    # The trap that the real InternVL3 sets is set here, too.
    assert found.tie_word_embeddings is (name == "internvl3")
