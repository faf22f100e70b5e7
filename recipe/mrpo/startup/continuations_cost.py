"""What labels by continuations will cost, told before a run begins."""

from __future__ import annotations

import logging

from omegaconf import DictConfig, OmegaConf

from recipe.mrpo.judge.continuations.cost import cost_of
from recipe.mrpo.judge.member_options import judges_asked
from recipe.mrpo.judge.when_to_judge import CONTINUATIONS

logger = logging.getLogger(__name__)


def tell_cost(config: DictConfig, options: DictConfig) -> None:
    """One warning for each judge of the run that continues rollouts; nothing for a run without one."""
    for judge in judges_asked(OmegaConf.to_container(options.judge, resolve=True)):
        if judge["name"] == CONTINUATIONS:
            logger.warning("%s", cost_sentence(config, options, n=judge["continuations"]["n"],
                                               max_tokens=judge["continuations"]["max_tokens"]))  # fmt: skip


def cost_sentence(config: DictConfig, options: DictConfig, *, n: int, max_tokens: int) -> str:
    """Calls and tokens of a rollout and of a step of training, for the fewest and the most steps that the length
    reward asks for, with the longest prompt and response that the run allows."""
    length = options.rewards.length
    prompts, rollouts = int(config.data.train_batch_size), int(config.actor_rollout_ref.rollout.n)
    longest = {
        "prompt_tokens": int(config.data.max_prompt_length),
        "response_tokens": int(config.data.max_response_length),
    }
    parts = []
    for steps in sorted({max(1, int(length.k_min)), max(1, int(length.k_max))}):
        one = cost_of(steps, n=n, max_tokens=max_tokens, **longest)
        prices = options.judge.price_per_million
        parts.append(
            f"a rollout of {steps} steps takes {one.words(prices)}, a step of training ({prompts} x {rollouts} "
            f"rollouts) {(one * prompts * rollouts).words(prices)}"
        )
    return (
        f"mrpo.judge.name=continuations: {n} continuations of each prefix. At the longest prompt and response, "
        f"{'; '.join(parts)}. Repeated failures, validation and labels of the cache are not counted; lower "
        "mrpo.judge.continuations.n, or set mrpo.judge.ask_for=wrong_answers, to pay less, and mrpo.judge.max_tokens "
        "or max_cost to bound it."
    )
