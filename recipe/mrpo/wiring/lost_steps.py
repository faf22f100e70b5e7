"""A run without steps trains on answers alone; a warning at its first step names the likely cause."""

from __future__ import annotations

from collections.abc import Sequence

from recipe.mrpo.rollout.record import RolloutRecord

MOST = 0.5
"""Above this share of rollouts without steps a run is warned of them."""


def share_without_steps(records: Sequence[RolloutRecord]) -> float | None:
    """Share of rollouts in which no step was found, among those that could be read; None without any of these."""
    read = [record for record in records if "rollout" not in record.errors]
    return sum(not record.steps for record in read) / len(read) if read else None


def lost_steps_warning(records: Sequence[RolloutRecord], *, max_response_length: int) -> str | None:
    """One sentence if most rollouts have no steps, with the causes that their lengths and answers speak for."""
    share = share_without_steps(records)
    if share is None or share <= MOST:
        return None
    bare = [record for record in records if not record.steps and "rollout" not in record.errors]
    cut = sum(record.response_tokens >= max_response_length for record in bare)
    ended = [record for record in bare if record.response_tokens < max_response_length]
    answered = sum(record.answer is not None for record in ended)
    causes = {
        f"were cut off at data.max_response_length={max_response_length} (raise it, or set "
        "mrpo.steps.unclosed_think=keep)": cut,
        "have an answer but no think block (do the prompts ask for one, and does the checkpoint keep the tags? try "
        "`mrpo doctor --model`)": answered,
        "have neither think block nor answer (the model does not follow the format: start from an instruct or SFT "
        "checkpoint)": len(ended) - answered,
    }
    told = "; ".join(f"{count} {cause}" for cause, count in causes.items() if count)
    return (
        f"MRPO: {share:.0%} of the rollouts of this step have no reasoning step: their process reward is 0 and their "
        f"advantage is plain; of these {len(bare)}, {told}."
    )
