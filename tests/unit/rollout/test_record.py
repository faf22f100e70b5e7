"""Laws of the record on its way through verl: text in `reward_extra_info`, numbers in the validation metrics."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe.mrpo.rollout.record import RECORD_KEY, RolloutRecord

CUTS = (1 / 3, 2 / 3)
numbers = st.floats(-10, 10)


@st.composite
def records(draw) -> RolloutRecord:
    count = draw(st.integers(0, 6))
    edges = sorted(draw(st.lists(st.integers(0, 600), min_size=2 * count, max_size=2 * count)))
    labels = draw(st.none() | st.lists(st.integers(0, 1), min_size=count, max_size=count))
    names = draw(st.lists(st.sampled_from(["answer", "process", "length", "mine"]), unique=True))
    return RolloutRecord(
        steps=draw(st.lists(st.text(), min_size=count, max_size=count)),
        spans=list(zip(edges[::2], edges[1::2], strict=True)),
        labels=labels,
        judge_status=draw(st.sampled_from(["ok", "failed:http_500", "skipped:no_gold_reasoning"])),
        rewards={name: draw(st.none() | numbers) for name in names},
        weights={name: draw(numbers) for name in names},
        answer=draw(st.none() | st.text()),
        wrong=draw(st.booleans()),
        well_formed=draw(st.booleans()),
        response_tokens=draw(st.integers(0, 600)),
        judge=draw(st.sampled_from([{}, {"calls": 2, "latency_s": 1.5, "cached": False}])),
    )


@given(records())
def test_a_record_comes_back_as_it_was_whatever_the_model_wrote(record):
    info = record.to_extra_info(stage_cuts=CUTS)
    assert RolloutRecord.from_extra_info(json.loads(json.dumps(info))) == record
    info[RECORD_KEY].encode()  # what cannot be encoded cannot be sent


@given(records())
def test_every_value_beside_the_record_is_a_finite_number(record):
    info = record.to_extra_info(stage_cuts=CUTS)
    assert isinstance(info.pop(RECORD_KEY), str)
    assert all(type(v) is float and math.isfinite(v) for v in info.values())


@given(records())
def test_a_number_that_is_not_known_is_absent(record):
    info = record.to_extra_info(stage_cuts=CUTS)
    for name, value in record.rewards.items():
        assert info.get(f"{name}_reward", None) == value
    judged = bool(record.labels)
    assert ("valid_steps" in info) == ("no_invalid_step" in info) == judged
    assert ("unaligned_steps" in info) == bool(record.steps)
    assert ("ffp" in info) == ("far" in info) == ("ffp_mid" in info) == (judged and 0 in record.labels)


@given(records())
def test_the_total_is_the_weighted_sum_of_the_known_rewards(record):
    known = [(record.weights[n], v) for n, v in record.rewards.items() if v is not None]
    assert record.total == pytest.approx(sum(w * v for w, v in known), abs=1e-9)


def infos_dict(rows: list[dict]) -> dict[str, list]:
    """Columns of verl's `_validate`: a key that a row lacks is None there."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {name: [row.get(name) for row in rows] for name in names}


def test_validation_means_leave_out_what_is_not_known_and_the_record(verl, make_record):
    rows = [
        make_record(answer=1.0, labels=[1, 1]).to_extra_info(stage_cuts=CUTS),  # no invalid step: no FFP
        make_record(answer=0.0, labels=[1, 0, 0]).to_extra_info(stage_cuts=CUTS),
        make_record(answer=0.2, labels=None).to_extra_info(stage_cuts=CUTS),  # the judge failed
        {},  # no reward info at all
    ]
    got = verl.process_validation_metrics(["vqa"] * 4, ["a", "b", "c", "d"], infos_dict(rows))["vqa"]
    assert RECORD_KEY not in got
    # One rollout a question, so that verl's mean over questions is the mean over those that know the number.
    assert got["acc"]["mean@1"] == pytest.approx(1 / 3)
    assert got["process_reward"]["mean@1"] == pytest.approx((1 + 1 / 3) / 2)
    assert got["valid_steps"]["mean@1"] == pytest.approx((1 + 1 / 3) / 2)
    assert got["ffp"]["mean@1"] == pytest.approx(0.5)
    assert got["ffp_mid"]["mean@1"] == 1.0 and got["ffp_early"]["mean@1"] == 0.0
    assert got["far"]["mean@1"] == 1.0
    assert got["judge_failed"]["mean@1"] == pytest.approx(1 / 3)


def test_validation_metrics_stay_apart_by_data_source(verl, make_record):
    rows = [make_record(answer=a).to_extra_info(stage_cuts=CUTS) for a in (1.0, 0.0)]
    got = verl.process_validation_metrics(["vqa-rad", "slake"], ["a", "b"], infos_dict(rows))
    assert got["vqa-rad"]["acc"]["mean@1"] == 1.0 and got["slake"]["acc"]["mean@1"] == 0.0


def test_a_first_row_that_lacks_the_record_does_not_turn_it_into_a_metric(verl, make_record):
    """verl looks at the first value of a column to tell text from numbers, after it has dropped the missing ones."""
    rows = [{}, make_record().to_extra_info(stage_cuts=CUTS)]
    got = verl.process_validation_metrics(["vqa"] * 2, ["a", "a"], infos_dict(rows))["vqa"]
    assert RECORD_KEY not in got and "acc" in got
