"""A run with a user's own shaping rule is checked before Ray starts."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from recipe.mrpo.options.tree import OptionError
from recipe.mrpo.startup.prepare import prepare

RULE = """
def rule(advantages, labels, num_steps, wrong, *, strength):
    return strength * advantages[:, None] + 0 * labels
"""


@pytest.fixture
def config(compose, tmp_path):
    (tmp_path / "rules.py").write_text(RULE)

    def make(estimator="mrpo", name="rule", **own):
        made = compose("mrpo", f"algorithm.adv_estimator={estimator}", "actor_rollout_ref.model.path=hub/model")
        made.mrpo.shaping = f"{tmp_path}/rules.py:{name}"
        OmegaConf.set_struct(made, False)
        made.mrpo.shaping_options = own
        return made

    return make


@pytest.mark.parametrize(
    ("name", "own", "says"),
    [
        ("rule", {}, "set mrpo.shaping_options.strength"),
        ("rule", {"strength": 2.0}, "must keep A_i on the steps of a right answer"),
        ("absent", {}, "cannot be loaded: AttributeError"),
    ],
)
def test_a_rule_that_cannot_be_used_ends_the_run_before_it_starts(config, name, own, says):
    with pytest.raises(OptionError) as caught:
        prepare(config(name=name, **own))
    assert says in str(caught.value) and "mrpo.shaping" in str(caught.value)


def test_a_rule_that_can_be_used_starts(config):
    prepare(config(strength=1.0))


def test_a_run_of_another_estimator_does_not_ask_for_the_rule(config):
    prepare(config("gdpo", name="absent"))
