"""The root of the options tree, `mrpo`."""

from __future__ import annotations

from typing import Any

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from recipe.mrpo.credit.final_norms import FINAL_NORMS
from recipe.mrpo.credit.shaping.registry import SHAPINGS
from recipe.mrpo.options.schema.judge import Judge
from recipe.mrpo.options.schema.kinds import Group, mapping, number, one_of, seconds, text, texts, truth, whole
from recipe.mrpo.rollout.steps import SOURCES, SPLITTERS, UNCLOSED_THINK


class Gdpo(Group):
    final_norm: str = one_of(FINAL_NORMS)


class Steps(Group):
    splitter: str = one_of(SPLITTERS)
    source: str = one_of(SOURCES)
    unclosed_think: str = one_of(UNCLOSED_THINK)


class StageCuts(Group):
    early: float = number(0, 1)
    mid: float = number(0, 1)

    @model_validator(mode="after")
    def _in_order(self) -> StageCuts:
        if self.mid < self.early:
            raise PydanticCustomError("order", "needs early <= mid")
        return self


class Metrics(Group):
    stage_cuts: StageCuts


class Images(Group):
    max_per_row: int = whole(1)
    max_pixels_per_row: int = whole(1)


class Guards(Group):
    max_reward_error_rate: float = number(0, 1)
    reward_timeout_s: float = seconds()
    min_probs_correlation: float = number(-1, 1)
    on_low_correlation: str = one_of(("auto", "warn", "stop"))
    weight_sync_timeout_s: float = seconds()


class Evaluate(Group):
    queue: str | None = text("a folder", null=True)
    data: list[str] | None = texts("a list of files", null=True)
    every: int = whole(1)
    arguments: list[str] = texts("a list of words")
    on_error: str = one_of(("warn", "stop"))


class Options(Group):
    shaping: str = one_of(SHAPINGS.names, own="package.module:rule or folder/file.py:rule")
    shaping_options: dict[str, Any] = mapping("a mapping of options of your own shaping rule")
    tau: float = number(0, 1)
    factor_base: float = number(1, 1000)
    round_factors: bool = truth()
    gdpo: Gdpo
    steps: Steps
    rewards: dict[str, Any] = mapping("a group for each reward")
    judge: Judge
    metrics: Metrics
    backbone: str | None = text("a row of `mrpo backbones` or package.module:ROW", null=True)
    gold_reasoning: str = one_of(("required", "optional"))
    images: Images
    evaluate: Evaluate
    guards: Guards
