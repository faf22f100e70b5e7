"""One contract for every registered shaping rule, and what start-up says of a user's rule that breaks it."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recipe.mrpo.credit.shaping import get_shaping
from recipe.mrpo.credit.shaping.apply import ShapingError, rule_options, shape_steps
from recipe.mrpo.credit.shaping.contract import broken_law, check_shaping
from recipe.mrpo.credit.shaping.registry import BUILT_IN, SHAPINGS

SHARED = {"factor_base": 2.718281828459045, "round_factors": False}
RULES = SHAPINGS.names()


@st.composite
def batches(draw):
    """Tensors of a batch: right and wrong rollouts, known and unknown labels, A of either sign and 0, no steps."""
    size, width = draw(st.integers(1, 6)), draw(st.integers(0, 5))
    counts = draw(st.lists(st.integers(0, width), min_size=size, max_size=size))
    labels = torch.full((size, width), torch.nan, dtype=torch.float64)
    for i, count in enumerate(counts):
        if draw(st.booleans()):
            given_labels = draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=count, max_size=count))
            labels[i, :count] = torch.tensor(given_labels, dtype=torch.float64)
    advantages = draw(st.lists(st.sampled_from([0.0, 1.5, -0.25, -2.0, 0.7]), min_size=size, max_size=size))
    wrong = draw(st.lists(st.booleans(), min_size=size, max_size=size))
    return {
        "advantages": torch.tensor(advantages, dtype=torch.float64),
        "labels": labels,
        "num_steps": torch.tensor(counts),
        "wrong": torch.tensor(wrong),
    }


@pytest.mark.parametrize("name", RULES)
class TestEveryRule:
    def options(self, name):
        return rule_options(name, get_shaping(name), shared=SHARED, own={})

    def test_its_signature_takes_the_four_tensors_by_keyword(self, name):
        tensors = dict.fromkeys(("advantages", "labels", "num_steps", "wrong"), torch.zeros(1))
        if "groups" in (taken := inspect.signature(get_shaping(name).rule)).parameters:
            tensors["groups"] = torch.zeros(1)
        taken.bind(**tensors, **self.options(name))

    def test_it_keeps_the_laws_that_a_users_rule_is_held_to(self, name):
        assert broken_law(name, get_shaping(name), self.options(name)) is None

    @given(batch=batches())
    def test_on_every_batch(self, name, batch):
        shaping, before = get_shaping(name), {key: tensor.clone() for key, tensor in batch.items()}
        groups = [i // 2 for i in range(len(batch["wrong"]))]
        given = {"groups": torch.tensor(groups)} if "groups" in inspect.signature(shaping.rule).parameters else {}
        raw = shaping.rule(**batch, **given, **self.options(name))
        for key, tensor in batch.items():
            assert torch.equal(tensor.nan_to_num(9), before[key].nan_to_num(9)), f"{key} was changed in place"
        assert raw.shape == batch["labels"].shape and raw.dtype == torch.float64 and torch.isfinite(raw).all()
        plain = batch["advantages"][:, None].expand_as(raw)
        assert shaping.learns_at_zero or (raw[plain == 0] == 0).all(), "A = 0 gives 0"
        unknown = torch.isnan(batch["labels"])
        assert torch.equal(raw[unknown], plain[unknown]), "unknown labels and padding columns keep A_i"
        right = ~batch["wrong"][:, None].expand_as(raw)
        if not shaping.changes_right(self.options(name)):
            assert torch.equal(raw[right], plain[right]), "right rollouts keep A_i"
        assert torch.equal(shape_steps(name, shaping, **batch, groups=groups, **self.options(name)), raw)


# --- rules of a user's own, from a file

OWN = {
    "good": ("def rule(advantages, labels, num_steps, wrong, *, size=1.0):\n"
             "    return torch.where(wrong[:, None] & (labels == 0), -size * advantages.abs()[:, None],"
             " advantages[:, None])"),
    "takes nothing": "def rule(advantages, labels):\n    return labels",
    "needs an option": "def rule(advantages, labels, num_steps, wrong, *, strength):\n    return labels",
    "wrong shape": "def rule(advantages, labels, num_steps, wrong):\n    return advantages",
    "no tensor": "def rule(advantages, labels, num_steps, wrong):\n    return [[0.0]]",
    "infinite": "def rule(advantages, labels, num_steps, wrong):\n    return advantages[:, None] / (labels - labels)",
    "raises": "def rule(advantages, labels, num_steps, wrong):\n    return labels[:, 99]",
    "a bonus": "def rule(advantages, labels, num_steps, wrong):\n    return advantages[:, None] + labels",
    "right ones": "def rule(advantages, labels, num_steps, wrong):\n    return advantages[:, None] * labels",
    "reads in secret": ("@register_shaping('secret', reads_labels=False)\n"
                        "def rule(advantages, labels, num_steps, wrong):\n"
                        "    return torch.where(wrong[:, None] & (labels == 0), -advantages.abs()[:, None],"
                        " advantages[:, None])"),
    "no function": "rule = 3",
    "broken module": "rule = undefined_name",
}  # fmt: skip


@pytest.fixture
def own(tmp_path, monkeypatch):
    """own("good"): the option's value for a rule of OWN in a file of its own; registered names are forgotten after."""
    monkeypatch.setattr(SHAPINGS, "_known", dict(SHAPINGS._known))

    def write(kind: str) -> str:
        file = tmp_path / f"{kind.replace(' ', '_')}.py"
        head = "import torch\nfrom recipe.mrpo.credit.shaping import register_shaping\n\n"
        file.write_text(f"{head}{OWN[kind]}\n")
        return f"{file}:rule"

    return write


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        ("takes nothing", {}, "must take (advantages, labels, num_steps, wrong), not 2 tensors."),
        ("needs an option", {}, "needs the option strength; set mrpo.shaping_options.strength."),
        ("good", {"strenght": 2}, "mrpo.shaping_options.strenght is not an option of"),
        ("good", {"factor_base": 2}, "set mrpo.factor_base instead."),
        ("wrong shape", {}, "must return one number per rollout and step, (6, 3), not a tensor of (6,)."),
        ("no tensor", {}, "must return one number per rollout and step, (6, 3), not list."),
        ("infinite", {}, "must return finite numbers, not inf (rollout 0, step 1, A=1.5, label 1)."),
        ("raises", {}, "raised IndexError: index 99 is out of bounds"),
        ("a bonus", {}, "must return 0 for a rollout with A_i = 0"),
        ("right ones", {}, "changes_right_rollouts=True)."),
        ("reads in secret", {}, "reads the labels; declare register_shaping(..., reads_labels=True)."),
        ("no function", {}, "must be a function or a Shaping, not int."),
        ("broken module", {}, "cannot be loaded: NameError: name 'undefined_name' is not defined"),
    ],
)
def test_a_rule_that_breaks_the_contract_is_one_sentence_that_names_the_option(own, kind, options, says):
    name = own(kind)
    with pytest.raises(ValueError) as caught:
        check_shaping(name, shared=SHARED, own=options)
    message = str(caught.value)
    assert says in message and "\n" not in message
    assert "mrpo.shaping" in message


def test_a_rule_that_keeps_the_contract_gets_its_option(own):
    name = own("good")
    check_shaping(name, shared=SHARED, own={"size": 3.0})
    shaping = get_shaping(name)
    named = rule_options(name, shaping, shared=SHARED, own={"size": 3.0})
    one, zero = torch.ones(1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    assert named == {"size": 3.0}
    assert shape_steps(
        name, shaping, one, zero, torch.tensor([1]), torch.tensor([True]), groups=[0], **named
    ).tolist() == [[-3.0]]


def test_a_built_in_rule_takes_no_options_of_a_users_own():
    with pytest.raises(ShapingError, match=r"mrpo\.shaping_options\.strength is not an option of mrpo\.shaping=mrpo"):
        check_shaping("mrpo", shared=SHARED, own={"strength": 1})


def test_an_unknown_label_keeps_a_whatever_an_own_rule_returns(own):
    """NaN compares false with everything, so a rule that asks `labels == 1` would punish a failed judgement."""
    name = own("good")
    shaping = get_shaping(name)
    shaping = type(shaping)(lambda advantages, labels, num_steps, wrong: torch.where(labels == 1, 1.0, -1.0))
    unknown = torch.tensor([[torch.nan, torch.nan]], dtype=torch.float64)
    out = shape_steps(name, shaping, torch.tensor([0.5]), unknown, torch.tensor([2]), torch.tensor([True]), groups=[0])
    assert out.tolist() == [[0.5, 0.5]]


def test_what_a_decorator_says_holds_for_the_function_named_in_the_option(own):
    assert get_shaping(own("reads in secret")).reads_labels is False
    assert get_shaping("secret").reads_labels is False


def test_a_name_taken_by_another_rule_is_refused(own):
    from recipe.mrpo.credit.shaping import register_shaping

    assert get_shaping("mrpo")
    with pytest.raises(ValueError, match="a shaping rule named 'mrpo' is registered already"):
        register_shaping("mrpo")(lambda advantages, labels, num_steps, wrong: labels)


def test_listing_the_names_imports_no_torch():
    code = (
        "import sys\n"
        "from recipe.mrpo.credit.shaping import registry\n"
        "from recipe.mrpo.credit.final_norms import FINAL_NORMS\n"
        "from recipe.mrpo.options.tree import load_options\n"
        "load_options({'shaping': 'pgrpo', 'gdpo': {'final_norm': 'token'}})\n"
        "print(registry.SHAPINGS.names(), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{BUILT_IN!r} False"
