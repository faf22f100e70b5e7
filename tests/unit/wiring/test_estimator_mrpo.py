"""The whole estimator against the formulas of the paper written once more, slowly: loops over rollouts and tokens."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recipe.mrpo.credit.token_runs import TokenRuns
from recipe.mrpo.options.tree import load_options
from recipe.mrpo.rollout.record import RolloutRecord
from recipe.mrpo.wiring.estimators import CREDIT, StepCredit, mrpo_advantage
from tests.unit.rollout.step_numbers import step_of_token

WIDTH = 14


def record(answer, labels, *, spans=None, status="ok", length=0.0, tau=0.6, process="mean") -> RolloutRecord:
    """A rollout whose steps are one token each behind one tag token, unless `spans` says otherwise."""
    num_steps = len(labels) if labels is not None else 3
    if process == "mean":
        process = None if labels is None else (sum(labels) / len(labels) if labels else 0.0)
    return RolloutRecord(
        steps=["It is."] * num_steps,
        spans=spans if spans is not None else [(k + 1, k + 2) for k in range(num_steps)],
        labels=labels,
        judge_status=status if labels is not None else "failed:timeout",
        rewards={"answer": answer, "process": process, "length": length},
        weights={"answer": 1.0, "process": 1.0, "length": 1.0},
        answer="yes",
        wrong=answer <= tau,
        well_formed=True,
        response_tokens=WIDTH,
    )


def estimate(records, groups, mask, *, norm_by_std=True, round_factors=False, base=math.e, kl=False, rewards=None):
    options = load_options({"factor_base": base, "round_factors": round_factors})
    credit = StepCredit(records=records, options=options, norm_by_std=norm_by_std, use_kl_in_reward=kl)
    if rewards is None:
        rewards = torch.zeros(mask.shape)
        rewards[:, -1] = torch.tensor([r.total if r else 0.0 for r in records])
    token = CREDIT.set(credit)
    try:
        advantages, returns = mrpo_advantage(rewards, mask, np.array(groups, dtype=object))
    finally:
        CREDIT.reset(token)
    assert torch.equal(advantages, returns)
    return advantages


def slow(records, groups, mask, *, norm_by_std, round_factors, base) -> list[list[float]]:
    """The advantages of arXiv 2606.31825 in plain Python floats."""
    filled = []
    for rec, group in zip(records, groups, strict=True):
        mates = [r for r, g in zip(records, groups, strict=True) if g == group]
        total = 0.0
        for name, value in rec.rewards.items():
            known = [m.rewards[name] for m in mates if m.rewards[name] is not None]
            total += value if value is not None else (math.fsum(known) / len(known) if known else 0.0)
        filled.append(total)
    out = []
    for i, rec in enumerate(records):
        mates = [f for f, g in zip(filled, groups, strict=True) if g == groups[i]]
        a = filled[i] - math.fsum(mates) / len(mates)
        if norm_by_std and len(mates) > 1:
            mean = math.fsum(mates) / len(mates)
            a /= math.sqrt(math.fsum((m - mean) ** 2 for m in mates) / (len(mates) - 1)) + 1e-4
        if len(mates) == 1:
            a = 0.0
        row = [a] * WIDTH
        num_steps = len(rec.steps)
        if rec.rewards["answer"] <= 0.6 and rec.labels is not None:
            for k, (valid, (t0, t1)) in enumerate(zip(rec.labels, rec.spans, strict=True), start=1):
                factor = base ** (1 - (k - 1) / (num_steps - 1)) if num_steps > 1 else 1.0
                if round_factors:
                    factor = round(factor, 2)
                for t in range(t0, min(t1, WIDTH)):
                    row[t] = abs(a) if valid else -factor * abs(a)
        out.append([value * int(m) for value, m in zip(row, mask[i].tolist(), strict=True)])
    return out


@st.composite
def rollouts(draw) -> RolloutRecord:
    answer = draw(st.sampled_from([0.0, 0.15, 0.6, 0.61, 1.0]))
    num_steps = draw(st.integers(0, 5))
    edges = sorted(draw(st.lists(st.integers(0, WIDTH), min_size=2 * num_steps, max_size=2 * num_steps)))
    spans = list(zip(edges[::2], edges[1::2], strict=True))  # with gaps, and empty ones
    labels = draw(st.lists(st.integers(0, 1), min_size=num_steps, max_size=num_steps))
    if draw(st.booleans()) and draw(st.booleans()):
        return record(answer, None, spans=[(1, 2), (2, 3), (5, 9)], length=-0.25)
    return record(answer, labels, spans=spans, length=draw(st.sampled_from([0.0, -0.25, -0.5])))


@given(
    batch=st.lists(st.tuples(rollouts(), st.sampled_from("abc"), st.integers(0, WIDTH)), min_size=1, max_size=10),
    norm_by_std=st.booleans(),
    round_factors=st.booleans(),
    base=st.sampled_from([math.e, 1.0, 3.0]),
)
def test_the_estimator_agrees_with_the_formulas_in_loops(batch, norm_by_std, round_factors, base):
    records, groups = [r for r, _, _ in batch], [g for _, g, _ in batch]
    mask = torch.tensor([[int(t < length) for t in range(WIDTH)] for _, _, length in batch])
    options = {"norm_by_std": norm_by_std, "round_factors": round_factors, "base": base}
    got = estimate(records, groups, mask, **options)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, torch.tensor(slow(records, groups, mask, **options)), rtol=1e-6, atol=1e-6)


def test_a_failed_judgement_moves_nobody_and_shapes_nothing():
    """Third rollout: its judge failed. It must not look like a rollout with process reward 0."""
    good, bad, failed = record(1.0, [1, 1, 1]), record(0.0, [1, 0, 1]), record(0.0, None)
    got = estimate([good, bad, failed], ["g"] * 3, torch.ones(3, WIDTH, dtype=torch.int64), norm_by_std=False)
    # R_ans: 1, 0, 0, mean 1/3. R_proc: 1, 2/3 and unknown, mean 5/6.
    assert got[0].unique().tolist() == pytest.approx([2 / 3 + 1 / 6])
    assert got[1, 0].item() == pytest.approx(-1 / 3 - 1 / 6)
    assert got[2].unique().tolist() == pytest.approx([-1 / 3])


def test_rewards_of_equal_rollouts_give_exactly_zero_on_every_token():
    records = [record(0.1, [1, 0, 1], length=-0.3) for _ in range(8)]
    got = estimate(records, ["g"] * 8, torch.ones(8, WIDTH, dtype=torch.int64))
    assert torch.count_nonzero(got) == 0


def test_weights_scale_the_rewards():
    heavy = [record(1.0, [1, 1]), record(0.0, [1, 1])]
    heavy = [RolloutRecord(**{**vars(r), "weights": {"answer": 3.0, "process": 1.0, "length": 0.0}}) for r in heavy]
    got = estimate(heavy, ["g", "g"], torch.ones(2, WIDTH, dtype=torch.int64), norm_by_std=False)
    assert got[0, 0].item() == pytest.approx(1.5)


def test_a_kl_penalty_in_the_token_rewards_is_part_of_the_reward():
    records = [record(1.0, [1, 1]), record(1.0, [1, 1])]
    rewards = torch.zeros(2, WIDTH)
    rewards[:, -1] = 2.0
    rewards[0, 3] = -0.5
    mask = torch.ones(2, WIDTH, dtype=torch.int64)
    got = estimate(records, ["g", "g"], mask, norm_by_std=False, kl=True, rewards=rewards)
    assert got[:, 0].tolist() == pytest.approx([-0.25, 0.25])


def test_a_row_without_a_record_and_a_mask_of_zeros_gets_zero():
    """verl pads a batch with rows of a group of their own."""
    mask = torch.tensor([[1] * WIDTH, [1] * WIDTH, [0] * WIDTH])
    alone = estimate([record(1.0, [1]), record(0.0, [0])], ["g", "g"], mask[:2])
    padded = estimate([record(1.0, [1]), record(0.0, [0]), None], ["g", "g", "pad"], mask)
    assert torch.equal(padded[:2], alone)
    assert torch.count_nonzero(padded[2]) == 0


def test_a_run_without_the_trainer_mixin_stops_with_the_override_to_set():
    with pytest.raises(RuntimeError, match=r"trainer\.use_v1=True"):
        mrpo_advantage(torch.zeros(1, 2), torch.ones(1, 2), np.array(["g"], dtype=object))


spans_of_a_row = st.lists(st.integers(0, WIDTH + 3), max_size=10).map(
    lambda edges: list(zip(sorted(edges)[::2], sorted(edges)[1::2], strict=False))
)


@given(st.lists(spans_of_a_row, min_size=1, max_size=5))
def test_the_steps_of_tokens_of_a_batch_are_those_of_its_rows(rows):
    """Spans may reach beyond the width of the batch when verl cuts responses."""
    numbers = torch.arange(1.0, 12.0).repeat(len(rows), 1)
    mask = torch.ones(len(rows), WIDTH, dtype=torch.int64)
    got = TokenRuns.of(rows, mask, [WIDTH] * len(rows)).spread(numbers, torch.zeros(len(rows))).int()
    assert got.tolist() == [step_of_token(spans, WIDTH).tolist() for spans in rows]


@given(rollouts())
def test_a_record_survives_the_way_through_verl(original):
    """The reward manager writes it as text into `reward_extra_info`; the trainer reads it back."""
    info = original.to_extra_info(stage_cuts=(1 / 3, 2 / 3))
    assert RolloutRecord.from_extra_info(json.loads(json.dumps(info))) == original
    assert all(isinstance(v, float) and math.isfinite(v) for v in info.values() if not isinstance(v, str))


def test_rows_without_a_record_have_none():
    assert RolloutRecord.from_extra_info(None) is None
    assert RolloutRecord.from_extra_info({}) is None
    assert RolloutRecord.from_extra_info({"acc": 1.0}) is None


@pytest.mark.parametrize("changed", [{"spans": [(0, 1)]}, {"labels": [1]}, {"labels": [1, 0, 1]}])
def test_a_record_with_a_label_or_a_span_too_few_is_refused(changed):
    """A judge that skips a step would else shift every later label."""
    with pytest.raises(ValueError, match="steps"):
        RolloutRecord(**{**vars(record(0.0, [1, 0])), **changed})
