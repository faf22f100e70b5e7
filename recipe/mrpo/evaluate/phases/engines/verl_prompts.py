"""Prompts as training has them, for questions of any condition: verl's data set, processor and agent loop build them.

Nothing of verl is copied: `RLHFDataset.__getitem__` makes the messages, `SingleTurnAgentLoop` reads the images and
tokenizes, and the server's own function writes the image tokens as vLLM wants them.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from recipe.mrpo.evaluate.phases.prompts import without_images


@dataclass(frozen=True)
class Prompt:
    """A prompt of vLLM: `ids` with every image token, `engine_ids` as the engine takes them."""

    ids: list[int]
    engine_ids: list[int]
    images: list[Any] | None
    mm_processor_kwargs: dict[str, Any]


class TooLong(ValueError):
    """A prompt of more tokens than data.max_prompt_length, which training leaves out."""


class VerlPrompts:
    """Builds the prompts of rows for one checkpoint. `config` is that of training."""

    def __init__(self, config: DictConfig, model_path: str) -> None:
        from verl.experimental.agent_loop import agent_loop
        from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop
        from verl.utils import omega_conf_to_dataclass
        from verl.utils.dataset.rl_dataset import get_dataset_class

        config = config.copy()
        with open_dict(config):
            config.actor_rollout_ref.model.path = model_path
            # Every question counts: a prompt that is too long is a failure that stands in the evaluation.
            config.data.filter_overlong_prompts = False
        OmegaConf.resolve(config.actor_rollout_ref)
        with contextlib.redirect_stdout(sys.stderr):  # verl prints on the way
            self.model = omega_conf_to_dataclass(config.actor_rollout_ref.model)
            self.dataset_cls = get_dataset_class(config.data)
        self.tokenizer, self.processor = self.model.tokenizer, self.model.processor
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.max_length = int(config.data.max_prompt_length)
        self.agent = SingleTurnAgentLoop(
            trainer_config=agent_loop.DictConfigWrap(config=config),
            server_manager=None,
            tokenizer=self.tokenizer,
            processor=self.processor,
            dataset_cls=self.dataset_cls,
            data_config=agent_loop.DictConfigWrap(config.data),
            hf_model_type=getattr(self.model.hf_config, "model_type", None),
        )
        self.dataset = self._dataset(config.data)

    def _dataset(self, data: DictConfig) -> Any:
        """verl's data set of the user's class, which is given one row at a time instead of files."""

        class OneRow(self.dataset_cls):  # type: ignore[misc, name-defined]
            def _download(self, *args: Any, **kwargs: Any) -> None:
                pass

            def _read_files_and_tokenize(self) -> None:
                self.dataframe: Sequence[dict[str, Any]] = []

        return OneRow([], self.tokenizer, data, self.processor)

    def messages(self, row: Mapping[str, Any], images: Any) -> list[dict[str, Any]]:
        """`raw_prompt` of a row with these images in place of its own; None: without any."""
        keys = self.dataset
        prompt = row["prompt"] if images is not None else without_images(row["prompt"])
        self.dataset.dataframe = [{
            "data_source": row.get("data_source"), "reward_model": row.get("reward_model"), "extra_info": {},
            keys.prompt_key: [dict(message) for message in prompt], keys.image_key: images,
        }]  # fmt: skip
        return self.dataset[0]["raw_prompt"]

    def build(self, messages: list[dict[str, Any]]) -> Prompt:
        """The prompt that verl's agent loop would send to its server. Raises TooLong, and whatever verl raises."""
        return self.loop.run_until_complete(self._build(messages))

    async def _build(self, messages: list[dict[str, Any]]) -> Prompt:
        from verl.workers.rollout.vllm_rollout import vllm_async_server as server

        agent = self.agent
        agent.loop = asyncio.get_running_loop()
        media = await agent.process_multi_modal_info(messages)
        images = media.get("images")
        agent._assert_mm_supported(bool(media))
        try:
            ids = await agent.ct_build_initial_tokens(messages, images=images, mm_inputs_out={})
        except ValueError as error:
            if "rollout.prompt_length" in str(error):
                raise TooLong(str(error).partition(". ")[0]) from error
            raise
        if len(ids) >= self.max_length and not images:
            ids_whole = agent.continuous_token_builder.build_initial_tokens(messages)
            if len(ids_whole) > self.max_length:  # verl would cut its beginning off
                raise TooLong(f"{len(ids_whole)} tokens, data.max_prompt_length={self.max_length}")
        ids = list(ids)
        return Prompt(
            ids,
            list(server.qwen2_5_vl_dedup_image_tokens(ids, self.processor)),
            images,
            agent._get_mm_processor_kwargs(None),
        )

    def close(self) -> None:
        self.loop.close()
