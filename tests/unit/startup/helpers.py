"""What the tests of a run's start share."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recipe.mrpo.options.tree import OptionError
from recipe.mrpo.startup.prepare import prepare
from recipe.mrpo.startup.prompt_and_images import ImageLimits

BASE = ("actor_rollout_ref.rollout.name=vllm", "actor_rollout_ref.rollout.n=4", "actor_rollout_ref.model.path=model")
LIMITS = ImageLimits(images=3, pixels=1000)
MRPO = ("algorithm.adv_estimator=mrpo", *BASE)


GOOD = {
    "prompt": [{"role": "user", "content": "Is the heart large?"}],
    "reward_model": {"ground_truth": "yes"},
    "extra_info": {"gold_reasoning": "The heart is large.", "split": "train"},
}


def write_rows(path, rows):
    """A parquet file of good rows, each with other columns over them."""
    pq.write_table(pa.Table.from_pylist([GOOD | row for row in rows]), path)
    return str(path)


def refusal(config) -> str:
    with pytest.raises(OptionError) as caught:
        prepare(config)
    message = str(caught.value)
    assert "\n" not in message
    return message
