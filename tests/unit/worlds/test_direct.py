"""The drawn world without verl: the policy's probabilities are the model's, and tokens get the credit of their step."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
import torch

from recipe.mrpo.rollout.tokens import TokenTable
from recipe.mrpo.tiny.backbones import build_random
from recipe.mrpo.worlds.arms import MAIN
from recipe.mrpo.worlds.drawn import direct, policy, start
from recipe.mrpo.worlds.drawn.command import prepare_transformers
from recipe.mrpo.worlds.drawn.lessons import completion
from recipe.mrpo.worlds.drawn.question import Question
from recipe.mrpo.worlds.drawn.scene import scenes

GROUPS = [0, 0, 1, 1]
SHORT = direct.DirectSettings(updates=2, prompts=2, rollouts=2, test_scenes=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An untrained start model."""
    prepare_transformers()
    out = tmp_path_factory.mktemp("start")
    torch.manual_seed(0)
    model, processor = build_random(start.backbone(), start.tokenizer())
    model.save_pretrained(out)
    processor.save_pretrained(out)
    return out


@pytest.fixture(scope="module")
def loaded(folder):
    model, processor = policy.load(folder)
    return model, policy.Prompts(processor), TokenTable.from_tokenizer(processor.tokenizer)


def two_scenes():
    level = (s for s in scenes("train", cascade=1.0, seed=0) if s.question == Question("level", 4))
    return list(itertools.islice(level, 2))


def written(loaded, values_of_rows) -> tuple[list, policy.Samples]:
    """Samples that state given values, two for each of two scenes."""
    _, prompts, _ = loaded
    drawn = [scene for scene in two_scenes() for _ in range(2)]
    tokenizer = prompts.processor.tokenizer
    texts = [completion(scene, values) for scene, values in zip(drawn, values_of_rows(drawn), strict=True)]
    ids = torch.tensor([tokenizer(t + start.END_OF_TURN, add_special_tokens=False)["input_ids"] for t in texts])
    return drawn, policy.Samples({}, ids, torch.ones(ids.shape), texts)


def test_sampling_and_training_see_the_same_probabilities(loaded):
    """Token by token with a cache, and the whole response at once."""
    model, prompts, _ = loaded
    some = two_scenes()
    samples = policy.sample(model, prompts(some, rollouts=2), prompts.processor.tokenizer, torch.Generator())
    inputs = prompts(some, rollouts=2)
    width = inputs["input_ids"].shape[1]
    with torch.no_grad():
        at_once = policy.log_probs(model, samples)
        out = model(**inputs, use_cache=True, logits_to_keep=1)
        for place in range(samples.responses.shape[1]):
            drawn = samples.responses[:, place : place + 1]
            stepwise = out.logits[:, -1].log_softmax(-1).gather(-1, drawn)[:, 0]
            torch.testing.assert_close(stepwise, at_once[:, place], atol=1e-4, rtol=0)
            positions = (model.model.rope_deltas + width + place).view(1, -1, 1).expand(3, -1, -1)
            out = model(input_ids=drawn, position_ids=positions, past_key_values=out.past_key_values, use_cache=True)


def test_the_picture_reaches_the_model(loaded):
    model, prompts, _ = loaded
    one = two_scenes()[0]
    other = replace(one, shown={**one.shown, "modality": (one.shown["modality"] + 1) % 3})
    with torch.no_grad():
        seen = [model(**prompts([scene]), logits_to_keep=1).logits for scene in (one, one, other)]
    assert torch.equal(seen[0], seen[1]) and not torch.allclose(seen[0], seen[2])


def test_tokens_get_the_credit_of_their_step(loaded):
    """One right and one wrong rollout a group; the wrong one errs in its first step and reasons on from it rightly.

    Group of two, answer and process reward: R = 2 and 0.8 (one invalid step of five), so A = +-1/sqrt 2 but for the
    epsilon. Published rule, judge local: the first step gets -e |A|, the other four +|A|, tokens outside A.
    """

    def values(drawn):
        rows = []
        for number, scene in enumerate(drawn):
            right = scene.truth
            rows.append(right if number % 2 == 0 else [(v + 1) % 3 for v in right])
        return rows

    drawn, samples = written(loaded, values)
    arm = replace(MAIN["mrpo"], judge="local")
    given = direct.credit(arm, drawn, samples, loaded[2], GROUPS, torch.Generator())
    responses = direct.read(samples, loaded[2])
    assert direct.labels_of(drawn, responses, "local")[1].tolist() == [0.0, 1.0, 1.0, 1.0, 1.0]
    size = 1 / math.sqrt(2)
    for row in (1, 3):
        (first, *rest), tokens = responses[row].spans, given[row].tolist()
        inside = {t for a, b in (first, *rest) for t in range(a, b)}
        assert [tokens[t] for t in range(*first)] == pytest.approx([-math.e * size] * (first[1] - first[0]), rel=1e-3)
        assert all(tokens[t] == pytest.approx(size, rel=1e-3) for a, b in rest for t in range(a, b))
        assert all(tokens[t] == pytest.approx(-size, rel=1e-3) for t in range(len(tokens)) if t not in inside)
    assert all(v == pytest.approx(size, rel=1e-3) for v in (*given[0].tolist(), *given[2].tolist()))
    plain = direct.credit(replace(MAIN["grpo"], judge="local"), drawn, samples, loaded[2], GROUPS, torch.Generator())
    assert all(len(set(row)) == 1 for row in plain.tolist()), "without shaping a rollout has one advantage"


def test_the_tokens_behind_a_response_get_no_credit(loaded):
    drawn, samples = written(loaded, lambda drawn: [scene.truth for scene in drawn])
    cut = samples.mask.clone()
    cut[:, -4:] = 0
    shorter = policy.Samples({}, samples.responses, cut, samples.texts)
    given = direct.credit(replace(MAIN["mrpo"], judge="local"), drawn, shorter, loaded[2], GROUPS, torch.Generator())
    assert not given[:, -4:].any()


def test_a_response_without_steps_has_no_labels_and_a_process_reward_of_0(loaded):
    drawn, samples = written(loaded, lambda drawn: [scene.truth for scene in drawn])
    ids = samples.responses.clone()
    ids[1, :] = ids[1, -1]  # the end of the turn alone
    broken = policy.Samples({}, ids, samples.mask, samples.texts)
    responses = direct.read(broken, loaded[2])
    assert not responses[1].steps and responses[1].answer == ""
    assert torch.isnan(direct.labels_of(drawn, responses, "local")[1]).all()
    given = direct.credit(replace(MAIN["mrpo"], judge="local"), drawn, broken, loaded[2], GROUPS, torch.Generator())
    assert given[0, 0] > 0 > given[1, 0] and torch.isfinite(given).all()


def test_the_seed_decides_a_run_and_the_test_is_the_same_for_all(folder):
    arm = replace(MAIN["mrpo"], judge="local")
    once, again = (direct.run(folder, arm, SHORT, seed=5) for _ in range(2))
    assert once == again and set(once) == {"early_rate", "accuracy", "shifted"}
