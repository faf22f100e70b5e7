"""The processors of the tiny models: small images, few tokens each."""

from __future__ import annotations

MIN_PIXELS, MAX_PIXELS = 64 * 64, 128 * 128
INTERNVL_IMAGE_TOKENS = 4  # (56 / 14) ** 2 patches of a tile, times 0.5 ** 2


def _qwen_images(patch_size: int):
    from transformers import Qwen2VLImageProcessor

    return Qwen2VLImageProcessor(patch_size=patch_size, min_pixels=MIN_PIXELS, max_pixels=MAX_PIXELS)


def qwen2_vl_processor(tokenizer, template):
    from transformers import Qwen2VLProcessor, Qwen2VLVideoProcessor

    return Qwen2VLProcessor(_qwen_images(14), tokenizer, Qwen2VLVideoProcessor(), chat_template=template)


def qwen2_5_vl_processor(tokenizer, template):
    from transformers import Qwen2_5_VLProcessor, Qwen2VLVideoProcessor

    return Qwen2_5_VLProcessor(_qwen_images(14), tokenizer, Qwen2VLVideoProcessor(), chat_template=template)


def qwen3_vl_processor(tokenizer, template):
    from transformers import Qwen3VLProcessor, Qwen3VLVideoProcessor

    return Qwen3VLProcessor(_qwen_images(16), tokenizer, Qwen3VLVideoProcessor(), chat_template=template)


def internvl3_processor(tokenizer, template):
    from transformers import GotOcr2ImageProcessor, InternVLProcessor, InternVLVideoProcessor

    size = dict(height=56, width=56)
    images = GotOcr2ImageProcessor(size=size, crop_to_patches=True, min_patches=1, max_patches=2)
    return InternVLProcessor(
        images,
        tokenizer,
        InternVLVideoProcessor(size=size),
        image_seq_length=INTERNVL_IMAGE_TOKENS,
        chat_template=template,
    )
