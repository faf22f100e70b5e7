"""Rewards by name: weights, one's own, and messages that name the option to change."""

from __future__ import annotations

import subprocess
import sys

import pytest

from recipe.mrpo.options.tree import load_options
from reward_fns.build import build_rewards, labels_are_read
from reward_fns.registry import register_reward


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


def test_the_length_variants_are_options(rollout):
    assert built(length={"mode": "ecr"})["length"].fn(rollout(answer_correct=False)) == 0.5
    cwr = built(length={"mode": "cwr"})["length"].fn
    assert (cwr(rollout(answer_correct=False)), cwr(rollout(answer_correct=True))) == (0.0, 0.5)
    assert cwr(rollout(answer_correct=None)) is None  # what depends on an unknown answer is unknown
    assert built(length={"floor": -1.0})["length"].fn(rollout(num_steps=60)) == -1.0


def test_semantic_by_verdict(rollout):
    semantic = built(semantic={"enabled": True, "mode": "verdict"})["semantic"].fn
    assert (semantic(rollout(overall=1)), semantic(rollout(overall=0))) == (1.0, 0.0)
    assert semantic(rollout(overall=None)) is None
    assert semantic(rollout(overall=None, num_steps=0, labels=())) == 0.0  # no reasoning says nothing


# options under mrpo.rewards, what the message says
REFUSED = [
    ({"mine": {"weight": 1.0}}, r"mrpo\.rewards\.mine is unknown; choose one of answer"),
    ({"length": {"mode": "long"}}, r"mrpo\.rewards\.length\.mode must be one of band, ecr, cwr, not 'long'"),
    ({"length": {"floor": 1.0}}, r"mrpo\.rewards\.length\.floor"),
    ({"answer": {"conflicts": ["side"]}}, r"mrpo\.rewards\.answer\.conflicts must be a list of some of yes_no"),
    ({"answer": {"normalise": ["lower"]}}, r"mrpo\.rewards\.answer\.normalise must be a list of some of case"),
    ({"answer": {"compat": "paper"}}, r"mrpo\.rewards\.answer\.compat must be one of none, reference"),
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
    ({"mine": {"weight": 1.0, "function": "math:pi"}}, r"mrpo\.rewards\.mine\.function=math:pi is not a function"),
    ({"mine": {"weight": 1.0, "function": "/no/such.py:f"}}, r"mrpo\.rewards\.mine\.function"),
    ({"mine": {"weight": float("nan")}}, r"mrpo\.rewards\.mine\.weight must be a number"),
    ({"mine": {"weight": 1e300}}, r"mrpo\.rewards\.mine\.weight must be a number"),  # its square is infinite
    ({"mine": 0.5}, r"mrpo\.rewards\.mine must be a group of options"),
]


@pytest.mark.parametrize(("over", "message"), REFUSED)
def test_what_cannot_run_is_refused_with_the_option_to_change(over, message):
    with pytest.raises(ValueError, match=message):
        built(**over)


def test_a_mistyped_option_is_named_with_the_closest_known_one():
    node = dict(load_options().rewards.length)
    with pytest.raises(
        ValueError, match=r"mrpo\.rewards\.length\.kmin is not an option .* mrpo\.rewards\.length\.k_min\?"
    ):
        build_rewards({"length": {**node, "kmin": 3}})
    node.pop("k_max")
    with pytest.raises(ValueError, match=r"mrpo\.rewards\.length\.k_max is missing"):
        build_rewards({"length": node})


OWN = """
def short(given, *, limit=3):
    return float(len((given.prediction or "").split()) <= limit)

short.reads_labels = False

def unknown(given):
    return None

def with_any_option(given, **options):
    return float(len(options))

def needs_one(given, limit):
    return limit

async def later(given):
    return 1.0

class Later:
    async def __call__(self, given):
        return 1.0

later_object = Later()

def takes_nothing():
    return 1.0

class Long:
    reads_labels = False

    def __call__(self, given):
        return float(given.num_steps > 3)

long = Long()
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


# what is named, the options beside it, what the message says
MISUSED = [
    ("short", {"limt": 2}, r"mrpo\.rewards\.mine\.limt is not an option of this reward; did you mean .*\.limit\?"),
    ("unknown", {"limit": 2}, r"mrpo\.rewards\.mine\.limit is not an option of this reward; it has no options"),
    ("needs_one", {}, r"mrpo\.rewards\.mine\.limit is missing"),
    ("later", {}, r"mrpo\.rewards\.mine\.function=.*:later is async"),
    ("later_object", {}, r"mrpo\.rewards\.mine\.function=.*:later_object is async"),
    ("takes_nothing", {}, r"mrpo\.rewards\.mine\.function=.* must take the rollout as its first argument"),
]


@pytest.mark.parametrize(("name", "options", "message"), MISUSED)
def test_ones_own_reward_is_checked_at_the_start(own, name, options, message):
    with pytest.raises(ValueError, match=message):
        built(mine={"weight": 1.0, "function": f"own_rewards_for_a_test:{name}", **options})


def test_a_function_may_take_any_option_or_be_an_object(own, rollout):
    where = "own_rewards_for_a_test"
    any_option = {"weight": 1.0, "function": f"{where}:with_any_option", "a": 1, "b": 2}
    assert built(mine=any_option)["mine"].fn(rollout()) == 2.0
    assert built(mine={"weight": 1.0, "function": f"{where}:long"})["mine"].fn(rollout(num_steps=4)) == 1.0


def test_ones_own_reward_may_take_the_place_of_one_of_ours(own, rollout):
    answer = built(answer={"function": "own_rewards_for_a_test:short", "limit": 1})["answer"]
    assert answer.fn(rollout(prediction="left lung")) == 0.0
    with pytest.raises(ValueError, match=r"mrpo\.rewards\.answer\.limmit is not an option"):
        built(answer={"function": "own_rewards_for_a_test:short", "limmit": 1})


# weights and options that differ from the defaults, does a reward that counts read labels?
READ = [
    ({"process": {"weight": 0}}, False, "answer, length and format look at the answer, counts and tags alone"),
    ({}, True, "the process reward reads them"),
    ({"process": {"enabled": False}}, False, "a reward that is not computed reads nothing"),
    ({"process": {"weight": -0.5}}, True, "a penalty reads them as well"),
    ({"process": {"weight": 0}, "semantic": {"enabled": True, "mode": "verdict"}}, True, "the judge's grade"),
    ({"process": {"weight": 0}, "mine": {"weight": 1, "function": "MINE:unknown"}}, True, "nobody knows: it may"),
    ({"process": {"weight": 0}, "mine": {"weight": 1, "function": "MINE:short"}}, False, "it says that it does not"),
    ({"process": {"weight": 0}, "mine": {"weight": 1, "function": "MINE:short", "limit": 2}}, False, "with options"),
    ({"process": {"weight": 0}, "mine": {"weight": 1, "function": "MINE:long"}}, False, "so says an object"),
]


@pytest.mark.parametrize(("over", "read", "reason"), READ)
def test_labels_are_read_unless_every_reward_that_counts_says_that_it_reads_none(own, over, read, reason):
    for node in over.values():
        if "function" in node:
            node = node | {"function": node["function"].replace("MINE", "own_rewards_for_a_test")}
        over = {**over, **({"mine": node} if "function" in node else {})}
    assert labels_are_read(built(**over).values()) is read, reason


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
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.strip() == "[]"
