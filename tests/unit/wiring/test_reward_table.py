"""Records as tensors: what is unknown stays unknown, and what no advantage can be computed with is refused by name."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from recipe.mrpo.options.tree import load_options
from recipe.mrpo.wiring.batch_table import BatchTable
from recipe.mrpo.wiring.estimators import CREDIT, StepCredit, gdpo_advantage, mrpo_advantage
from recipe.mrpo.wiring.reward_table import LARGEST, flat_groups, label_matrix, reward_matrix, weighted_rewards

WIDTH = 12


def advantages(estimator, records, *, kl=False, rewards=None, norm_by_std=True, **changed):
    credit = StepCredit(records, load_options(changed), norm_by_std=norm_by_std, use_kl_in_reward=kl)
    mask = torch.ones(len(records), WIDTH, dtype=torch.int64)
    token = CREDIT.set(credit)
    try:
        rewards = torch.zeros(len(records), WIDTH) if rewards is None else rewards
        return estimator(rewards, mask, np.array(["g"] * len(records), dtype=object))[0]
    finally:
        CREDIT.reset(token)


@pytest.mark.parametrize("estimator", [mrpo_advantage, gdpo_advantage])
@pytest.mark.parametrize("norm_by_std", [True, False])
@pytest.mark.parametrize(
    ("values", "weight"),
    [((1e308, -1e308), 1.0), ((1e300, 0.0), 1e10), ((float("inf"), 0.0), 1.0), ((float("nan"), 0.0), 1.0)],
    ids=["their difference overflows", "the weight overflows", "infinite", "not a number"],
)
def test_a_reward_beyond_arithmetic_is_an_error_that_names_it(make_record, estimator, norm_by_std, values, weight):
    weights = {"answer": 1.0, "process": 1.0, "length": weight}
    records = [make_record(length=value, weights=weights) for value in values]
    with pytest.raises(ValueError, match=r"mrpo\.rewards\.length is .*mrpo\.rewards\.length\.weight"):
        advantages(estimator, records, norm_by_std=norm_by_std)


@pytest.mark.parametrize("estimator", [mrpo_advantage, gdpo_advantage])
@pytest.mark.parametrize("norm_by_std", [True, False])
def test_the_largest_reward_that_is_taken_gives_finite_advantages(make_record, estimator, norm_by_std):
    records = [make_record(length=value) for value in (LARGEST, -LARGEST, 0.0)]
    assert torch.isfinite(advantages(estimator, records, norm_by_std=norm_by_std)).all()


@pytest.mark.parametrize("estimator", [mrpo_advantage, gdpo_advantage])
@pytest.mark.parametrize("kl", [False, True])
def test_a_row_without_a_record_moves_no_other_row(make_record, estimator, kl):
    """Nothing is known of it; counted as 0 it would make its group look worse than it is."""
    records = [make_record(answer=1.0), make_record(answer=0.5), make_record(answer=0.0)]
    rewards = torch.zeros(4, WIDTH)
    for i, record in enumerate(records):
        rewards[i, -1] = record.total
    alone = advantages(estimator, records, kl=kl, rewards=rewards[:3])
    with_it = advantages(estimator, [*records, None], kl=kl, rewards=rewards)
    torch.testing.assert_close(with_it[:3], alone)
    if estimator is mrpo_advantage:
        assert torch.count_nonzero(with_it[3]) == 0


@pytest.mark.parametrize("kl", [False, True])
def test_a_rollout_that_could_not_be_scored_moves_no_other(make_record, kl):
    unscored = make_record(
        labels=[], spans=[], wrong=None, rewards=dict.fromkeys(("answer", "process", "length")), errors={"rollout": "E"}
    )
    records = [make_record(answer=1.0), make_record(answer=0.0)]
    rewards = torch.zeros(3, WIDTH)
    for i, record in enumerate(records):
        rewards[i, -1] = record.total
    alone = advantages(mrpo_advantage, records, kl=kl, rewards=rewards[:2])
    with_it = advantages(mrpo_advantage, [*records, unscored], kl=kl, rewards=rewards)
    torch.testing.assert_close(with_it[:2], alone)
    assert torch.count_nonzero(with_it[2]) == 0


def test_a_rollout_that_is_neither_right_nor_wrong_is_not_shaped(make_record):
    undecided = make_record(wrong=None, labels=[0, 1, 0], rewards={"answer": None, "process": 1 / 3, "length": 0.0})
    got = advantages(mrpo_advantage, [make_record(answer=1.0), undecided])
    assert got[1].unique().numel() == 1


def test_tables_of_a_batch(make_record):
    weights = {"answer": 1.0, "process": 2.0, "length": 0.0}
    right = make_record(answer=1.0, labels=[1], length=-0.5, weights=weights)
    wrong = make_record(answer=0.0, labels=[1, 0], weights=weights)
    failed = make_record(answer=0.0, labels=None, weights=weights)
    values, used, missing = reward_matrix([right, wrong, failed, None])
    assert used == {"answer": 1.0, "process": 2.0}  # weight 0 is logged, not summed
    assert values.tolist() == [[1.0, 1.0], [0.0, 0.5], [0.0, 0.0], [0.0, 0.0]]
    assert missing.tolist() == [[False, False], [False, False], [False, True], [True, True]]
    rewards, _ = weighted_rewards([right, wrong, failed, None], process_only_if_right=False)
    assert rewards[:2].tolist() == [[1.0, 2.0], [0.0, 1.0]]
    gated, _ = weighted_rewards([right, wrong, failed, None], process_only_if_right=True)
    assert gated[:2].tolist() == [[1.0, 2.0], [0.0, 0.0]]
    labels, counts = label_matrix([right, wrong, failed, None], [True] * 4)
    assert counts.tolist() == [1, 2, 3, 0]
    assert labels.nan_to_num(9).tolist() == [[1, 9, 9], [1, 0, 9], [9, 9, 9], [9, 9, 9]]
    unread, _ = label_matrix([right, wrong, failed, None], [False, True, True, True])
    assert unread.nan_to_num(9).tolist() == [[9, 9, 9], [1, 0, 9], [9, 9, 9], [9, 9, 9]]


def test_a_batch_without_any_record_has_no_groups():
    assert flat_groups([None, None], ["p", "p"], process_only_if_right=False) == (0, 0)


def test_the_table_of_a_batch_holds_what_the_records_hold(make_record):
    """Each row by itself: rewards, labels, spans, state of the answer, tokens; nothing of a row that has no record."""
    wrong = make_record(answer=0.0, labels=[1, 0])
    undecided = make_record(wrong=None, labels=None, rewards={"answer": None, "process": 0.5, "length": 0.0})
    records = [wrong, None, undecided]
    table = BatchTable.of(records)
    assert table.wrong.tolist() == [True, False, False] and table.undecided.tolist() == [False, True, True]
    assert table.response_tokens.tolist() == [wrong.response_tokens, 0, undecided.response_tokens]
    assert table.spans.tokens.tolist() == [t for r in (wrong, undecided) for span in r.spans for t in span]
    assert table.num_steps.tolist() == table.spans.steps.tolist() == [len(wrong.steps), 0, len(undecided.steps)]
    assert table.labels[:, :2].nan_to_num(9).tolist() == [[1, 0], [9, 9], [9, 9]]
    for gated in (False, True):
        for given, asked in zip(
            table.weighted_rewards(process_only_if_right=gated),
            weighted_rewards(records, process_only_if_right=gated),
            strict=True,
        ):
            assert torch.equal(given, asked)
    assert table.missing[2].tolist() == [True, False, False], "the table stays as it is"
    only = table.spans.only(np.array([False, True, True]))
    assert only.tokens.tolist() == [t for span in undecided.spans for t in span] and only.steps[0] == 0
