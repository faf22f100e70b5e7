"""Patch of verl 0.9.1 for InternVL3: three adaptations, each stepping aside as soon as verl handles the model itself.

verl 0.9.1 knows the processors of the Qwen, GLM, Mllama and Gemma families only (`verl.utils.tokenizer.hf_processor`)
and has no InternVL path in its agent loop or vLLM server. HF-native checkpoints (`InternVLForConditionalGeneration`,
such as OpenGVLab/InternVL3-8B-hf) are meant here; the remote-code layout (`internvl_chat`) is refused with a sentence.

Upstream: no issue was found. To be deleted when verl's `hf_processor` returns InternVL's processor, and its agent loop
and vLLM server take its image tokens (tests/upstream says so).
"""

from __future__ import annotations

import logging
import sys
from types import ModuleType

logger = logging.getLogger(__name__)

PROCESSOR = "InternVLProcessor"
PATCH_SIZE = 14
"""verl's default `data.image_patch_size`, and that of InternVL3's vision tower."""


def _require(module: ModuleType, name: str):
    found = getattr(module, name, None)
    if not callable(found):
        raise RuntimeError(f"{module.__name__}.{name} is gone; MRPO's InternVL support was made for verl 0.9.1.")
    return found


def is_internvl(processor) -> bool:
    return type(processor).__name__ == PROCESSOR


def accept_processor(module: ModuleType) -> None:
    """`hf_processor` returns None for a processor that it does not know; load InternVL's then.

    `module` is `verl.utils.tokenizer.tokenizer`, imported before any plugin: the name is bound anew wherever verl
    has handed it on.
    """
    original = _require(module, "hf_processor")

    def hf_processor(name_or_path, **kwargs):
        processor = original(name_or_path, **kwargs)
        return processor if processor is not None else load_processor(name_or_path, **kwargs)

    hf_processor.__wrapped__ = original
    for name in (module.__name__, "verl.utils.tokenizer", "verl.utils"):
        holder = sys.modules.get(name)
        if holder is not None and getattr(holder, "hf_processor", None) is original:
            holder.hf_processor = hf_processor


def load_processor(name_or_path, **kwargs):
    """InternVL's processor with its config bound to it as verl does for others; None if the model is another kind.

    Raises ValueError for the remote-code layout of InternVL.
    """
    from transformers import AutoConfig, AutoProcessor, PreTrainedConfig

    try:
        # As it stands: to make the remote-code layout's config, transformers would ask for trust_remote_code=True.
        raw, _ = PreTrainedConfig.get_config_dict(name_or_path, **kwargs)
    except (OSError, ValueError) as error:  # verl has already logged that it found no processor, and continues without
        logger.debug("no config in %s: %s", name_or_path, error)
        return None
    if raw.get("model_type") == "internvl_chat":
        raise ValueError(
            f"{name_or_path} is InternVL in its remote-code layout (internvl_chat), which verl cannot train; set "
            "actor_rollout_ref.model.path to the HF-native checkpoint, e.g. OpenGVLab/InternVL3-8B-hf."
        )
    if raw.get("model_type") != "internvl":
        return None
    processor = AutoProcessor.from_pretrained(name_or_path, **kwargs)
    processor.config = AutoConfig.from_pretrained(name_or_path, **kwargs)
    # verl's SFT data set reads it from every image processor. On the class, because what is set on the object is saved
    # with each checkpoint.
    kind = type(processor.image_processor)
    if not hasattr(kind, "patch_size"):
        kind.patch_size = PATCH_SIZE
    return processor


def restore_placeholders(module: ModuleType) -> None:
    """The agent loop decodes with special tokens skipped, which drops <IMG_CONTEXT>, and then processes that text.

    Only pixel values of the result are used, so the text may be one placeholder per image. `module` is
    `verl.experimental.agent_loop.agent_loop`.
    """
    original = _require(module, "build_multimodal_processor_inputs")

    def build_multimodal_processor_inputs(processor, *, text, images=None, **kwargs):
        if is_internvl(processor) and images:
            token = processor.image_token
            if not any(token in part for part in text):
                text = [token * len(images)]
        return original(processor, text=text, images=images, **kwargs)

    build_multimodal_processor_inputs.__wrapped__ = original
    module.build_multimodal_processor_inputs = build_multimodal_processor_inputs


def collapse_image_tokens(prompt_ids: list[int], *, start: int, context: int, end: int) -> list[int]:
    """One <IMG_CONTEXT> per image: vLLM expands `<img><IMG_CONTEXT>*N</img>` itself and wants the bare placeholder."""
    out: list[int] = []
    at = 0
    while at < len(prompt_ids):
        token = prompt_ids[at]
        if token == start and at + 1 < len(prompt_ids) and prompt_ids[at + 1] == context:
            run = at + 1
            while run < len(prompt_ids) and prompt_ids[run] == context:
                run += 1
            if run < len(prompt_ids) and prompt_ids[run] == end:
                out.append(context)
                at = run + 1
                continue
        out.append(token)
        at += 1
    return out


def deduplicate_for_vllm(module: ModuleType) -> None:
    """verl collapses repeated image tokens for Qwen alone.

    `module` is `verl.workers.rollout.vllm_rollout.vllm_async_server`.
    """
    original = _require(module, "qwen2_5_vl_dedup_image_tokens")

    def qwen2_5_vl_dedup_image_tokens(prompt_ids, processor):
        if not is_internvl(processor):
            return original(prompt_ids, processor)
        return collapse_image_tokens(
            list(prompt_ids),
            start=processor.start_image_token_id,
            context=processor.image_token_id,
            end=processor.end_image_token_id,
        )

    qwen2_5_vl_dedup_image_tokens.__wrapped__ = original
    module.qwen2_5_vl_dedup_image_tokens = qwen2_5_vl_dedup_image_tokens
