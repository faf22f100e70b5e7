"""The numbers of one training step, under verl's naming: `mrpo/…` in the logger that the user has chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from omegaconf import DictConfig

from recipe.mrpo.credit.shaping import get_shaping
from recipe.mrpo.judge.spending import BY_SHARE
from recipe.mrpo.judge.usage import COUNTERS, Usage
from recipe.mrpo.judge.when_to_judge import SKIP_REASONS
from recipe.mrpo.rollout import first_failure as metrics
from recipe.mrpo.rollout.record import RolloutRecord
from recipe.mrpo.scoring.faults import error_counts
from recipe.mrpo.wiring.estimators import StepCredit
from recipe.mrpo.wiring.lost_steps import share_without_steps
from recipe.mrpo.wiring.reward_table import flat_groups
from recipe.mrpo.wiring.unjudged import left_out

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
    records = [r for credit in credits for r in credit.records if r is not None]
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

    fallbacks = float(sum(bool(r.judge.get("answer_fallback")) for r in records))
    out: dict[str, float | None] = {
        f"reward/{name}": _mean(r.rewards[name] for r in records if r.rewards.get(name) is not None) for name in names
    }
    out |= {
        "wrong_answers": _mean(r.wrong for r in records if r.wrong is not None),
        "well_formed": _mean(r.well_formed for r in records),
        "steps_per_rollout": _mean(len(r.steps) for r in records),
        "rollouts_without_steps": share_without_steps(records),
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
        "judge/skipped_by_share_total": float(sum(left_out(r, BY_SHARE) for r in records)),
        "judge/cached_total": float(sum(bool(r.judge.get("cached")) for r in records)),
        "judge/cost_total": cost(judging, options),
        "answer_fallbacks_total": fallbacks if any("answer_fallback" in r.judge for r in records) else None,
        "reward_errors_total": float(sum(bool(r.errors) for r in records)),
        "rows_without_record_total": float(sum(map(_without_record, credits))),
        "rollouts_missing_total": float(sum(credit.rollouts_missing for credit in credits)),
    }
    out |= {f"reward_errors/{name}/{kind}_total": float(n) for (name, kind), n in error_counts(records).items()}
    out |= _failures(records) | _latency(judged) | _waiting(credits) | _spread(credits, options) | _chosen(credits)
    out |= {f"judge/{name}_total": float(getattr(used, name)) for name in COUNTERS}
    out |= {f"ffp/{name}": share for name, share in shares.items()}
    if tokens:
        out |= {f"tokens/{name}": tokens[name] / tokens.total() for name in ("up", "down", "unchanged")}
    return {f"mrpo/{name}": value for name, value in out.items() if value is not None}


def _without_record(credit: StepCredit) -> int:
    """Real rows without a record; verl's padding rows are not among them."""
    return sum(record is None for record in credit.records) - sum(row.padding for row in credit.rows)


def _failures(records: Sequence[RolloutRecord]) -> dict[str, float]:
    """Failed judgements by kind."""
    kinds = Counter(r.judge_status.partition(":")[2] for r in records if r.judge_failed)
    return {f"judge/failures/{kind}_total": float(count) for kind, count in kinds.items()}


def _latency(judged: Sequence[RolloutRecord]) -> dict[str, float]:
    """Seconds of a judgement that made calls: mean, median, 95th percentile and the longest."""
    seconds = [r.judge["latency_s"] for r in judged if "latency_s" in r.judge and not r.judge.get("cached")]
    if not seconds:
        return {}
    p50, p95 = np.percentile(seconds, (50, 95))
    return {
        "judge/latency_s": float(np.mean(seconds)),
        "judge/latency_p50_s": float(p50),
        "judge/latency_p95_s": float(p95),
        "judge/latency_max_s": float(max(seconds)),
    }


def _waiting(credits: Sequence[StepCredit]) -> dict[str, float | None]:
    """How long rewards took, and how much longer the rollouts of an update took with them than without.

        reward_wait_s = sum over updates of max_i (g_i + s_i) - max_i g_i

    g_i, s_i: seconds of generating and of rewarding rollout i, as verl measured them; all rollouts are taken to start
    at once, as they do in the sync trainer.
    """
    pairs = [
        [(row.generation_s, row.scoring_s) for row in credit.rows
         if not row.padding and row.generation_s is not None and row.scoring_s is not None]
        for credit in credits
    ]  # fmt: skip
    pairs = [one for one in pairs if one]
    if not pairs:
        return {}
    waits = [max(g + s for g, s in one) - max(g for g, _ in one) for one in pairs]
    seconds = [s for one in pairs for _, s in one]
    return {"reward_wait_s": sum(waits), "reward_s": _mean(seconds), "reward_max_s": max(seconds)}


def _chosen(credits: Sequence[StepCredit]) -> dict[str, float]:
    """The share of groups that `mrpo.judge.share` has chosen to be judged."""
    chosen: dict[tuple[int, str], bool] = {}
    for number, credit in enumerate(credits):
        for record, row in zip(credit.records, credit.rows, strict=False):
            if record is not None and record.judge_status != "skipped:unscored":
                place = number, row.uid
                chosen[place] = chosen.get(place, True) and not left_out(record, BY_SHARE)
    return {"judge/groups_judged": sum(chosen.values()) / len(chosen)} if chosen else {}


def _spread(credits: Sequence[StepCredit], options: DictConfig) -> dict[str, float]:
    """The share of groups with equal rewards for all rollouts, from which nothing is learned."""
    gated = get_shaping(options.shaping).process_only_if_right
    counts = [
        flat_groups(credit.records, [row.uid for row in credit.rows], process_only_if_right=gated)
        for credit in credits
        if len(credit.rows) == len(credit.records)
    ]
    flat, groups = (sum(column) for column in zip(*counts, strict=True)) if counts else (0, 0)
    return {"groups_without_spread": flat / groups} if groups else {}
