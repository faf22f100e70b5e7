"""The options of the judge that continues rollouts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recipe.mrpo.judge.chat.settings import OpenAISettings

NODE = "mrpo.judge.continuations"
CONTINUE_BY: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "final_message": ({"continue_final_message": True, "add_generation_prompt": False}, {}),
    "prefix": ({}, {"prefix": True}),
    "unasked": ({}, {}),
}
"""What is added to the request, and to its last message, so that the server goes on from there."""
CUT_OFF = ("unknown", "wrong")
_NOT_IN_EXTRA_BODY = ("n", "seed", "stream", "messages", "model")
"""They would make all continuations the same one, or a reply of another form."""


@dataclass(frozen=True)
class ContinuationSettings:
    """The node `mrpo.judge.continuations`; every field is described there, and the schema of the options checks each.

    Raises ValueError for values that do not fit together.
    """

    n: int
    max_drop: float
    min_known: int
    temperature: float | None
    max_tokens: int
    cut_off: str
    opening: str | None
    continue_by: str
    answer: Mapping[str, Any]
    tau: float

    def __post_init__(self) -> None:
        if self.min_known > self.n:
            raise ValueError(
                f"{NODE}.min_known={self.min_known} must be at most {NODE}.n={self.n}: with fewer continuations no "
                "step would ever get a label."
            )

    @property
    def message_fields(self) -> dict[str, Any]:
        """What is added to the message that the server goes on from."""
        return CONTINUE_BY[self.continue_by][1]

    def request_settings(self, endpoint: Mapping[str, Any], *, continued: bool) -> OpenAISettings:
        """Settings of a request, from the node `mrpo.judge.openai`. `continued`: it ends in a message to go on from.

        Raises ValueError for an addition to the body that no continuation can have.
        """
        added = dict(endpoint["extra_body"] or {})
        for name in _NOT_IN_EXTRA_BODY:
            if name in added:
                raise ValueError(
                    f"mrpo.judge.openai.extra_body.{name} cannot be set with mrpo.judge.name=continuations, which "
                    f"sends {NODE}.n requests for each prefix; leave it out."
                )
        body = {**added, **CONTINUE_BY[self.continue_by][0]} if continued else added
        changed = {"temperature": self.temperature, "max_tokens": self.max_tokens, "response_format": "none"}
        return OpenAISettings(**{**endpoint, **changed, "extra_body": body or None})
