"""The README's own reward and judge, taken out of its text and run as its command says."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from recipe.mrpo.options.tree import load_options
from recipe.mrpo.rollout.record import RolloutRecord

README = (Path(__file__).parents[3] / "README.md").read_text()
TEXT = "<think>The opacity lies in the lower zone. It is big.</think><answer>left lung</answer>"


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    """The options of the README's command, with its two modules in a folder on the path."""
    folder = tmp_path_factory.mktemp("own")
    for name, code in re.findall(r"[Ii]n `(my_\w+\.py)`:\n\n```python\n(.*?)```", README, re.DOTALL):
        (folder / name).write_text(code)
    assert {path.name for path in folder.iterdir()} == {"my_rewards.py", "my_judge.py"}
    (command,) = re.findall(r"PYTHONPATH=\. python -m verl.*?\n\n", README, re.DOTALL)
    words = [word[2:] for word in shlex.split(command.replace("\\\n", " ")) if word.startswith("++mrpo.")]
    assert len(words) == 4
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setattr("recipe.mrpo.judge.registry.JUDGES._known", {})  # what is registered here ends with this test
        yield load_options(OmegaConf.from_dotlist(words).mrpo)
    for name in ("my_rewards", "my_judge"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("gold", "reward"),
    [("left lung", 1.0), ("right lung", 0.0), ("pneumonia", None)],
    ids=["side", "other side", "none"],
)
def test_the_examples_of_the_readme_reward_and_judge_a_rollout(verl, bpe, options, gold, reward):
    config = OmegaConf.create({"mrpo": options, "algorithm": {"adv_estimator": "mrpo"}})
    manager = verl.reward_manager.get_reward_manager_cls("mrpo")(
        config=config, tokenizer=bpe, compute_score=None, reward_router_address=None
    )
    ids = torch.tensor(bpe(TEXT, add_special_tokens=False)["input_ids"])
    row = verl.DataProto.from_dict(
        {"prompts": torch.arange(2)[None], "responses": ids[None], "attention_mask": torch.ones(1, 2 + len(ids))},
        non_tensors={
            "reward_model": np.array([{"style": "rule", "ground_truth": gold}], dtype=object),
            "extra_info": np.array([{"gold_reasoning": "An opacity is seen.", "question": "Where?"}], dtype=object),
            "data_source": np.array(["vqa-rad"], dtype=object),
            "raw_prompt": np.array([None], dtype=object),
        },
    )
    out = asyncio.run(manager.run_single(row))
    record = RolloutRecord.from_extra_info(json.loads(json.dumps(out["reward_extra_info"])))
    assert record.labels == [1, 0]  # "opacity" is in the gold reasoning
    assert record.rewards["says_side"] == reward and record.weights["says_side"] == 0.5
    assert record.rewards["process"] == 0.5
