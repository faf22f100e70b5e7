"""Token counts: reported ones that can be true are taken, all others are estimated."""

from __future__ import annotations

import pytest

from recipe.mrpo.endpoint.tokens import Tokens, counted, estimate

ESTIMATE = Tokens(1_000, 100)


@pytest.mark.parametrize(
    ("usage", "tokens", "estimated", "why"),
    [
        ({"prompt_tokens": 900, "completion_tokens": 80}, (900, 80), False, "as reported"),
        ({"prompt_tokens": 900, "completion_tokens": 80, "total_tokens": None}, (900, 80), False, "more fields"),
        (None, (1_000, 100), True, "no usage"),
        ("many", (1_000, 100), True, "usage that is text"),
        ({}, (1_000, 100), True, "no counts"),
        ({"prompt_tokens": 900}, (900, 100), True, "no completion count"),
        ({"prompt_tokens": 900, "completion_tokens": None}, (900, 100), True, "one that is null"),
        ({"prompt_tokens": 900, "completion_tokens": "80"}, (900, 100), True, "one that is text"),
        ({"prompt_tokens": 900, "completion_tokens": 80.5}, (900, 100), True, "a fraction"),
        ({"prompt_tokens": 900, "completion_tokens": True}, (900, 100), True, "a truth value"),
        ({"prompt_tokens": 900, "completion_tokens": -1}, (900, 100), True, "less than nothing"),
        ({"prompt_tokens": 900, "completion_tokens": 0}, (900, 100), True, "none for a reply that is there"),
        ({"prompt_tokens": 0, "completion_tokens": 80}, (1_000, 80), True, "an empty prompt"),
        ({"prompt_tokens": 2**39, "completion_tokens": 80}, (1_000, 80), True, "a prompt of half a trillion tokens"),
        ({"prompt_tokens": 900, "completion_tokens": 2**39}, (900, 100), True, "a reply of as many"),
        ({"prompt_tokens": 9_000, "completion_tokens": 2_000}, (9_000, 2_000), False, "a large image, long thoughts"),
    ],
)
def test_a_count_that_cannot_be_true_is_estimated(usage, tokens, estimated, why):
    assert counted(usage, ESTIMATE, max_tokens=2_048, blank=False) == (tokens, estimated), why


def test_a_blank_reply_may_have_cost_nothing():
    usage = {"prompt_tokens": 900, "completion_tokens": 0}
    assert counted(usage, ESTIMATE, max_tokens=None, blank=True) == ((900, 0), False)


def test_the_estimate_counts_characters_and_images():
    image = {"type": "image_url", "image_url": {"url": "data:" + "x" * 9_000}}
    messages = [
        {"role": "system", "content": "x" * 30},
        {"role": "user", "content": [image, {"type": "text", "text": "xxx"}]},
    ]
    assert estimate(messages, 9_000, image_max_pixels=784 * 5, max_tokens=None) == (11 + 5, 3_000)
    assert estimate(messages, 9_000, image_max_pixels=784 * 5, max_tokens=100) == (16, 100)
