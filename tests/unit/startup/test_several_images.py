"""Rows with several images: limits by number and pixels, room in the rollout engine, at the judge and in the prompt."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from PIL import Image

from recipe.mrpo.startup.data_rows import check_rows, row_fault
from recipe.mrpo.startup.prepare import prepare
from recipe.mrpo.startup.prompt_and_images import ImageLimits
from tests.unit.startup.helpers import GOOD, LIMITS, refusal, write_rows


def picture(width: int = 16, height: int = 8) -> dict:
    out = io.BytesIO()
    Image.new("L", (width, height)).save(out, "PNG")
    return {"bytes": out.getvalue()}


def row(count: int, **image) -> dict:
    marks = "".join(f"Image {k}: <image>\n" for k in range(1, count + 1))
    prompt = [{"role": "user", "content": f"{marks}Is it larger in image 2?"}]
    return {"prompt": prompt, "images": [picture(**image)] * count}


def fault(row: dict, limits: ImageLimits = LIMITS) -> str | None:
    names = {"prompt": "prompt", "images": "images", "reasoning_required": True}
    return row_fault(GOOD | row, "row 3 of f.parquet", **names, limits=limits)


def test_a_row_may_have_as_many_images_as_the_limit_and_not_one_more():
    assert fault(row(3)) is None
    assert fault(row(4)) == (
        "row 3 of f.parquet has 4 images and mrpo.images.max_per_row=3; raise the limit, or make the file again with a "
        "smaller one (--max-images, --max-row-pixels; --skip-bad leaves such rows out)."
    )


def test_the_pixels_of_its_images_are_counted_together(tmp_path):
    assert fault(row(2, width=50, height=10)) is None  # 2 x 500 = 1000
    assert "has images of 1,020 pixels together and mrpo.images.max_pixels_per_row=1000" in fault(
        row(2, width=51, height=10)
    )
    (tmp_path / "large.png").write_bytes(picture(40, 40)["bytes"])
    by_path = row(1) | {"images": [{"image": str(tmp_path / "large.png")}]}
    assert "1,600 pixels together" in fault(by_path)


def test_every_image_is_opened_not_only_the_first():
    broken = row(2) | {"images": [picture(), {"bytes": b"no image"}]}
    assert "an image that cannot be opened" in fault(broken)
    assert "1 times <image> in its prompt and 2 images" in fault(row(1) | {"images": [picture()] * 2})


@pytest.fixture
def two(tmp_path) -> str:
    return write_rows(tmp_path / "two.parquet", [row(1), row(2)])


def test_the_rows_of_all_files_say_how_many_images_one_has_at_most(two, good_file):
    data = OmegaConf.create({"train_files": [good_file, two], "val_files": good_file})
    found = check_rows(data, "train_files", reasoning_required=True, limits=LIMITS)
    assert (found.most_images, found.private) == (2, False)
    assert check_rows(data, "val_files", reasoning_required=True, limits=LIMITS).most_images == 0


@pytest.mark.parametrize(("given", "set_to"), [((), 2), (("+actor_rollout_ref.rollout.limit_images=5",), 5)])
def test_vllm_makes_room_for_the_row_with_most_images(config_of, two, given, set_to):
    config = config_of(f"data.train_files={two}", "data.image_key=images", *given)
    prepare(config)
    assert config.actor_rollout_ref.rollout.limit_images == set_to


def test_rows_without_images_leave_the_engine_as_it_is(config_of):
    config = config_of()
    prepare(config)
    assert OmegaConf.select(config, "actor_rollout_ref.rollout.limit_images") is None


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("+mrpo.images.max_per_row=1", "row 1 of {file} has 2 images and mrpo.images.max_per_row=1"),
        (
            "+actor_rollout_ref.rollout.limit_images=1",
            "row 1 of {file} has 2 images and actor_rollout_ref.rollout.limit_images=1",
        ),
        ("+mrpo.images.max_pixels_per_row=200", "has images of 256 pixels together and mrpo.images.max_pixels_per_row"),
        ("+mrpo.images.max_per_row=0", "mrpo.images.max_per_row must be a whole number of at least 1, not 0"),
    ],
)
def test_a_row_beyond_a_limit_ends_the_start_with_its_number_and_the_option(config_of, two, override, sentence):
    config = config_of(f"data.train_files={two}", "data.image_key=images", override)
    assert sentence.format(file=two) in refusal(config)


def test_a_judge_that_would_refuse_the_row_with_most_images_ends_the_start(config_of, two):
    judge = ("+mrpo.judge.name=openai", "+mrpo.judge.openai.model=m", "+mrpo.judge.openai.max_images=1")
    config = config_of(f"data.train_files={two}", "data.image_key=images", *judge)
    assert refusal(config).startswith("a row has 2 images and mrpo.judge.openai.max_images=1, so it would never be")
    blind = config_of(f"data.train_files={two}", "data.image_key=images", *judge, "+mrpo.judge.openai.send_image=false")
    prepare(blind)


def test_a_reward_model_that_would_refuse_the_row_ends_the_start(config_of, two):
    scorer = Path(__file__).parents[3] / "reward_fns" / "custom_reward.py"
    model = "reward.reward_model"
    router = (
        "+mrpo.judge.name=router", f"{model}.enable=true", f"{model}.enable_resource_pool=true", f"{model}.nnodes=1",
        f"{model}.model_path=judge", f"{model}.rollout.name=vllm", f"{model}.rollout.free_cache_engine=false",
        f"reward.custom_reward_function.path={scorer}",
    )  # fmt: skip
    files = (f"data.train_files={two}", "data.image_key=images")
    assert f"set {model}.rollout.limit_images=2" in refusal(
        config_of(*files, *router, f"{model}.rollout.limit_images=1")
    )
    prepare(config_of(*files, *router, f"{model}.rollout.limit_images=2"))


@pytest.mark.parametrize(("length", "told"), [(2048, True), (4096, False)])
def test_images_that_may_fill_the_prompt_are_told_with_the_options_to_change(config_of, two, caplog, length, told):
    sizes = ("+data.mm_processor_kwargs.min_pixels=3136", "+data.mm_processor_kwargs.max_pixels=802816")
    config = config_of(f"data.train_files={two}", "data.image_key=images", f"data.max_prompt_length={length}", *sizes)
    with caplog.at_level(logging.WARNING):
        prepare(config)
    assert ("2 images of up to 1024 tokens each, and data.max_prompt_length=2048" in caplog.text) is told


def test_the_default_limits_are_those_of_data_preparation():
    from data_preprocess import own
    from data_preprocess.command.arguments import build_parser
    from recipe.mrpo.options.tree import load_options

    images = load_options().images
    args = build_parser(own, "own").parse_args(["--source", "x", "--out", "x", "--mapping", "m"])
    assert (images.max_per_row, images.max_pixels_per_row) == (args.max_images, args.max_row_pixels)
