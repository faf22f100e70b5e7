"""The model is asked what training asks, token by token, for each backbone: compared with verl's own path."""

from __future__ import annotations

import asyncio

import pytest
from omegaconf import OmegaConf

from recipe.mrpo.evaluate.phases.prompts import chat_messages, without_images
from recipe.mrpo.evaluate.phases.questions import Questions
from recipe.mrpo.evaluate.phases.settings import Settings, training_config
from recipe.mrpo.tiny.backbones import BACKBONES
from tests.unit.evaluate.phases.data import row, write

pytestmark = pytest.mark.long


class Captured:
    """In the place of verl's client of its rollout servers."""

    def __init__(self):
        self.calls = []

    async def generate(self, **call):
        from verl.workers.rollout.replica import TokenOutput

        self.calls.append(call)
        return TokenOutput(token_ids=[1, 2], log_probs=None, stop_reason="completed")


@pytest.fixture(scope="module", params=sorted(BACKBONES))
def made(request, verl, tmp_path_factory):
    """Questions, configuration and folder of a tiny model of each architecture, with random weights."""
    from recipe.mrpo.tiny.build import build

    folder = tmp_path_factory.mktemp(request.param)
    wide = row(3)
    wide["prompt"][0]["content"] += "\n" + "Say it in Chinese: 肺部有阴影。 " * 3
    file = write(folder / "rows.parquet", [row(0), row(1), wide, row(4)])
    model = build(
        backbone=request.param, data=file, out=folder / "model", seed=0, steps=0, progress=lambda line: None
    ).path
    settings = Settings(
        data=[str(file)], model=str(model), backbone=request.param, overrides=["data.max_prompt_length=2048"]
    )
    config = training_config(settings, request.param)
    return file, str(model), config, Questions([str(file)], config.data)


def of_training(config, model, file):
    """What verl sends to its rollout server for each row of the file."""
    from verl.experimental.agent_loop import agent_loop
    from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop
    from verl.utils import omega_conf_to_dataclass
    from verl.utils.dataset.rl_dataset import RLHFDataset

    config = config.copy()
    config.actor_rollout_ref.model.path = model
    config.data.filter_overlong_prompts = False
    OmegaConf.resolve(config.actor_rollout_ref)
    loaded = omega_conf_to_dataclass(config.actor_rollout_ref.model)
    dataset = RLHFDataset([str(file)], loaded.tokenizer, config.data, loaded.processor)
    server = Captured()

    async def run():
        loop = SingleTurnAgentLoop(
            trainer_config=agent_loop.DictConfigWrap(config=config), server_manager=server, tokenizer=loaded.tokenizer,
            processor=loaded.processor, dataset_cls=RLHFDataset, data_config=agent_loop.DictConfigWrap(config.data),
            hf_model_type=loaded.hf_config.model_type,
        )  # fmt: skip
        for number in range(len(dataset)):
            await loop.run({}, raw_prompt=dataset[number]["raw_prompt"])

    asyncio.run(run())
    return dataset, server.calls


def test_prompts_and_images_are_those_of_training(made, tmp_path, monkeypatch):
    from recipe.mrpo.evaluate.phases.engines.verl_prompts import VerlPrompts

    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path))
    file, model, config, questions = made
    dataset, calls = of_training(config, model, file)
    prompts = VerlPrompts(config, model)
    assert len(calls) == len(questions) == 4
    for question, call in zip(questions, calls, strict=True):
        whole = questions.row(question.number)
        messages = prompts.messages(whole, whole["images"])
        built = prompts.build(messages)
        assert built.ids == list(call["prompt_ids"])
        assert [image.tobytes() for image in built.images] == [image.tobytes() for image in call["image_data"]]
        assert built.mm_processor_kwargs == call["mm_processor_kwargs"]
        # An endpoint gets the same parts in the same order.
        ours, theirs = chat_messages(whole["prompt"], whole["images"]), dataset[question.number]["raw_prompt"]
        assert [m["role"] for m in ours] == [m["role"] for m in theirs]
        for mine, verls in zip(ours, theirs, strict=True):
            assert [(p["type"], p.get("text")) for p in mine["content"]] == [
                (p["type"], p.get("text")) for p in verls["content"]
            ]
    prompts.close()


def test_another_condition_changes_the_image_and_no_word(made):
    from recipe.mrpo.evaluate.phases.engines.verl_prompts import TooLong, VerlPrompts

    _, model, config, questions = made
    prompts = VerlPrompts(config, model)
    whole, other = questions.row(0), questions.row(3)
    own = prompts.build(prompts.messages(whole, whole["images"]))
    blind = prompts.build(prompts.messages(whole, None))
    wrong = prompts.build(prompts.messages(whole, other["images"]))

    def words(prompt):
        return prompts.tokenizer.decode(prompt.ids, skip_special_tokens=True).replace("<IMG_CONTEXT>", "")

    assert blind.images is None and len(blind.ids) < len(own.ids)
    assert words(blind).split() == words(own).split() == words(wrong).split()
    assert wrong.images[0].tobytes() != own.images[0].tobytes()
    assert without_images(whole["prompt"])[0]["content"] in words(blind)
    config.data.max_prompt_length = 8
    short = VerlPrompts(config, model)
    for images in (whole["images"], None):
        with pytest.raises(TooLong):
            short.build(short.messages(whole, images))
    config.data.max_prompt_length = 2048
