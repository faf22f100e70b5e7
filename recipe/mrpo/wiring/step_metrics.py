"""The numbers of one training step, under verl's naming: `mrpo/…` in the logger that the user has chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from omegaconf import DictConfig

from recipe.mrpo.judge.usage import COUNTERS, Usage
from recipe.mrpo.judge.when_to_judge import SKIP_REASONS
from recipe.mrpo.rollout import first_failure as metrics
from recipe.mrpo.rollout.record import RolloutRecord
from recipe.mrpo.wiring.estimators import StepCredit

SKIPPED = tuple(f"skipped:{name}" for name in SKIP_REASONS)
"""Judge status of a rollout that `mrpo.judge.ask_for` has left out."""


def judge_tokens(records: Iterable[RolloutRecord]) -> Counter[str]:
    """Tokens that judging these rollouts took, by `prompt` and `completion`; failed judgements count as well."""
    used: Counter[str] = Counter()
    for record in records:
        used.update({kind: record.judge.get(f"{kind}_tokens", 0) for kind in ("prompt", "completion")})
    return used


def cost(tokens: Counter[str], options: DictConfig) -> float | None:
    """What these tokens cost by `mrpo.judge.price_per_million`; None without prices."""
    prices = options.judge.price_per_million
    if prices.prompt is None:
        return None
    return (prices.prompt * tokens["prompt"] + prices.completion * tokens["completion"]) / 1e6


def _mean(values: Iterable[float]) -> float | None:
    values = list(values)
    return float(np.mean(values)) if values else None


def step_metrics(credits: Sequence[StepCredit], options: DictConfig) -> dict[str, float]:
    """Metrics of all rollouts of a step, over its updates; a mean over nothing is left out, not 0.

    Counts end in `_total`. verl would combine the metrics of several updates by their names, in which "min", "max",
    "sum" and "total" mean something to it; the name of a reward is the user's.
    """
    rows = [r for credit in credits for r in credit.records]
    records = [r for r in rows if r is not None]
    lost = len(rows) - len(records)
    tokens = sum((Counter(credit.token_counts) for credit in credits), Counter())
    judging = judge_tokens(records)
    used = sum((Usage.of(r.judge) for r in records), Usage())
    labelled = [r.labels for r in records if r.labels]
    cuts = (options.metrics.stage_cuts.early, options.metrics.stage_cuts.mid)
    ffps = [p for p in map(metrics.first_failure_position, labelled) if p is not None]
    judged = [r for r in records if r.judge]
    steps = sum(len(r.steps) for r in records)
    names = dict.fromkeys(name for r in records for name in r.rewards)
    shares = metrics.stage_shares(labelled, cuts=cuts)

    out: dict[str, float | None] = {
        f"reward/{name}": _mean(r.rewards[name] for r in records if r.rewards.get(name) is not None) for name in names
    }
    out |= {
        "wrong_answers": _mean(r.wrong for r in records if r.wrong is not None),
        "well_formed": _mean(r.well_formed for r in records),
        "steps_per_rollout": _mean(len(r.steps) for r in records),
        "rollouts_with_2_steps": _mean(len(r.steps) >= 2 for r in records),
        "valid_steps": _mean(v for labels in labelled for v in labels),
        "unaligned_steps": sum(r.unaligned_steps for r in records) / steps if steps else None,
        "no_invalid_step": 1 - len(ffps) / len(labelled) if labelled else None,
        "ffp": _mean(ffps),
        "far": _mean(f for f in map(metrics.failure_after, labelled) if f is not None),
        "judge/judged_total": float(sum(bool(r.judge) for r in records)),
        "judge/agreement": _mean(r.judge["agreement"] for r in judged if r.judge.get("agreement") is not None),
        "judge/failures_total": float(sum(r.judge_failed for r in records)),
        "judge/failure_share": _mean(r.judge_failed for r in judged),
        "judge/skipped_total": float(sum(r.judge_status.startswith("skipped") for r in records)),
        "judge/skipped_by_option_total": float(sum(r.judge_status in SKIPPED for r in records)),
        "judge/cached_total": float(sum(bool(r.judge.get("cached")) for r in records)),
        "judge/latency_s": _mean(r.judge["latency_s"] for r in judged),
        "judge/cost_total": cost(judging, options),
        "rows_without_record_total": float(lost),
    }
    out |= {f"judge/{name}_total": float(getattr(used, name)) for name in COUNTERS}
    out |= {f"ffp/{name}": share for name, share in shares.items()}
    if tokens:
        out |= {f"tokens/{name}": tokens[name] / tokens.total() for name in ("up", "down", "unchanged")}
    return {f"mrpo/{name}": value for name, value in out.items() if value is not None}
