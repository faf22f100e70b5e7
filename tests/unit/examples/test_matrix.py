"""Every backbone with every method, composed and checked by verl's own configuration classes."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf
from PIL import Image

from recipe.mrpo.backbones import BACKBONES, get_backbone
from recipe.mrpo.methods import METHODS, PPO, SFT, get_method

# What must arrive in verl, written down again from the papers and not from the tables under test.
STUDY = {  # arXiv 2606.31825 and its released code
    "actor_rollout_ref.actor.optim.lr": 1e-6,
    "actor_rollout_ref.actor.optim.lr_scheduler_type": "linear",
    "actor_rollout_ref.actor.optim.lr_warmup_steps_ratio": 0.0,
    "actor_rollout_ref.actor.optim.weight_decay": 0.0,
    "actor_rollout_ref.actor.optim.clip_grad": 1.0,
    "actor_rollout_ref.actor.use_kl_loss": True,
    "actor_rollout_ref.actor.kl_loss_coef": 0.04,
    "actor_rollout_ref.actor.kl_loss_type": "low_var_kl",
    "actor_rollout_ref.actor.clip_ratio_low": 0.2,
    "actor_rollout_ref.actor.clip_ratio_high": 0.2,
    "actor_rollout_ref.actor.entropy_coeff": 0,
    "actor_rollout_ref.actor.ppo_epochs": 1,
    "actor_rollout_ref.actor.ppo_mini_batch_size": 8,
    "actor_rollout_ref.actor.fsdp_config.dtype": "bfloat16",
    "actor_rollout_ref.rollout.n": 8,
    "actor_rollout_ref.rollout.dtype": "bfloat16",
    "actor_rollout_ref.rollout.load_format": "auto",  # "dummy" can leave image normalisation random in the engine
    "algorithm.use_kl_in_reward": False,
    "data.train_batch_size": 8,
    "data.max_response_length": 512,
    "trainer.total_epochs": 1,
    "reward.reward_manager.name": "mrpo",
    "mrpo.tau": 0.6,
}
OF_METHOD = {
    "mrpo": {"algorithm.adv_estimator": "mrpo", "mrpo.shaping": "mrpo"},
    # by our estimator, which knows of failed judgements (test_without_shaping_mrpo_is_verls_grpo)
    "grpo": {
        "algorithm.adv_estimator": "mrpo",
        "mrpo.shaping": "none",
        "algorithm.norm_adv_by_std_in_grpo": True,
    },
    "gdpo": {"algorithm.adv_estimator": "gdpo", "mrpo.gdpo.final_norm": "rollout"},
    "drgrpo": {
        "algorithm.adv_estimator": "mrpo",
        "mrpo.shaping": "none",
        "algorithm.norm_adv_by_std_in_grpo": False,
        "actor_rollout_ref.actor.loss_agg_mode": "seq-mean-token-sum-norm",
        "actor_rollout_ref.actor.loss_scale_factor": 512,  # a constant: the paper's L_max
    },
    "vppo": {"algorithm.adv_estimator": "mrpo", "mrpo.shaping": "vppo"},
    "pgrpo": {"algorithm.adv_estimator": "mrpo", "mrpo.shaping": "pgrpo"},
}
SCALED = {"min_pixels": 3136, "max_pixels": 802816}
OF_BACKBONE = {
    "qwen2_5_vl": {"actor_rollout_ref.rollout.temperature": 1.0, "data.mm_processor_kwargs": SCALED},
    "qwen3_vl": {
        "actor_rollout_ref.rollout.temperature": 0.7,
        "actor_rollout_ref.rollout.top_p": 0.8,
        "actor_rollout_ref.rollout.top_k": 20,
        "data.image_patch_size": 16,
        "data.mm_processor_kwargs": {"min_pixels": 65536, "max_pixels": 802816},
    },
    # 13 tiles of 256 tokens would not fit into the 2048 of the others, and its processor knows no max_pixels
    "internvl3": {
        "actor_rollout_ref.rollout.temperature": 1.0,
        "data.mm_processor_kwargs": {},
        "data.max_prompt_length": 4096,
    },
    "qwen2_vl": {"actor_rollout_ref.rollout.temperature": 1.0, "data.mm_processor_kwargs": SCALED},
}


def test_the_matrix_is_complete():
    assert set(OF_METHOD) | {"sft"} == set(METHODS)
    assert set(OF_BACKBONE) == set(BACKBONES)
    assert {name for name, row in METHODS.items() if row.program == SFT} == {"sft"}


@pytest.fixture
def valued():
    def check(config, expected):
        found = {name: OmegaConf.select(config, name) for name in expected}
        wrong = {name: value for name, value in found.items() if value != expected[name]}
        assert not wrong, wrong

    return check


@pytest.mark.parametrize("method", list(OF_METHOD))
@pytest.mark.parametrize("backbone", list(BACKBONES))
def test_every_backbone_composes_with_every_method(verl, compose, valued, tmp_path, backbone, method):
    row = get_backbone(backbone)
    config = compose("mrpo", f"backbone={backbone}", *get_method(method).overrides())
    config.actor_rollout_ref.model.path = row.checkpoint
    config.data.train_files = config.data.val_files = None  # made later
    expected = {**STUDY, "actor_rollout_ref.actor.loss_agg_mode": "seq-mean-token-mean"}
    valued(config, {**expected, **OF_METHOD[method], **OF_BACKBONE[backbone]})
    # verl's check of a whole run, with ours before it, then the classes that its workers build
    verl.config.validate_config(config, use_reference_policy=True, use_critic=False)
    actor = verl.to_dataclass(config.actor_rollout_ref.actor)
    assert actor.optim.lr_scheduler_type == "linear" and actor.optim.lr == 1e-6
    rollout = verl.to_dataclass(config.actor_rollout_ref.rollout)
    assert (rollout.n, rollout.temperature) == (8, OF_BACKBONE[backbone]["actor_rollout_ref.rollout.temperature"])
    assert verl.to_dataclass(config.algorithm).adv_estimator == OF_METHOD[method]["algorithm.adv_estimator"]


CHECKPOINT_SIZES = {  # of the published preprocessor_config.json
    "qwen2_5_vl": {"shortest_edge": 3136, "longest_edge": 12845056},
    "qwen3_vl": {"shortest_edge": 65536, "longest_edge": 16777216},
    "qwen2_vl": {"shortest_edge": 3136, "longest_edge": 12845056},
}


@pytest.fixture
def pixels(verl):
    """pixels(backbone, (width, height), kwargs): size of the image that the model is shown, through verl's own call."""
    from verl.utils.tokenizer import build_multimodal_processor_inputs

    from recipe.mrpo.tiny.backbones import BACKBONES as TINY
    from recipe.mrpo.tiny.tokenizer import train_tokenizer

    def measure(backbone, size, kwargs):
        tiny = TINY[backbone]
        tokenizer = train_tokenizer(
            ["An axial image of the liver."], max_size=400, special=tiny.special, named=tiny.named, owned=tiny.owned,
            max_length=8192,
        )  # fmt: skip
        processor = tiny.make_processor(tokenizer, tiny.template)
        processor.image_processor.size = dict(CHECKPOINT_SIZES[backbone])
        out = build_multimodal_processor_inputs(
            processor, text=["<|image_pad|>"], images=[Image.new("RGB", size)], mm_processor_kwargs=kwargs
        )
        _, high, wide = out["image_grid_thw"][0].tolist()
        image_id = tokenizer.convert_tokens_to_ids("<|image_pad|>")
        assert (out["input_ids"] == image_id).sum() == high * wide / processor.image_processor.merge_size**2
        return high * wide * processor.image_processor.patch_size**2

    return measure


@pytest.mark.parametrize("backbone", list(CHECKPOINT_SIZES))
def test_an_image_above_the_limit_is_scaled_down_to_it_and_a_small_one_as_the_checkpoint_does(
    compose, pixels, backbone
):
    kwargs = dict(compose("mrpo", f"backbone={backbone}").data.mm_processor_kwargs)
    large, small = (2000, 1500), (90, 60)
    assert pixels(backbone, large, {}) > 2_900_000
    assert 0.9 * 802816 < pixels(backbone, large, kwargs) <= 802816
    assert pixels(backbone, small, kwargs) == pixels(backbone, small, {})


@pytest.mark.parametrize("n_gpus", [1, 4, 8])
def test_the_batch_of_the_study_divides_over_the_gpus(verl, compose, n_gpus):
    config = compose("mrpo", "actor_rollout_ref.model.path=Qwen/Qwen2.5-VL-7B-Instruct")
    config.trainer.n_gpus_per_node = n_gpus
    config.data.train_files = config.data.val_files = None  # made later
    verl.config.validate_config(config, use_reference_policy=True, use_critic=False)
    actor = config.actor_rollout_ref.actor
    per_gpu = actor.ppo_mini_batch_size * config.actor_rollout_ref.rollout.n / n_gpus
    assert per_gpu % actor.ppo_micro_batch_size_per_gpu == 0


@pytest.mark.parametrize("method", ["gdpo", "drgrpo", "vppo"])
def test_the_methods_compose_without_a_gpu_too(compose, valued, method):
    config = compose("mrpo_cpu", *get_method(method).overrides())
    expected = dict(OF_METHOD[method])
    if "actor_rollout_ref.actor.loss_scale_factor" in expected:
        expected["actor_rollout_ref.actor.loss_scale_factor"] = config.data.max_response_length  # L_max of tiny runs
    expected.pop("mrpo.gdpo.final_norm", None)  # a default, filled in when the run starts
    valued(config, {**expected, "reward.reward_manager.name": "mrpo"})


def test_all_methods_share_rewards_data_and_loop(compose):
    """What differs between two methods is the advantage, its normalisation and how the loss is summed, nothing else."""
    allowed = {"algorithm.adv_estimator", "mrpo.shaping", "algorithm.norm_adv_by_std_in_grpo",
               "actor_rollout_ref.actor.loss_agg_mode", "actor_rollout_ref.actor.loss_scale_factor"}  # fmt: skip
    seen = set()
    for row in METHODS.values():
        if row.program == PPO:
            config = compose("mrpo", *row.overrides())
            for path in allowed:
                OmegaConf.update(config, path, None)
            seen.add(OmegaConf.to_yaml(config))
    assert len(seen) == 1


def test_sft_is_verls_own_trainer_on_our_rows(verl, compose):
    config = compose("mrpo_sft", "model.path=model", "data.train_files=sft.parquet", *get_method("sft").overrides())
    optim = verl.to_dataclass(config.optim)
    assert (optim.lr, optim.lr_scheduler_type, optim.weight_decay) == (1e-5, "cosine", 0.0)
    assert config.data.messages_key == "messages"  # the column of data_preprocess/schema.SFT_SCHEMA
    assert config.data.truncation == "error"  # cutting a row would cut its answer
    assert verl.to_dataclass(config.engine).strategy == "fsdp2"
    assert "hf_model" in verl.to_dataclass(config.checkpoint).save_contents  # what the second stage starts from
    assert METHODS["sft"].program == "verl.trainer.sft_trainer"


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="qwen2_5_vl, qwen3_vl, internvl3"):
        get_backbone("llava")
    with pytest.raises(ValueError, match="mrpo, grpo, gdpo, drgrpo, vppo, pgrpo, sft"):
        get_method("ppo")
