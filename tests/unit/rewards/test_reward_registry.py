"""Rewards by name: weights, one's own, and messages that name the option to change."""

from __future__ import annotations

import subprocess
import sys

import pytest

from recipe.mrpo.options.tree import load_options
from reward_fns.registry import build_rewards, register_reward, weighted_sum


def built(**over):
    options = load_options({"rewards": over})
    return {reward.name: reward for reward in build_rewards(options.rewards, tau=options.tau)}


def test_the_defaults_are_the_papers_three_rewards_with_weight_one_and_format_for_the_log():
    assert {name: reward.weight for name, reward in built().items()} == {
        "answer": 1.0, "process": 1.0, "length": 1.0, "format": 0.0,
    }  # fmt: skip


def test_answer_comes_first_because_others_may_depend_on_it():
    nodes = load_options().rewards
    shuffled = {"length": nodes.length, "answer": nodes.answer}
    assert [reward.name for reward in build_rewards(shuffled)] == ["answer", "length"]


def test_every_default_reward_has_a_value_for_a_rollout(rollout):
    values = {name: reward.fn(rollout()) for name, reward in built().items()}
    assert values == {"answer": 1.0, "process": 0.5, "length": 0.0, "format": 1.0}


def test_weight_zero_is_computed_and_not_summed(rollout):
    rewards = list(built(length={"weight": 0.0}, process={"weight": 2.0}).values())
    values = {reward.name: reward.fn(rollout(num_steps=0)) for reward in rewards}
    assert values["length"] == -1.0
    assert weighted_sum(rewards, values) == pytest.approx(1.0 + 2.0 * 0.5)


def test_an_unknown_reward_makes_the_sum_unknown_unless_it_has_no_weight(rollout):
    unknown = rollout(labels=None)
    for weight, total in ((1.0, None), (0.0, 1.0)):
        rewards = list(built(process={"weight": weight}).values())
        assert weighted_sum(rewards, {reward.name: reward.fn(unknown) for reward in rewards}) == total


def test_the_length_variants_are_options(rollout):
    assert built(length={"mode": "ecr"})["length"].fn(rollout(answer_correct=False)) == 0.5
    cwr = built(length={"mode": "cwr"})["length"].fn
    assert (cwr(rollout(answer_correct=False)), cwr(rollout(answer_correct=True))) == (0.0, 0.5)
    with pytest.raises(ValueError, match=r"mrpo\.rewards\.length\.mode=cwr"):
        cwr(rollout(answer_correct=None))
    assert built(length={"floor": -1.0})["length"].fn(rollout(num_steps=60)) == -1.0


def test_semantic_by_verdict(rollout):
    semantic = built(semantic={"enabled": True, "mode": "verdict"})["semantic"].fn
    assert (semantic(rollout(overall=1)), semantic(rollout(overall=0))) == (1.0, 0.0)
    assert semantic(rollout(overall=None)) is None
    assert semantic(rollout(overall=None, num_steps=0, labels=())) == 0.0  # no reasoning says nothing


# options under mrpo.rewards, what the message says
REFUSED = [
    ({"mine": {"weight": 1.0}}, r"mrpo\.rewards\.mine is unknown; choose one of answer"),
    ({"length": {"mode": "long"}}, r"mrpo\.rewards\.length\.mode='long' is unknown"),
    ({"length": {"floor": 1.0}}, r"mrpo\.rewards\.length\.floor"),
    ({"answer": {"conflicts": ["side"]}}, r"mrpo\.rewards\.answer\.conflicts: 'side' is unknown; choose from yes_no"),
    ({"answer": {"normalise": ["lower"]}}, r"mrpo\.rewards\.answer\.normalise: 'lower' is unknown"),
    ({"answer": {"compat": "paper"}}, r"mrpo\.rewards\.answer\.compat: 'paper' is unknown"),
    ({"answer": {"yes_no": "off"}}, r"mrpo\.rewards\.answer\.yes_no"),
    ({"answer": {"mix": {"rouge1": 0.5}}}, r"mrpo\.rewards\.answer\.mix .* sum to 1"),
    ({"answer": {"mix": {"rouge1": 0.0, "bleu1": 0.0, "bertscore": 1.0}}}, r"mrpo\.rewards\.answer\.encoder"),
    ({"answer": {"conflict_cap": 0.7}}, r"mrpo\.rewards\.answer\.conflict_cap=0\.7 must be at most mrpo\.tau=0\.6"),
    ({"answer": {"max_chars": 0}}, r"mrpo\.rewards\.answer\.max_chars"),
    ({"answer": {"math_timeout_s": 0}}, r"mrpo\.rewards\.answer\.math_timeout_s"),
    ({"answer": {"encoder_batch_size": 0}}, r"mrpo\.rewards\.answer\.encoder_batch_size .* at least 1, not 0"),
    ({"answer": {"encoder_batch_size": 2.5}}, r"mrpo\.rewards\.answer\.encoder_batch_size .* whole number"),
    ({"answer": {"encoder_cache": -1}}, r"mrpo\.rewards\.answer\.encoder_cache .* at least 0, not -1"),
    ({"semantic": {"enabled": True, "encoder_batch_size": -1}}, r"mrpo\.rewards\.semantic\.encoder_batch_size"),
    ({"answer": {"enabled": False}}, r"mrpo\.rewards\.answer"),
    ({"semantic": {"enabled": True}}, r"mrpo\.rewards\.semantic\.encoder"),
    ({"semantic": {"enabled": True, "mode": "x"}}, r"mrpo\.rewards\.semantic\.mode"),
    ({"mine": {"weight": 1.0, "function": "math"}}, r"mrpo\.rewards\.mine\.function=math cannot be loaded"),
    ({"mine": {"weight": 1.0, "function": "math:none"}}, r"mrpo\.rewards\.mine\.function=math:none cannot be loaded"),
    ({"mine": {"weight": 1.0, "function": "math:pi"}}, r"mrpo\.rewards\.mine\.function=math:pi is no function"),
    ({"mine": {"weight": 1.0, "function": "/no/such.py:f"}}, r"mrpo\.rewards\.mine\.function"),
]


@pytest.mark.parametrize(("over", "message"), REFUSED)
def test_what_cannot_run_is_refused_with_the_option_to_change(over, message):
    with pytest.raises(ValueError, match=message):
        built(**over)


def test_a_mistyped_option_is_named_with_the_closest_known_one():
    node = dict(load_options().rewards.length)
    with pytest.raises(ValueError, match=r"mrpo\.rewards\.length\.kmin is no option .* mrpo\.rewards\.length\.k_min\?"):
        build_rewards({"length": {**node, "kmin": 3}})
    node.pop("k_max")
    with pytest.raises(ValueError, match=r"mrpo\.rewards\.length\.k_max is missing"):
        build_rewards({"length": node})


OWN = """
def short(given, *, limit=3):
    return float(len((given.prediction or "").split()) <= limit)

def text(given):
    return "good"

def unknown(given):
    return None
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "own_rewards_for_a_test.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_ones_own_reward_by_dotted_path_or_file_with_its_options(own, rollout):
    file = own / "own_rewards_for_a_test.py"
    for where in ("own_rewards_for_a_test:short", f"{file}:short"):
        rewards = built(mine={"weight": 0.5, "function": where})
        assert rewards["mine"].weight == 0.5 and rewards["mine"].fn(rollout()) == 1.0
        assert built(mine={"weight": 0.5, "function": where, "limit": 1})["mine"].fn(rollout()) == 0.0
    assert built(mine={"weight": 1.0, "function": f"{file}:unknown"})["mine"].fn(rollout()) is None


def test_ones_own_reward_must_return_a_number(own, rollout):
    fn = built(mine={"weight": 1.0, "function": "own_rewards_for_a_test:text"})["mine"].fn
    with pytest.raises(ValueError, match=r"mrpo\.rewards\.mine\.function must return a finite number"):
        fn(rollout())


def test_a_registered_reward_is_found_and_a_name_is_taken_once(rollout):
    @register_reward("words_for_a_test")
    def make(*, limit):
        return lambda given: float(len(given.prediction.split()) <= limit)

    rewards = built(words_for_a_test={"weight": 1.0, "limit": 1})
    assert rewards["words_for_a_test"].fn(rollout()) == 0.0
    with pytest.raises(ValueError, match="registered already"):
        register_reward("words_for_a_test")(lambda: None)


def test_reward_functions_import_neither_verl_nor_ray_nor_torch():
    code = (
        "import sys, reward_fns.builtin, reward_fns.bertscore; "
        "print([m for m in ('verl', 'ray', 'torch', 'transformers', 'sympy', 'nltk') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
