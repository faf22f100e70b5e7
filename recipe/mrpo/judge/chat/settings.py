"""The options of the OpenAI-compatible judge, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recipe.mrpo.endpoint.retry import RetryPolicy


@dataclass(frozen=True)
class OpenAISettings:
    """The node `mrpo.judge.openai`; every field is described there. Raises ValueError naming the option."""

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
    prompts: str | None
    extra_body: Mapping[str, Any] | None
    query: Mapping[str, Any] | None

    def __post_init__(self) -> None:
        if not self.model:
            raise ValueError("mrpo.judge.openai.model is not set; name the model that the endpoint serves.")
        if self.response_format not in ("auto", "json_schema", "none"):
            raise ValueError(
                f"mrpo.judge.openai.response_format={self.response_format!r} is unknown; "
                "choose auto, json_schema or none."
            )
        at_least = {"timeout_s": 0.001, "max_retries": 0, "backoff_base_s": 0, "backoff_max_s": 0,
                    "retry_after_max_s": 0, "concurrency": 1, "image_max_pixels": 1, "max_images": 1, "max_steps": 1,
                    "max_step_chars": 1, "max_prompt_chars": 1}  # fmt: skip
        for name, low in at_least.items():
            if not getattr(self, name) >= low:
                raise ValueError(f"mrpo.judge.openai.{name} must be at least {low}, not {getattr(self, name)!r}.")
        for name in ("extra_body", "query"):
            if not isinstance(getattr(self, name), (Mapping, type(None))):
                raise ValueError(f"mrpo.judge.openai.{name} must be a mapping or null, not {getattr(self, name)!r}.")
        if any(not isinstance(value, (str, int, float)) for value in (self.query or {}).values()):
            raise ValueError("mrpo.judge.openai.query must hold texts and numbers, e.g. {api-version: preview}.")

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
