"""Which groups and validations are judged: laws of the draw, a table of its values."""

from __future__ import annotations

import itertools

import pytest

from recipe.mrpo.judge.spending import (
    group_is_judged,
    share_conflict,
    uniform,
    validation_is_judged,
)

PROMPTS = [f'["vqa-rad", "train", "{n}"]' for n in range(2000)]


def judged(share: float, *, step: int = 1, seed: int = 0) -> set[str]:
    return {prompt for prompt in PROMPTS if group_is_judged(prompt, step=step, share=share, seed=seed)}


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("step", [0, 1, 77])
def test_the_share_is_met_within_four_standard_deviations(share, step):
    found = len(judged(share, step=step)) / len(PROMPTS)
    assert abs(found - share) < 4 * (share * (1 - share) / len(PROMPTS)) ** 0.5


def test_all_are_judged_at_1_and_none_at_0():
    assert judged(1.0) == set(PROMPTS) and judged(0.0) == set()


def test_a_group_that_is_judged_at_one_share_is_judged_at_every_larger_one():
    chosen = [judged(share) for share in (0.0, 0.2, 0.5, 0.7, 1.0)]
    assert all(small <= large for small, large in itertools.pairwise(chosen))


@pytest.mark.parametrize("other", [{"step": 2}, {"seed": 1}])
def test_another_step_or_seed_draws_independently(other):
    first, second = judged(0.5), judged(0.5, **other)
    assert abs(len(first & second) / len(PROMPTS) - 0.25) < 0.04, "independent draws share a quarter"


def test_over_many_steps_every_prompt_is_judged_about_as_often_as_the_share_says():
    times = [sum(group_is_judged(p, step=t, share=0.5, seed=0) for t in range(64)) for p in PROMPTS[:200]]
    assert min(times) > 32 - 4 * 4 and max(times) < 32 + 4 * 4, "64 draws have a standard deviation of 4"


@pytest.mark.parametrize(
    ("parts", "value", "why"),
    [
        ((0, 1, '["vqa-rad", "train", "0"]'), "0.1244011", "the first prompt of a run"),
        ((0, 2, '["vqa-rad", "train", "0"]'), "0.5788372", "the same one, a step later"),
        ((1, 1, '["vqa-rad", "train", "0"]'), "0.2160200", "another seed"),
        ((0, 1, "é\n"), "0.7189636", "any text"),
    ],
)
def test_the_draw_is_the_same_in_every_process_and_release(parts, value, why):
    assert f"{uniform(*parts):.7f}" == value, why


@pytest.mark.parametrize(
    ("step", "every", "test_freq", "last", "wanted", "why"),
    [
        (0, 3, 10, False, True, "before training"),
        (10, 3, 10, False, False, "the first after it"),
        (20, 3, 10, False, False, "the second"),
        (30, 3, 10, False, True, "the third"),
        (34, 3, 10, True, True, "the last one, out of turn"),
        (34, 3, 10, False, True, "a resumed run begins where number 3 was judged"),
        (14, 3, 10, False, False, "and where number 1 was not"),
        (17, 1, 10, False, True, "every one"),
        (0, 5, -1, False, True, "the only one of a run without a frequency"),
    ],
)
def test_which_validations_are_judged(step, every, test_freq, last, wanted, why):
    assert validation_is_judged(step, every=every, test_freq=test_freq, last=last) is wanted, why


@pytest.mark.parametrize("estimator", ["mrpo", "gdpo", "grpo", "rloo"])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("read", [False, True])
def test_an_estimator_that_counts_the_unknown_as_0_is_refused(estimator, share, read):
    given = {"estimator": estimator, "estimators_with_unknown": ("mrpo", "gdpo"), "read_by_rewards": read}
    said = share_conflict(share, **given)
    if share < 1 and read and estimator in ("grpo", "rloo"):
        assert f"mrpo.judge.share={share:g}" in said and f"adv_estimator={estimator}" in said and "\n" not in said
    else:
        assert said is None
