"""MRPO and GDPO as verl's real `compute_advantage` calls them, with the labels set beside it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from recipe.mrpo.judge.when_to_judge import shaping_reads_labels, skip_reason
from recipe.mrpo.wiring.estimators import CREDIT, StepCredit

WIDTH = 12


@pytest.fixture
def advantages(verl, options):
    """advantages("mrpo", records, groups): through verl, as its v1 trainers do it."""

    def compute(
        estimator, records, groups, *, lengths=None, norm_by_std=True, kl=False, rewards=None, credit=True, **changed
    ):
        lengths = [WIDTH] * len(records) if lengths is None else lengths
        mask = torch.tensor([[int(t < n) for t in range(WIDTH)] for n in lengths])
        if rewards is None:
            rewards = torch.zeros(len(records), WIDTH)
            for i, record in enumerate(records):
                if record is not None and lengths[i]:
                    rewards[i, lengths[i] - 1] = record.total
        data = verl.DataProto.from_dict(
            tensors={"token_level_rewards": rewards, "response_mask": mask},
            non_tensors={"uid": np.array(groups, dtype=object)},
        )
        given = StepCredit(records=records, options=options(**changed), norm_by_std=norm_by_std, use_kl_in_reward=kl)
        token = CREDIT.set(given if credit else None)
        try:
            data = verl.compute_advantage(
                data, adv_estimator=estimator, norm_adv_by_std_in_grpo=norm_by_std, config={"adv_estimator": estimator}
            )
        finally:
            CREDIT.reset(token)
        assert torch.equal(data.batch["advantages"], data.batch["returns"])
        assert data.batch["advantages"].dtype == torch.float32
        return data.batch["advantages"]

    return compute


def test_mrpo_shapes_a_wrong_rollout_and_leaves_a_right_one(advantages, make_record):
    """Two rollouts, R = 2 and 0: A = +-1 / (sqrt(2) + 1e-4) after division by the unbiased std sqrt(2)."""
    right = make_record(answer=1.0, labels=[1, 1, 1])
    wrong = make_record(answer=0.0, labels=[0, 1, 0], process=0.0)
    got = advantages("mrpo", [right, wrong], ["q", "q"])
    a = 1 / (math.sqrt(2) + 1e-4)
    assert got[0].tolist() == pytest.approx([a] * WIDTH)
    # tag, step 1 (invalid, factor e), step 2 (valid), step 3 (invalid, factor 1), outside
    expected = [-a] + [-math.e * a] * 2 + [a] * 2 + [-a] * 2 + [-a] * 5
    assert got[1].tolist() == pytest.approx(expected, rel=1e-6)


def test_an_invalid_step_of_a_wrong_rollout_that_is_better_than_its_group_is_pushed_down(advantages, make_record):
    better = make_record(answer=0.5, labels=[1, 1, 0])
    worse = make_record(answer=0.0, labels=[0, 0, 0])
    got = advantages("mrpo", [better, worse], ["q", "q"])
    assert got[0, 0] > 0 and got[0, 5] < 0


def test_padding_rows_get_zero_and_move_nobody(advantages, make_record):
    records = [make_record(answer=1.0), make_record(answer=0.0, labels=[0, 1])]
    alone = advantages("mrpo", records, ["q", "q"])
    padded = advantages("mrpo", [*records, None, None], ["q", "q", "pad-1", "pad-2"], lengths=[WIDTH, WIDTH, 0, 0])
    assert torch.equal(padded[:2], alone)
    assert torch.count_nonzero(padded[2:]) == 0


def test_tokens_after_the_response_get_zero(advantages, make_record):
    got = advantages("mrpo", [make_record(answer=1.0), make_record()], ["q", "q"], lengths=[4, 9])
    assert torch.count_nonzero(got[0, 4:]) == torch.count_nonzero(got[1, 9:]) == 0
    assert torch.count_nonzero(got[0, :4]) == 4


@pytest.mark.parametrize("norm_by_std", [True, False])
def test_without_shaping_mrpo_is_verls_grpo(advantages, make_record, norm_by_std):
    generator = np.random.default_rng(1)
    records = [make_record(answer=a, labels=[1, 0]) for a in generator.random(12).tolist()]
    groups = [f"q{i % 3}" for i in range(12)]
    ours = advantages("mrpo", records, groups, norm_by_std=norm_by_std, shaping="none")
    # verl's GRPO adds 1e-6 to the standard deviation, ours 1e-4 as the study does.
    stock = advantages("grpo", records, groups, norm_by_std=norm_by_std)
    torch.testing.assert_close(ours, stock, rtol=2e-3 if norm_by_std else 1e-5, atol=1e-6)


def test_mrpo_outside_the_v1_trainers_names_the_override(advantages, make_record):
    with pytest.raises(RuntimeError, match=r"trainer\.use_v1=True"):
        advantages("mrpo", [make_record(), make_record()], ["q", "q"], credit=False)


@pytest.mark.parametrize("shaping", ["pgrpo", "none", "mrpo"])
@pytest.mark.parametrize("norm_by_std", [True, False])
def test_a_kl_penalty_of_zero_in_the_reward_changes_nothing(advantages, make_record, shaping, norm_by_std):
    """P-GRPO counts no process reward of a wrong rollout, wherever verl puts its KL penalty."""
    records = [
        make_record(answer=1.0, labels=[1, 0, 1]),
        make_record(answer=0.0, labels=[1, 1, 1]),
        make_record(answer=0.2, labels=[0, 0, 1], length=-0.25),
        make_record(answer=0.0, labels=None),
    ]
    groups, how = ["q"] * 4, {"shaping": shaping, "norm_by_std": norm_by_std}
    plain = advantages("mrpo", records, groups, **how)
    torch.testing.assert_close(advantages("mrpo", records, groups, kl=True, **how), plain, rtol=1e-6, atol=1e-6)


def test_a_kl_penalty_in_the_reward_lowers_what_it_is_put_on_and_the_gate_stays_shut(advantages, make_record):
    """R without the process reward of wrong rollouts: 1 + 1, 0 and 0 - 0.5; their mean is 0.5."""
    records = [make_record(answer=1.0, labels=[1, 1, 1]), make_record(answer=0.0, labels=[1, 1, 1]),
               make_record(answer=0.0, labels=[1, 0, 0])]  # fmt: skip
    rewards = torch.zeros(3, WIDTH)
    for i, record in enumerate(records):
        rewards[i, -1] = record.total
    rewards[2, :5] -= 0.1
    got = advantages("mrpo", records, ["q"] * 3, kl=True, shaping="pgrpo", norm_by_std=False, rewards=rewards)
    assert got[:, 0].tolist() == pytest.approx([1.5, -0.5, -1.0], abs=1e-6)


# --- a judge that failed


def test_a_failed_judgement_leaves_its_rollout_unshaped_and_its_group_finite(advantages, make_record):
    failed = make_record(answer=0.0, labels=None)
    records = [make_record(answer=1.0, labels=[1, 1, 1]), make_record(answer=0.0, labels=[1, 0, 0]), failed]
    got = advantages("mrpo", records, ["q"] * 3)
    assert torch.isfinite(got).all()
    assert got[2].unique().numel() == 1  # one A_i on every token
    assert got[1].unique().numel() > 1  # its neighbour is shaped


def test_the_process_mean_is_over_the_known_ones(advantages, make_record):
    """R_ans: 1, 0, 0.5. R_proc: 1, 0 and unknown, which counts as their mean 0.5. So the third stands at A = 0."""
    records = [
        make_record(answer=1.0, labels=[1, 1, 1]),
        make_record(answer=0.0, labels=[0, 0, 0]),
        make_record(answer=0.5, labels=None),
    ]
    got = advantages("mrpo", records, ["q"] * 3, norm_by_std=False)
    assert got[:, 0].tolist() == pytest.approx([1.0, -1.0, 0.0], abs=1e-7)
    as_if_zero = [*records[:2], make_record(answer=0.5, labels=None, process=0.0)]
    punished = advantages("mrpo", as_if_zero, ["q"] * 3, norm_by_std=False)
    assert punished[:, 0].tolist() == pytest.approx([1 + 1 / 6, -1 + 1 / 6, -1 / 3], abs=1e-7)


@pytest.mark.parametrize("estimator", ["mrpo", "gdpo"])
def test_a_group_whose_judgements_all_failed_is_judged_by_its_other_rewards(advantages, make_record, estimator):
    records = [make_record(answer=a, labels=None) for a in (1.0, 0.0)]
    got = advantages(estimator, records, ["q", "q"])
    assert torch.isfinite(got).all()
    assert (got[0] > 0).all() and (got[1] < 0).all()


@pytest.mark.parametrize("estimator", ["mrpo", "gdpo"])
def test_a_failed_judgement_is_not_a_process_reward_of_zero(advantages, make_record, estimator):
    """Equal in everything else: who is not judged is treated like the average, not like the worst."""
    records = [make_record(answer=0.0, labels=[1, 1, 1]), make_record(answer=0.0, labels=[1, 1, 1]),
               make_record(answer=0.0, labels=None)]  # fmt: skip
    assert torch.count_nonzero(advantages(estimator, records, ["q"] * 3)) == 0
    zero = [*records[:2], make_record(answer=0.0, labels=None, process=0.0)]
    assert (advantages(estimator, zero, ["q"] * 3)[2] < 0).all()


# --- GDPO


def whitened(values: list[float], counts: list[int] | None = None) -> list[float]:
    """(x - mean) / (unbiased std + 1e-4), each value counting `counts` times."""
    repeated = np.repeat(np.asarray(values, dtype=np.float64), counts if counts is not None else 1)
    return ((np.asarray(values) - repeated.mean()) / (repeated.std(ddof=1) + 1e-4)).tolist()


def slow_gdpo(records, groups, *, final_norm, lengths) -> list[float]:
    """arXiv 2601.05242 in numpy float64, one reward and one group after the other."""
    total = np.zeros(len(records))
    for name, weight in records[0].weights.items():
        for group in dict.fromkeys(groups):
            rows = [i for i, g in enumerate(groups) if g == group]
            rows = [i for i in rows if records[i].rewards[name] is not None]
            values = np.array([records[i].rewards[name] for i in rows], dtype=np.float64)
            if len(rows) > 1:
                total[rows] += weight * (values - values.mean()) / (values.std(ddof=1) + 1e-4)
    if final_norm == "none":
        return total.tolist()
    return whitened(total.tolist(), lengths if final_norm == "token" else None)


@pytest.mark.parametrize("final_norm", ["rollout", "token", "none"])
@pytest.mark.parametrize("seed", range(6))
def test_gdpo_equals_an_independent_computation(advantages, make_record, final_norm, seed):
    generator = np.random.default_rng(seed)
    size = int(generator.integers(5, 40))
    weights = dict(zip(("answer", "process", "length"), generator.uniform(0.1, 3, 3).tolist(), strict=True))
    answers, others = generator.choice([0.0, 0.3, 1.0], size), generator.random((size, 2))
    failed = generator.random(size) < 0.25  # a failed judgement: its process reward is not known
    records = [
        make_record(answer=float(a), labels=[1, 0], process=None if f else float(p), length=-float(n), weights=weights)
        for a, (p, n), f in zip(answers, others, failed, strict=True)
    ]
    groups = [f"q{g}" for g in generator.integers(0, 4, size)]
    lengths = generator.integers(1, WIDTH + 1, size).tolist()
    got = advantages("gdpo", records, groups, lengths=lengths, **{"gdpo.final_norm": final_norm})
    expected = slow_gdpo(records, groups, final_norm=final_norm, lengths=lengths)
    for row, length, value in zip(got.tolist(), lengths, expected, strict=True):
        assert row[:length] == pytest.approx([value] * length, abs=1e-6, rel=1e-6)
        assert row[length:] == [0.0] * (WIDTH - length)


def test_gdpo_with_one_reward_is_the_whitened_group_advantage(advantages, make_record):
    only = {"answer": 1.0, "process": 0.0, "length": 0.0}
    records = [make_record(answer=a, labels=[1], weights=only) for a in (1.0, 0.0, 0.0, 0.5, 0.25, 1.0)]
    groups = ["q", "q", "q", "r", "r", "r"]
    group = advantages("mrpo", records, groups, shaping="none")[:, 0].tolist()
    got = advantages("gdpo", records, groups)
    assert got[:, 0].tolist() == pytest.approx(whitened(group), abs=1e-6)


def test_gdpo_golden_vector(advantages, make_record):
    """By hand, from the definition, with its 1e-4 left out of the arithmetic and allowed for in the tolerance.

    group q: answer (1, 0)   -> (+1, -1) / sqrt(2);  length (0, -1)   -> (+1, -1) / sqrt(2)
    group r: answer (1, 0)   -> (+1, -1) / sqrt(2);  length (-0.5, 0) -> (-1, +1) / sqrt(2)
    sums: (+2, -2, 0, 0) / sqrt(2); mean 0, std sqrt((2 + 2) / 3); divided: sqrt(2) / sqrt(4 / 3) = sqrt(1.5)
    """
    weights = {"answer": 1.0, "process": 0.0, "length": 1.0}
    records = [make_record(answer=a, length=n, weights=weights) for a, n in ((1, 0.0), (0, -1.0), (1, -0.5), (0, 0.0))]
    got = advantages("gdpo", records, ["q", "q", "r", "r"])
    assert got[:, 0].tolist() == pytest.approx([math.sqrt(1.5), -math.sqrt(1.5), 0.0, 0.0], abs=1e-3)
    # GRPO on the summed rewards sees another order: in r the right answer wins by 0.5, and by as much as in q.
    assert advantages("mrpo", records, ["q", "q", "r", "r"], shaping="none")[2, 0] > 0.5


def test_gdpo_leaves_padding_rows_out_of_the_batch_statistics(advantages, make_record):
    records = [make_record(answer=a, labels=[1]) for a in (1.0, 0.0, 0.3)]
    alone = advantages("gdpo", records, ["q"] * 3)
    padded = advantages("gdpo", [*records, None], ["q"] * 3 + ["pad"], lengths=[WIDTH] * 3 + [0])
    torch.testing.assert_close(padded[:3], alone, rtol=0, atol=0)
    assert torch.count_nonzero(padded[3]) == 0


def test_gdpo_does_not_reshape_steps(advantages, make_record):
    got = advantages("gdpo", [make_record(answer=1.0), make_record(answer=0.0, labels=[0, 1, 0])], ["q", "q"])
    assert got[1].unique().numel() == 1


@pytest.mark.parametrize("records", [None, [None, None]], ids=["no trainer of ours", "no reward manager of ours"])
def test_gdpo_without_records_is_verls_own(verl, options, monkeypatch, records):
    calls = {}
    stock = verl.core_algos.ADV_ESTIMATOR_REGISTRY["gdpo"].__wrapped__
    assert stock is verl.core_algos.compute_gdpo_outcome_advantage
    tensors = {
        "token_level_rewards": torch.rand(2, 3),
        "response_mask": torch.ones(2, 3, dtype=torch.int64),
        "prompts": torch.ones(2, 2, dtype=torch.int64),
        "attention_mask": torch.ones(2, 5, dtype=torch.int64),
    }
    non_tensors = {"uid": np.array(["q", "q"], dtype=object), "acc": np.array([1.0, 0.0]), "fmt": np.array([0.0, 0.5])}
    config = {"gdpo_reward_keys": ["acc", "fmt"]}
    given = None if records is None else StepCredit(records, options(), norm_by_std=True, use_kl_in_reward=False)
    token = CREDIT.set(given)
    try:
        for name, function in (("ours", None), ("stock", stock)):
            if function is not None:
                monkeypatch.setitem(verl.core_algos.ADV_ESTIMATOR_REGISTRY, "gdpo", function)
            data = verl.DataProto.from_dict(tensors=dict(tensors), non_tensors=dict(non_tensors))
            calls[name] = verl.compute_advantage(data, adv_estimator="gdpo", config=config).batch["advantages"]
    finally:
        CREDIT.reset(token)
    assert torch.count_nonzero(calls["stock"]) > 0
    assert torch.equal(calls["ours"], calls["stock"])


# --- rollouts that mrpo.judge.ask_for leaves unjudged


def unjudged(record, option):
    return replace(
        record, labels=None, judge_status=f"skipped:{option}", rewards=record.rewards | {"process": None}, judge={}
    )


@pytest.mark.parametrize("shaping", ["mrpo", "vppo", "pgrpo", "none"])
@pytest.mark.parametrize("seed", range(5))
def test_leaving_out_unused_labels_changes_no_advantage(advantages, make_record, shaping, seed):
    generator = np.random.default_rng(seed)
    weights = {"answer": 1.0, "process": 0.0, "length": 1.0}
    records = [
        make_record(answer=float(generator.random()), labels=generator.integers(0, 2, 3).tolist(), weights=weights)
        for _ in range(8)
    ]
    given = {"shaping_options": {}, "estimator": "mrpo", "ours": ("mrpo",)}
    shaped = [shaping_reads_labels(shaping, wrong=r.wrong, **given) for r in records]
    reasons = [
        skip_reason("needed", wrong=r.wrong, read_by_rewards=False, shaped=s)
        for r, s in zip(records, shaped, strict=True)
    ]
    assert any(reasons)
    fewer = [unjudged(r, "unused") if reason else r for r, reason in zip(records, reasons, strict=True)]
    groups = ["p"] * 4 + ["q"] * 4
    given, got = (advantages("mrpo", rs, groups, shaping=shaping) for rs in (records, fewer))
    assert torch.equal(given, got)


def test_right_rollouts_left_unjudged_are_compared_by_their_other_rewards(advantages, make_record):
    """Their unknown process reward is the mean of the judged ones' of the group: it moves none of them."""
    right = [unjudged(make_record(answer=1.0, length=length), "right") for length in (0.0, 0.0, -0.5)]
    got = advantages("mrpo", right, ["q"] * 3)[:, 0]
    assert got[0] == got[1] > got[2]
    wrong = make_record(answer=0.0, labels=[0, 1, 1])
    mixed = advantages("mrpo", [*right[:2], wrong], ["q"] * 3)
    assert mixed[0, 0] == mixed[1, 0] > 0 and len(mixed[2].unique()) > 1  # the wrong one is shaped all the same
