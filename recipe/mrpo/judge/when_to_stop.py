"""When a run should stop because of its judge; pure, for the trainer to ask after every batch."""

from __future__ import annotations

from collections.abc import Mapping


def failure_report(failures: Mapping[str, int], judged: int, *, max_failure_rate: float) -> str | None:
    """Why to stop, or None: failed / judged <= max_failure_rate.

    `failures` counts failed judgements by kind, `judged` all judgements of the batch, failed ones included.
    """
    failed = sum(failures.values())
    if not judged or failed / judged <= max_failure_rate:
        return None
    kinds = ", ".join(
        f"{kind} x{count}" for kind, count in sorted(failures.items(), key=lambda item: (-item[1], item[0]))
    )
    return (
        f"the judge failed on {failed} of {judged} rollouts ({failed / judged:.0%}): {kinds}. Without labels a rollout "
        f"is trained as by plain GRPO. Repair the judge, or raise mrpo.judge.max_failure_rate ({max_failure_rate:g})."
    )


def budget_report(
    tokens: int, cost: float | None, refused: Mapping[str, int], *, max_tokens: int | None, max_cost: float | None
) -> str | None:
    """Why to stop, or None: the budgets (None: no limit) hold and no judgement was refused for them.

    `tokens` and `cost` are those of the training rollouts since this process began, `refused` counts failed judgements
    of the batch by kind: validation spends the same budget.
    """
    spent = (
        ("max_tokens", max_tokens, tokens, refused.get("token_budget", 0)),
        ("max_cost", max_cost, cost, refused.get("cost_budget", 0)),
    )
    for option, limit, used, times in spent:
        if limit is not None and (times or (used is not None and used >= limit)):
            return (
                f"the judge's budget mrpo.judge.{option}={limit} is spent ({used or 0:.10g} on training rollouts since "
                f"this process began, {times} judgements of this batch were refused); raise it to go on."
            )
    return None
