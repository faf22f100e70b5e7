"""Laws of FFP, FAR and stages on columns; coverage of the intervals of steps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recipe.mrpo.evaluate.rollouts import read_rollouts
from recipe.mrpo.evaluate.scores.columns import Columns, columns_of, plain_answer
from recipe.mrpo.evaluate.scores.intervals import figures
from recipe.mrpo.evaluate.scores.options import ScoreOptions
from recipe.mrpo.evaluate.scores.reasoning import bin_of, reasoning
from recipe.mrpo.evaluate.scores.score import score
from recipe.mrpo.evaluate.scores.stages import stage_of
from recipe.mrpo.evaluate.statistics import wilson
from recipe.mrpo.rollout.first_failure import STAGES, far_by_ffp, first_failure_position, stage, stage_shares
from tests.unit.evaluate.made import case, dump_row, write

LABELS = st.lists(st.lists(st.integers(0, 1), max_size=9), min_size=1, max_size=25)
QUICK = ScoreOptions(draws=100)


def scored(folder, labels, **more):
    rows = [dump_row(f"u{i}_0_0", about=case(i, image=f"{i}.jpg"), labels=one, **more) for i, one in enumerate(labels)]
    return score(read_rollouts(write(folder / "1.jsonl", rows)), QUICK)["reasoning"]["overall"]


@settings(max_examples=15, deadline=None)
@given(LABELS)
def test_stages_and_bins_are_those_of_training(tmp_path_factory, labels):
    found = scored(tmp_path_factory.mktemp("run"), labels)
    for stages in found["stages"]:
        shares = stage_shares(labels, cuts=tuple(stages["cuts"]))
        assert {n: stages["share"][n]["value"] for n in STAGES} == (
            pytest.approx(shares) if shares else dict.fromkeys(STAGES))  # fmt: skip
        rates = sum(stages["rate"][n]["value"] for n in STAGES)
        assert rates == pytest.approx(found["failed_first"] / len(labels))
    expected = far_by_ffp(labels, width=0.2)
    for row in found["ffp_bins"]:
        far, count = next(
            ((f, n) for (low, _), (f, n) in expected.items() if math.isclose(low, row["from"])), (None, 0)
        )
        assert row["rollouts"] == count
        assert row["far"]["value"] == (None if far is None else pytest.approx(far))


@given(
    st.lists(st.integers(0, 1), min_size=1, max_size=12), st.sampled_from([(1 / 3, 2 / 3), (0.25, 0.75), (0.4, 0.8)])
)
def test_a_stage_of_columns_is_that_of_a_rollout(labels, cuts):
    ffp = first_failure_position(labels)
    number = stage_of(np.array([math.nan if ffp is None else ffp]), cuts)[0]
    assert number == (-1 if ffp is None else STAGES.index(stage(ffp, cuts=cuts)))


def test_a_position_on_an_edge_belongs_to_the_upper_bin_and_1_to_the_last():
    assert bin_of(np.array([0.0, 0.2, 3 / 5, 0.8, 1.0, math.nan]), 0.2).tolist() == [0, 1, 3, 4, 4, -1]


@pytest.mark.parametrize(
    ("labels", "ffp", "far", "why"),
    [
        ([0], 0.0, 0.0, "one step, and no step after it"),
        ([1, 1, 0], 1.0, 0.0, "the last step"),
        ([0, 0, 0], 0.0, 1.0, "all fail"),
        ([1, 0, 1, 0, 1], 0.25, 1 / 3, "one of three after the second"),
    ],
)
def test_ffp_and_far_of_one_rollout(tmp_path, labels, ffp, far, why):
    found = scored(tmp_path, [labels])
    assert found["ffp"]["value"] == pytest.approx(ffp) and found["far"]["value"] == pytest.approx(far), why


def test_unknown_labels_are_a_part_of_their_own_and_widen_the_bounds(tmp_path):
    found = scored(tmp_path, [[0, 1], [1, 1], None, None], steps=2)
    assert (found["failed_first"], found["without_invalid_step"], found["not_known"]) == (1, 1, 2)
    assert found["stages"][0]["rate"]["early"]["value"] == 0.25
    assert found["stages"][0]["rate_bounds"]["early"] == [0.25, 0.75]
    assert found["valid_steps_bounds"] == [3 / 8, 7 / 8] and found["valid_steps"]["value"] == 0.75
    assert found["not_known_kinds"] == {"failed:timeout": 2}


def test_without_any_label_nothing_is_0(tmp_path):
    found = scored(tmp_path, [None, None])
    for name in ("valid_steps", "no_invalid_step", "steps_per_answer", "ffp", "far"):
        assert found[name]["value"] is None, name


def test_steps_lie_in_rollouts_and_rollouts_in_images():
    """Valid steps with a spread of images and of rollouts: the interval by image covers, that of independent steps not.

    26 images, 8 rollouts each, 4 to 8 steps; 300 simulated runs.
    """
    random, true, runs, covered = np.random.default_rng(6), 0.7, 300, {"clustered": 0, "plain": 0}
    options = ScoreOptions(draws=300)
    for _ in range(runs):
        chance = np.clip(random.beta(14, 6, size=26)[:, None] + random.normal(0, 0.08, size=(26, 8)), 0, 1).ravel()
        steps = random.integers(4, 9, size=208)
        valid = random.binomial(steps, chance)
        columns = Columns({"row": np.arange(208), "cluster": np.repeat(np.arange(26), 8)}, {})
        found = figures(columns, {"valid": (valid, steps)}, options)["valid"]
        covered["clustered"] += found["low"] <= true <= found["high"]
        low, high = wilson(int(valid.sum()), int(steps.sum()), level=0.95)
        covered["plain"] += low <= true <= high
    assert covered["clustered"] / runs >= 0.93
    assert covered["plain"] / runs < 0.85


def test_patients_are_clusters_by_option_and_those_without_one_are_counted(tmp_path):
    rows = [dump_row(f"u{i}_0_0", about=case(i, image=f"{i}.jpg", **({"patient": i // 3} if i < 9 else {})))
            for i in range(12)]  # fmt: skip
    path = write(tmp_path / "1.jsonl", rows)
    by_image = columns_of(read_rollouts(path), cluster="image")
    by_patient = columns_of(read_rollouts(path), cluster="patient")
    assert len(np.unique(by_image.cluster)) == 12 and len(np.unique(by_patient.cluster)) == 6
    assert by_patient.without_cluster == 3
    found = reasoning(by_patient, QUICK)
    assert (found["images"], found["clusters"]) == (12, 6)


@pytest.mark.parametrize(
    ("text", "plain"), [("Yes.", "yes"), (" The  LIVER ", "the liver"), ("**No**", "no"), ("", "")]
)
def test_answers_are_counted_without_case_and_marks(text, plain):
    assert plain_answer(text) == plain
