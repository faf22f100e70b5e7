"""No image on both sides, and the same files give the same rows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recipe.mrpo.evaluate.distil.split import balanced, held_out

IMAGES = st.lists(st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=3), min_size=1, max_size=30)
LABELS = st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=4), min_size=1, max_size=30)


@given(IMAGES, st.floats(0, 1), st.integers(0, 9))
def test_no_image_is_on_both_sides_even_where_rollouts_share_one_of_several(images, share, seed):
    apart = held_out(images, share=share, seed=seed)
    sides = {
        side: {name for own, at in zip(images, apart, strict=True) if at == side for name in own}
        for side in (True, False)
    }
    assert not sides[True] & sides[False]


@given(IMAGES, st.integers(0, 9))
def test_the_side_is_a_matter_of_the_image_and_not_of_the_order_of_the_rollouts(images, seed):
    apart = held_out(images, share=0.5, seed=seed)
    assert held_out(images[::-1], share=0.5, seed=seed) == apart[::-1]


def test_about_the_asked_share_of_many_images_is_held_out():
    images = [[f"image {n}"] for n in range(2000)]
    assert 0.17 < sum(held_out(images, share=0.2, seed=0)) / 2000 < 0.23
    assert not any(held_out(images, share=0.0, seed=0)) and all(held_out(images, share=1.0, seed=0))


def test_an_image_keeps_its_side_when_more_runs_are_added():
    images = [[f"image {n}"] for n in range(50)]
    assert held_out([*images, *[["new"]] * 9], share=0.3, seed=1)[:50] == held_out(images, share=0.3, seed=1)


@given(LABELS)
def test_balanced_takes_as_many_rollouts_with_an_invalid_step_as_without_and_all_of_the_smaller_side(labels):
    taken = balanced(labels, [str(n) for n in range(len(labels))], seed=0)
    invalid, sound = (
        sum(k for k, own in zip(taken, labels, strict=True) if (0 in own) == side) for side in (True, False)
    )
    of_all = sum(0 in own for own in labels)
    assert invalid == sound == min(of_all, len(labels) - of_all)
