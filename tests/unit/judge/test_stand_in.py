from __future__ import annotations

import json

import pytest

from recipe.mrpo.evaluate.judge_audit.agreement import compare
from recipe.mrpo.judge.overlap.judge import Thresholds, judge_steps
from recipe.mrpo.judge.stand_in import KAPPA, STAND_IN, has_real_weights, stand_in_sentence
from recipe.mrpo.options.tree import load_options
from tests.unit.judge.overlap.test_step_sets import SAMPLE, rows


@pytest.mark.parametrize("name", ["overlap", "openai", "ensemble", "mine:Judge"])
@pytest.mark.parametrize("stand_in", STAND_IN)
@pytest.mark.parametrize("real", [False, True])
def test_only_the_offline_judge_on_real_weights_is_told_of(name, stand_in, real):
    said = stand_in_sentence({"name": name, "stand_in": stand_in}, real_weights=real)
    assert (said is not None) == (name == "overlap" and stand_in != "allow" and real)
    if said:
        assert "\n" not in said and "mrpo.judge.stand_in=allow" in said and f"{KAPPA:.2f}" in said


@pytest.mark.parametrize(
    ("config", "on_cpu", "real", "why"),
    [
        (None, False, True, "a name of the hub"),
        ({"hidden_size": 3584}, False, True, "a 7B model"),
        ({"hidden_size": 3584}, True, False, "nobody trains it without a GPU"),
        ({"hidden_size": 64}, False, False, "a tiny model"),
        ({"text_config": {"hidden_size": 2048}}, False, True, "a vision-language model"),
        ({"text_config": {"hidden_size": 64}}, False, False, "a tiny one"),
        ({"llm_config": {"hidden_size": 64}}, False, False, "a tiny InternVL"),
        ({"text_config": None}, False, True, "another form"),
        ([], False, True, "not a config"),
    ],
)
def test_what_counts_as_real_weights(tmp_path, config, on_cpu, real, why):
    if config is not None:
        (tmp_path / "config.json").write_text(json.dumps(config))
    assert has_real_weights(str(tmp_path), on_cpu=on_cpu) is real, why


def test_the_kappa_that_is_told_is_the_one_of_the_sample():
    thresholds = Thresholds(**load_options().judge.overlap)
    given = [(row["mrpo"], row["mrpo"]["case"]) for row in rows(SAMPLE)]
    second = [
        [v.label for v in judge_steps(record["steps"], question=case["question"], answers=case["gold"],
                                      gold_reasoning=case["gold_reasoning"], thresholds=thresholds)]
        for record, case in given
    ]  # fmt: skip
    assert compare([record["labels"] for record, _ in given], second).confusion.kappa == pytest.approx(KAPPA, abs=0.005)
