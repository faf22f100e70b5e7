"""The options of the OpenAI-compatible judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recipe.mrpo.endpoint.retry import RetryPolicy


@dataclass(frozen=True)
class OpenAISettings:
    """The node `mrpo.judge.openai`; every field is described there, and the schema of the options checks each.

    Raises ValueError without a model, which only the judges at an endpoint need.
    """

    base_url: str
    model: str | None
    api_key_env: str | None
    temperature: float | None
    reask_temperature: float | None
    max_tokens: int | None
    timeout_s: float
    max_retries: int
    backoff_base_s: float
    backoff_max_s: float
    retry_after_max_s: float
    concurrency: int
    send_image: bool
    image_max_pixels: int
    max_images: int
    response_format: str
    max_steps: int
    max_step_chars: int
    max_prompt_chars: int
    rubric: str
    valid_grades: Sequence[str] | None
    reasons: bool
    extra_body: Mapping[str, Any] | None
    query: Mapping[str, Any] | None

    def __post_init__(self) -> None:
        if not self.model:
            raise ValueError("mrpo.judge.openai.model is not set; name the model that the endpoint serves.")

    @property
    def temperatures(self) -> tuple[float | None, float | None]:
        """Temperatures of the first and the second call; an endpoint that takes no temperature gets none in both."""
        return self.temperature, None if self.temperature is None else self.reask_temperature

    @property
    def retry_policy(self) -> RetryPolicy:
        return RetryPolicy(self.max_retries, self.backoff_base_s, self.backoff_max_s, self.retry_after_max_s)

    def request(
        self, messages: list[dict[str, Any]], *, temperature: float | None, schema: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """The body of a chat completions request; `schema` None: without structured output."""
        body: dict[str, Any] = {"model": self.model, "messages": messages}
        if temperature is not None:
            body["temperature"] = temperature
        if self.max_tokens is not None:
            body["max_tokens"] = self.max_tokens
        if schema is not None:
            named = {"name": "step_labels", "strict": True, "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        return {**body, **(self.extra_body or {})}
