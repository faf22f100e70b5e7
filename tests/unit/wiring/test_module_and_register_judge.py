"""A judge that registers itself in a module named by mrpo.judge.module works for one more release."""

from __future__ import annotations

import asyncio
import json
import sys

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from recipe.mrpo.options.tree import load_options
from recipe.mrpo.rollout.record import RolloutRecord

TEXT = "<think>The opacity lies in the lower zone. It is big.</think><answer>left lung</answer>"


FILES = {
    "my_rewards.py": """
def says_side(rollout):
    # 1 if the answer names the side that the gold answer names, else 0; unknown (None) where that names none
    for side in ("left", "right"):
        if any(side in gold.lower() for gold in rollout.gold):
            return float(side in (rollout.prediction or "").lower())
    return None
""",
    "my_judge.py": """
from recipe.mrpo.judge import Judgement, register_judge


@register_judge("keywords")
class KeywordJudge:
    name = "keywords"

    def __init__(self, options):  # the node mrpo.judge
        pass

    async def label(self, request):
        if not request.gold_reasoning:
            return Judgement(failure="no_gold_reasoning")  # never a label of 0
        known = {word for word in request.gold_reasoning.lower().split() if len(word) > 6}
        return Judgement(labels=tuple(int(bool(known & set(step.lower().split()))) for step in request.steps))

    async def close(self):
        pass
""",
}
WORDS = (
    "mrpo.rewards.says_side.function=my_rewards:says_side",
    "mrpo.rewards.says_side.weight=0.5",
    "mrpo.judge.module=my_judge",
    "mrpo.judge.name=keywords",
)


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    """The options of the command, with its two modules in a folder on the path."""
    folder = tmp_path_factory.mktemp("own")
    for name, code in FILES.items():
        (folder / name).write_text(code)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setattr("recipe.mrpo.judge.registry.JUDGES._known", {})  # what is registered here ends with this test
        yield load_options(OmegaConf.from_dotlist(list(WORDS)).mrpo)
    for name in ("my_rewards", "my_judge"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("gold", "reward"),
    [("left lung", 1.0), ("right lung", 0.0), ("pneumonia", None)],
    ids=["side", "other side", "none"],
)
def test_a_registered_judge_and_an_own_reward_rate_a_rollout(verl, bpe, options, gold, reward):
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
