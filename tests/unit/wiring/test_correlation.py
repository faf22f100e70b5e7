"""The guard on the correlation of rollout and training probabilities."""

from __future__ import annotations

import logging

import pytest
import torch

from recipe.mrpo.wiring.correlation import (
    CORRELATION,
    RolloutMismatch,
    check_correlation,
    explained_difference,
    guard_action,
)


@pytest.mark.parametrize("action", ["warn", "stop"])
@pytest.mark.parametrize("value", [None, 1.0, 0.95], ids=["not measured", "equal", "at the threshold"])
def test_a_good_or_unknown_correlation_passes_in_silence(caplog, action, value):
    check_correlation(value, minimum=0.95, action=action)
    assert caplog.records == []


@pytest.mark.parametrize("value", [0.9499, 0.86, -1.0])
def test_a_low_correlation_warns_with_the_cause_and_the_run_goes_on(caplog, value):
    check_correlation(value, minimum=0.95, action="warn")
    (entry,) = caplog.records
    assert entry.levelno == logging.WARNING
    for part in (CORRELATION, f"{value:.4f}", "mrpo.guards.min_probs_correlation=0.95",
                 "actor_rollout_ref.rollout.load_format=auto"):  # fmt: skip
        assert part in entry.getMessage()


def test_a_low_correlation_stops_the_run_when_asked_to():
    with pytest.raises(RolloutMismatch, match="load_format=auto"):
        check_correlation(0.86, minimum=0.95, action="stop")


@pytest.mark.parametrize("action", ["warn", "stop"])
def test_a_correlation_that_is_not_a_number_is_not_taken_for_a_good_one(caplog, action):
    """Pearson's r is 0/0 when one side is constant, which is just what a broken engine may produce."""
    try:
        check_correlation(float("nan"), minimum=0.95, action=action)
    except RolloutMismatch:
        assert action == "stop"
    else:
        assert action == "warn" and caplog.records


def test_the_metric_is_the_one_that_verl_writes(verl):
    from verl.utils.debug.metrics import calculate_debug_metrics

    log_probs = -torch.rand(3, 5)
    data = verl.DataProto.from_dict(tensors={
        "responses": torch.ones(3, 5), "response_mask": torch.ones(3, 5), "attention_mask": torch.ones(3, 9),
        "rollout_log_probs": log_probs, "old_log_probs": log_probs,
    })  # fmt: skip
    assert float(calculate_debug_metrics(data)[CORRELATION]) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("action", "mode", "cpu", "means", "why"),
    [
        ("auto", "sync", False, "stop", "real weights, and the engine should hold the same ones"),
        ("auto", "sync", True, "warn", "a tiny model without a GPU: nothing is lost"),
        ("auto", "separate_async", False, "warn", "older weights sample by design"),
        ("auto", "colocate_async", False, "warn", "as above"),
        ("warn", "sync", False, "warn", "a user's word holds"),
        ("stop", "separate_async", True, "stop", "a user's word holds"),
    ],
)
def test_a_low_correlation_stops_a_run_on_real_weights(action, mode, cpu, means, why):
    assert guard_action(action, trainer_mode=mode, on_cpu=cpu) == means, why


@pytest.mark.parametrize(
    ("top_p", "top_k", "explained", "why"),
    [
        (1.0, -1, None, "no token is cut off"),
        (1.0, 0, None, "vLLM's other word for all tokens"),
        (0.8, 20, 0.2, "Qwen3-VL's own sampling"),
        (0.95, -1, 0.05, "top_p alone"),
        (1.0, 20, 0.1, "top_k alone"),
    ],
)
def test_cutting_off_tokens_explains_a_difference_of_what_is_cut_off(top_p, top_k, explained, why):
    assert explained_difference(top_p=top_p, top_k=top_k) == pytest.approx(explained), why


def test_what_is_explained_is_never_passed_by_an_engine_that_computes_the_same_model():
    """Peaked distributions cut off at top_p 0.8: the correlation says nothing, the mean difference keeps its bound."""
    generator = torch.Generator().manual_seed(0)
    trained, sampled = [], []
    for scale in torch.linspace(0.5, 12, 200):
        p = torch.softmax(scale * torch.randn(50, generator=generator), 0)
        order = p.argsort(descending=True)
        left = order[: int((p[order].cumsum(0) < 0.8).sum()) + 1]
        drawn = left[torch.multinomial(p[left], 20, replacement=True, generator=generator)]
        trained.append(p[drawn])
        sampled.append(p[drawn] / p[left].sum())
    p, q = torch.cat(trained), torch.cat(sampled)
    sure = p > 0.8
    assert (q[sure] == 1).all(), "Pearson's r of these tokens is 0/0"
    difference = float((q - p).abs().mean())
    assert 0 < difference <= explained_difference(top_p=0.8, top_k=20)
    check_correlation(float("nan"), minimum=0.95, action="stop", difference=difference, explained=0.2)


@pytest.mark.parametrize("difference", [0.21, float("nan"), None])
def test_cutting_off_tokens_excuses_no_larger_difference(difference):
    with pytest.raises(RolloutMismatch, match=r"explains .* up to 0.2, not"):
        check_correlation(0.86, minimum=0.95, action="stop", difference=difference, explained=0.2)


def test_an_explained_correlation_is_told_once(caplog):
    for _ in range(3):
        check_correlation(0.9485, minimum=0.951, action="stop", difference=0.0128, explained=0.2)
    (entry,) = caplog.records
    assert "top_p < 1 or top_k > 0 explains" in entry.getMessage()
