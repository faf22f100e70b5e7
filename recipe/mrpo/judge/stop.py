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
        f"is trained as by plain GRPO. Mend the judge, or raise mrpo.judge.max_failure_rate ({max_failure_rate:g})."
    )


def budget_report(tokens: int, *, max_tokens: int | None) -> str | None:
    """Why to stop, or None: the judge has used fewer than `max_tokens` tokens so far (None: no limit)."""
    if max_tokens is None or tokens < max_tokens:
        return None
    return f"the judge has used {tokens} tokens, its budget is mrpo.judge.max_tokens={max_tokens}; raise it to go on."
