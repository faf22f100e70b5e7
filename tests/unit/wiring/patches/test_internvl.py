"""InternVL checkpoints as verl's own `hf_processor` meets them, with the plugin loaded."""

from __future__ import annotations

import json

import pytest

REMOTE_CODE = {  # config.json of OpenGVLab/InternVL3-8B, shortened
    "architectures": ["InternVLChatModel"],
    "auto_map": {"AutoConfig": "configuration_internvl_chat.InternVLChatConfig"},
    "model_type": "internvl_chat",
}


@pytest.fixture
def checkpoint(verl, tmp_path):
    """checkpoint(config, **files): a folder with that config.json, without weights."""

    def make(config, **files):
        (tmp_path / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text)
        return str(tmp_path)

    return make


@pytest.mark.filterwarnings("ignore:Failed to create processor")
@pytest.mark.parametrize("trust", [False, True])
def test_the_remote_code_layout_is_refused_by_name_and_none_of_its_code_runs(checkpoint, monkeypatch, trust):
    """Without trust_remote_code transformers would ask for it, and the run would then be refused all the same."""
    from recipe.mrpo.wiring.patches import internvl

    folder = checkpoint(REMOTE_CODE, configuration_internvl_chat="raise SystemExit('the code ran')")
    with pytest.raises(
        ValueError, match=r"remote-code layout .*set actor_rollout_ref\.model\.path to .*InternVL3-8B-hf"
    ):
        internvl.load_processor(folder, trust_remote_code=trust)


@pytest.mark.filterwarnings("ignore:Failed to create processor")
def test_verl_says_so_where_it_would_ask_for_trust(checkpoint):
    from verl.utils import hf_processor

    with pytest.raises(ValueError, match="remote-code layout"):
        hf_processor(checkpoint(REMOTE_CODE), trust_remote_code=False)


@pytest.mark.filterwarnings("ignore:Failed to create processor")
def test_the_native_layout_gets_its_processor_with_the_config_on_it(verl, tmp_path):
    from verl.utils import hf_processor

    from recipe.mrpo.tiny.backbones import BACKBONES
    from recipe.mrpo.tiny.tokenizer import train_tokenizer

    tiny = BACKBONES["internvl3"]
    tokenizer = train_tokenizer(
        ["A chest film."], max_size=400, special=tiny.special, named=tiny.named, owned=tiny.owned, max_length=8192
    )
    tiny.make_processor(tokenizer, tiny.template).save_pretrained(tmp_path)
    tiny.make_config(tokenizer).save_pretrained(tmp_path)
    processor = hf_processor(str(tmp_path), trust_remote_code=False)
    assert type(processor).__name__ == "InternVLProcessor"
    assert processor.config.model_type == "internvl"


@pytest.mark.filterwarnings("ignore:Failed to create processor")
@pytest.mark.parametrize("config", [{"model_type": "qwen2"}, {}, "no JSON"])
def test_any_other_model_without_a_processor_stays_without_one(checkpoint, config):
    from verl.utils import hf_processor

    assert hf_processor(checkpoint(config), trust_remote_code=False) is None
