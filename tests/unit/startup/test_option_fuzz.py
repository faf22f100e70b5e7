"""Hostile values of every option are useful to a run, or refused in one sentence that names the option."""

from __future__ import annotations

import pytest
from omegaconf import DictConfig, OmegaConf

from recipe.mrpo.options.tree import OPTIONS_FILE, OptionError, load_options
from recipe.mrpo.startup.judge_and_rewards import check_judge, check_rewards, check_shaping_rule, check_skip

pytestmark = pytest.mark.long

HOSTILE = [None, float("nan"), float("inf"), float("-inf"), -1, 0, 2.5, 10**400, "", " ", "abc", "a\0b", "\x1b[2J",
           "x:y", "no.such.module:x", "FILE", "FOLDER", [], [None], ["abc"], {}, {"a": {"b": [1]}}, {1: 2}, True,
           "${nothing}", "???", "${..}", "1e3"]  # fmt: skip
CONFIG = OmegaConf.create({"algorithm": {"adv_estimator": "mrpo"}, "reward": {"reward_model": {"enable": False}}})


def leaves(node: DictConfig, path: str = ""):
    for key in node:
        name = f"{path}.{key}" if path else str(key)
        if isinstance(node[key], DictConfig) and len(node[key]):
            yield from leaves(node[key], name)
        else:
            yield name


def started(given: dict) -> None:
    """All that start-up does with options before verl, data and GPU come in."""
    options = load_options(given)
    check_shaping_rule(options)
    check_judge(CONFIG, options, private_data=False)
    check_skip(CONFIG, options, check_rewards(options))


def nested(name: str, value: object) -> dict:
    for part in reversed(name.split(".")):
        value = {part: value}
    return value  # type: ignore[return-value]


@pytest.mark.parametrize("name", list(leaves(OmegaConf.load(OPTIONS_FILE))))
def test_a_hostile_value_is_useful_or_refused_by_the_name_of_its_option(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "passwd").write_text("root:x:0:0\n")
    (tmp_path / "folder").mkdir()
    places = {"FILE": str(tmp_path / "passwd"), "FOLDER": str(tmp_path / "folder")}
    for hostile in HOSTILE:
        value = places.get(hostile, hostile) if isinstance(hostile, str) else hostile
        given = nested(name, value)
        if name.startswith("judge.") and not name.startswith(("judge.name", "judge.overlap")):
            given["judge"] |= {"name": "openai"}  # the judge that reads most of them
            given["judge"]["openai"] = {"model": "m"} | given["judge"].get("openai", {})
        if name.startswith("rewards.semantic."):
            given["rewards"]["semantic"] = {"enabled": True, "mode": "verdict"} | given["rewards"]["semantic"]
        try:
            started(given)
        except OptionError as error:
            sentence = str(error)
            assert "mrpo." in sentence and name.rpartition(".")[2] in sentence, (hostile, sentence)
            assert "\n" not in sentence and "\x1b" not in sentence and len(sentence) < 700, (hostile, sentence)
    assert (tmp_path / "passwd").read_text() == "root:x:0:0\n", "a file of another program was written to"
