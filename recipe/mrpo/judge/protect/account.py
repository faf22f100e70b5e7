"""The tokens that a job's judges have used, counted by worker, and those that the running calls are expected to use."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from recipe.mrpo.judge.protect.budget import Budget, BudgetSpent, Tokens


class TokenAccount:
    """Tokens of a job beside its budget.

    Every worker counts its own tokens and tells its total with each call. A total only grows, so the larger of two
    reports holds: a report that comes twice, late, or after the account was made anew, loses and doubles nothing.
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.by_worker: dict[str, Tokens] = {}
        self._under_way: dict[Hashable, Tokens] = {}

    @property
    def used(self) -> Tokens:
        return total(self.by_worker.values())

    def learn(self, by_worker: Mapping[str, Tokens]) -> None:
        """Take over totals that are larger than the known ones."""
        for worker, tokens in by_worker.items():
            self.by_worker[worker] = larger(self.by_worker.get(worker, Tokens()), tokens)

    def begin(self, call: Hashable, expected: Tokens) -> None:
        self._under_way[call] = expected

    def end(self, call: Hashable) -> None:
        self._under_way.pop(call, None)

    def check(self) -> None:
        """Raises BudgetSpent if the budget is used up."""
        self.budget.check(self.used)

    def has_room(self) -> bool:
        """May one more call begin? Yes if none is running, or if the running ones leave some of the budget."""
        if not self.budget.any or not self._under_way:
            return True
        try:
            self.budget.check(total((self.used, *self._under_way.values())))
        except BudgetSpent:
            return False
        return True


def total(tokens) -> Tokens:
    """The sum of several counts."""
    counts = list(tokens)
    return Tokens(sum(t.prompt for t in counts), sum(t.completion for t in counts))


def larger(a: Tokens, b: Tokens) -> Tokens:
    return Tokens(max(a.prompt, b.prompt), max(a.completion, b.completion))
