"""`mrpo.judge`, for the judge of a run and, with a member's own options over it, for each member of an ensemble."""

from __future__ import annotations

from typing import Any

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from recipe.mrpo.judge.chat.address import judge_endpoint
from recipe.mrpo.judge.continuations.settings import CONTINUE_BY, CUT_OFF
from recipe.mrpo.judge.stand_in import STAND_IN
from recipe.mrpo.judge.when_to_judge import ASK_FOR
from recipe.mrpo.options.schema.kinds import (
    Group,
    is_json,
    mapping,
    number,
    one_of,
    seconds,
    text,
    texts,
    truth,
    whole,
)


def _address(value: str) -> str | None:
    """Checked whichever judge is asked: a password in an address must not reach the log."""
    try:
        judge_endpoint({"openai": {"base_url": value}, "allow_hosts": ()})
    except ValueError as error:
        return str(error)
    return None


def _name(value: str | int) -> str | None:
    if not str(value).strip() or not str(value).isprintable():
        raise ValueError
    return None


def _json(value: Any) -> str | None:
    if not is_json(value):
        raise ValueError
    return None


def _texts_and_numbers(value: dict[str, Any]) -> str | None:
    if not is_json(value) or not all(isinstance(below, (str, int, float)) for below in value.values()):
        raise ValueError
    return None


class Overlap(Group):
    min_alignment: float = number(above=0, high=1)
    min_contribution: float = number(above=0, high=1)
    max_repeat: float = number(above=0, high=1)
    repeat_window: int = whole(0)


class OpenAI(Group):
    base_url: str = text("an http or https address such as http://127.0.0.1:8000/v1", check=_address, secret=True)
    model: str | None = text("the name of the served model", null=True)
    api_key_env: str | None = text(
        "the name of an environment variable", null=True, secret=True, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$"
    )
    temperature: float | None = number(0, 100, null=True)
    reask_temperature: float | None = number(0, 100, null=True)
    max_tokens: int | None = whole(1, null=True)
    timeout_s: float = seconds(0.001)
    max_retries: int = whole(0, 1000)
    backoff_base_s: float = seconds()
    backoff_max_s: float = seconds()
    retry_after_max_s: float = seconds()
    concurrency: int = whole(1, 100_000)
    send_image: bool = truth()
    image_max_pixels: int = whole(1)
    max_images: int = whole(1)
    response_format: str = one_of(("auto", "json_schema", "none"))
    max_steps: int = whole(1)
    max_step_chars: int = whole(1)
    max_prompt_chars: int = whole(1)
    rubric: str = text("the name of a rubric or a folder")
    valid_grades: list[str] | None = texts("a list of grades such as [grounding, logic]", null=True)
    reasons: bool = truth()
    extra_body: dict[str, Any] | None = mapping("a mapping of JSON values", null=True, check=_json)
    query: dict[str, Any] | None = mapping(
        "a mapping of texts and numbers such as {api-version: preview}", null=True, check=_texts_and_numbers
    )


class Continuations(Group):
    n: int = whole(1, 1024)
    max_drop: float = number(0, 1)
    min_known: int = whole(1, 1024)
    temperature: float | None = number(0, 100, null=True)
    max_tokens: int = whole(1)
    cut_off: str = one_of(CUT_OFF)
    opening: str | None = text("text that stands before every rollout", null=True)
    continue_by: str = one_of(tuple(CONTINUE_BY))
    answer: dict[str, Any] = mapping("the options of an answer reward")
    tau: float = number(0, 1)


class Cache(Group):
    path: str | None = text("a file", null=True)
    max_mb: float = number(above=0, high=2**33)
    namespace: str | int | None = mapping("a name", null=True, check=_name)


class Limits(Group):
    requests_per_minute: float | None = number(above=0, high=2**53, null=True)
    tokens_per_minute: float | None = number(above=0, high=2**53, null=True)
    concurrency: int | None = whole(1, null=True)
    tokens_per_call: float = number(above=0, high=2**53)


class Prices(Group):
    prompt: float | None = number(0, 2**53, null=True)
    completion: float | None = number(0, 2**53, null=True)

    @model_validator(mode="after")
    def _both_or_none(self) -> Prices:
        if (self.prompt is None) != (self.completion is None):
            raise PydanticCustomError("both", "needs both, prompt and completion, or neither")
        return self


class Breaker(Group):
    failures: int = whole(1)
    pause_s: float = seconds()


class Judge(Group):
    name: str = text("the name of a judge")
    options: dict[str, Any] = mapping("a group of options")
    own_timeout_s: float = seconds()
    module: str | None = text("the dotted name of a module", null=True)
    overlap: Overlap
    openai: OpenAI
    continuations: Continuations
    members: dict[str, dict[str, Any] | None] = mapping("a mapping of names to options of mrpo.judge")
    allow_hosts: list[str] = texts("a list of host names such as [judge.example.org]")
    cache: Cache
    limits: Limits
    ask_for: str = one_of(ASK_FOR)
    share: float = number(0, 1)
    share_seed: int = whole(0)
    validation_every: int = whole(1)
    stand_in: str = one_of(STAND_IN)
    price_per_million: Prices
    max_tokens: float | None = number(above=0, high=2**53, null=True)
    max_cost: float | None = number(above=0, high=2**53, null=True)
    max_failure_rate: float = number(0, 1)
    breaker: Breaker
