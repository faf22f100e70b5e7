"""The types of a reward: its input, its result and its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from recipe.mrpo.common.registry import Registry

if TYPE_CHECKING:
    from recipe.mrpo.rollout.parsing import ParsedRollout

NODE = "mrpo.rewards"


@dataclass(frozen=True, slots=True)
class RewardInput:
    """All that a reward may look at. Model output in it is data: never code, never a path."""

    parsed: ParsedRollout
    prediction: str | None
    gold: tuple[str, ...]
    gold_reasoning: str
    num_steps: int
    labels: Sequence[int] | None
    """1 valid, 0 invalid, one per step; None: not known."""
    overall: int | None
    """The judge's grade of the reasoning as a whole, 1 or 0; None: not asked for, or not known."""
    question: str
    answer_correct: bool | None
    """Is the answer reward above tau? None while that reward is computed, and where it is not known."""
    extra_info: Mapping[str, Any]

    def reasoning(self) -> str:
        """The text inside the think blocks."""
        return "\n".join(self.parsed.text[start:end] for start, end in self.parsed.think)


RewardFn = Callable[[RewardInput], "float | None"]
"""A reward of one rollout; None: unknown. `reads_labels` = False declares that it reads no step label."""
Factory = Callable[..., RewardFn]


class MarkedRewardFn(Protocol):
    """A reward function that says whether it reads step labels."""

    reads_labels: bool

    def __call__(self, given: RewardInput, /) -> float | None: ...


@dataclass(frozen=True, slots=True)
class Reward:
    """A named reward; `fn` gives its value for a rollout, None if it is unknown. Weight 0: logged, not summed."""

    name: str
    weight: float
    fn: RewardFn
    reads_labels: bool = True
    """Does `fn` read the judge's labels or its grade of the whole? A function without a declaration is assumed to."""
    own: bool = False
    """Is it the user's own code, which may never come back?"""


REWARDS: Registry[Factory] = Registry(
    "reward", dict.fromkeys(("answer", "process", "length", "format", "semantic"), "reward_fns.builtin")
)

F = TypeVar("F", bound=RewardFn)


def register_reward(name: str) -> Callable[[Factory], Factory]:
    """Decorator: `factory(*, option, ...)` makes the reward function of the node mrpo.rewards.<name>.

    The node's keys besides weight and enabled are the factory's keyword arguments. Raises ValueError if the name is
    taken by another factory.
    """
    return REWARDS.register(name)


def reads_no_labels(reward: F) -> F:
    """Decorator: the reward looks neither at `labels` nor at `overall`, so a rollout needs no judge for it."""
    return marked(reward, reads_labels=False)


def marked(reward: F, *, reads_labels: bool) -> F:
    """The same function, with the attribute that says whether it reads step labels."""
    cast(MarkedRewardFn, reward).reads_labels = reads_labels
    return reward
