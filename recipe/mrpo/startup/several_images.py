"""Rows with several images: what rollout engine, judge and prompt length must have room for."""

from __future__ import annotations

import logging
import math

from omegaconf import DictConfig, OmegaConf, open_dict

from recipe.mrpo.backbones import get_backbone
from recipe.mrpo.judge.member_options import SHOWN_IMAGES, judges_asked
from recipe.mrpo.options.tree import OptionError
from recipe.mrpo.startup.prompt_and_images import ImageLimits

logger = logging.getLogger(__name__)

LIMIT_IMAGES = "actor_rollout_ref.rollout.limit_images"
"""verl's option; it becomes vLLM's limit_mm_per_prompt."""
ROUTER_LIMIT = "reward.reward_model.rollout.limit_images"
VERLS_PATCH_SIZE = 14


def image_limits(config: DictConfig, options: DictConfig) -> ImageLimits:
    """The limits of `mrpo.images`, or that of the rollout engine where it is given and smaller."""
    images, engine = options.images.max_per_row, OmegaConf.select(config, LIMIT_IMAGES)
    if engine and engine < images:
        return ImageLimits(engine, options.images.max_pixels_per_row, images_option=LIMIT_IMAGES)
    return ImageLimits(images, options.images.max_pixels_per_row)


def make_room_for_images(config: DictConfig, options: DictConfig, most_images: int | None) -> None:
    """Tell vLLM how many images a prompt may have; `most_images` None: the rows are not known, so nothing is set.

    Raises OptionError if the judge would refuse the row with most images. Warns if its images may fill the prompt: verl
    leaves such rows out (or ends at them, without data.filter_overlong_prompts).
    """
    if not most_images:
        return
    for judge in judges_asked(OmegaConf.to_container(options.judge, resolve=True)):
        settings = judge["openai"]
        shown = judge["name"] in SHOWN_IMAGES and settings["send_image"]
        if shown and settings["max_images"] < most_images:
            raise OptionError(
                f"a row has {most_images} images and mrpo.judge.openai.max_images={settings['max_images']}, so it "
                f"would never be judged; set ++mrpo.judge.openai.max_images={most_images}, or leave such rows out."
            )
        served = OmegaConf.select(config, ROUTER_LIMIT)
        if shown and judge["name"] == "router" and served and served < most_images:
            raise OptionError(
                f"a row has {most_images} images and {ROUTER_LIMIT}={served}, so verl's reward model would refuse it; "
                f"set {ROUTER_LIMIT}={most_images}."
            )
    if OmegaConf.select(config, LIMIT_IMAGES) is None:
        with open_dict(config):
            OmegaConf.update(config, LIMIT_IMAGES, most_images, force_add=True)
    tokens = _tokens_of_an_image(config, options)
    if most_images > 1 and tokens is not None and most_images * tokens >= config.data.max_prompt_length:
        logger.warning(
            "A row has %d images of up to %d tokens each, and data.max_prompt_length=%d leaves no room for its "
            "question. Rows that are too long are left out and counted; set a larger data.max_prompt_length and "
            "actor_rollout_ref.rollout.max_model_len, or a smaller data.mm_processor_kwargs.max_pixels.",
            most_images, tokens, config.data.max_prompt_length,
        )  # fmt: skip


def _tokens_of_an_image(config: DictConfig, options: DictConfig) -> int | None:
    """Tokens of the largest image; None: not known."""
    pixels = OmegaConf.select(config, "data.mm_processor_kwargs.max_pixels")
    if pixels is None:
        return get_backbone(options.backbone).image_tokens if options.backbone else None
    side = 2 * (OmegaConf.select(config, "data.image_patch_size") or VERLS_PATCH_SIZE)
    return math.ceil(pixels / side**2)
