"""How many tokens, or how much money, the judges of a job may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recipe.mrpo.endpoint.tokens import Tokens


class BudgetSpent(Exception):
    """The judges of the job have used all of mrpo.judge.max_tokens; `kind` is the failure that it leads to."""

    kind = "token_budget"


class CostSpent(BudgetSpent):
    """The same for mrpo.judge.max_cost."""

    kind = "cost_budget"


OVER_BUDGET = (BudgetSpent.kind, CostSpent.kind)


@dataclass(frozen=True)
class Budget:
    """`mrpo.judge.max_tokens` and `max_cost`, of the whole job, with the prices of a million tokens; None: no limit.

    Raises ValueError for a cost without prices.
    """

    max_tokens: int | None = None
    max_cost: float | None = None
    prompt_price: float | None = None
    completion_price: float | None = None

    def __post_init__(self) -> None:
        if self.max_cost is not None and (self.prompt_price is None or self.completion_price is None):
            raise ValueError("mrpo.judge.max_cost needs mrpo.judge.price_per_million, both prompt and completion.")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Budget:
        prices = options["price_per_million"]
        return cls(options["max_tokens"], options["max_cost"], prices["prompt"], prices["completion"])

    @property
    def any(self) -> bool:
        return self.max_tokens is not None or self.max_cost is not None

    def check(self, used: Tokens) -> None:
        """Raises BudgetSpent (CostSpent) once the tokens (their price) have reached the limit."""
        if self.max_tokens is not None and used.both >= self.max_tokens:
            raise BudgetSpent(f"{used.both} tokens used, mrpo.judge.max_tokens={self.max_tokens}")
        if self.max_cost is None or self.prompt_price is None or self.completion_price is None:
            return  # no limit: __post_init__ lets none pass without both prices
        cost = (used.prompt * self.prompt_price + used.completion * self.completion_price) / 1e6
        if cost >= self.max_cost:
            raise CostSpent(f"{cost:g} spent, mrpo.judge.max_cost={self.max_cost:g}")
