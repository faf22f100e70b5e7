"""Refusals of one request with a cause that the caller can remove, told apart by the words of the services."""

from __future__ import annotations

import re

CONTEXT_LENGTH = "context_length"
"""The request, with the reply that it asks for, is longer than the model's context."""
IMAGE_COUNT = "too_many_images"
"""The service takes fewer images in one request."""
NO_IMAGES = "no_images"
"""The model reads no images."""
CAUSES = (CONTEXT_LENGTH, IMAGE_COUNT, NO_IMAGES)

_STATUSES = frozenset({400, 404, 413, 415, 422, 500, 501})
"""Statuses of such refusals. Not 429: a limit of tokens a minute is described in the same words, and passes."""

_MAX_SAID = 4_000
"""Characters of an error that are searched: it may quote a whole prompt behind them."""

_WORDS = (
    (
        CONTEXT_LENGTH,
        re.compile(
            # codes: OpenAI, LiteLLM, llama.cpp, Azure
            r"context_length_exceeded|contextwindowexceeded|exceed_context_size|max_prompt_tokens_exceeded"
            # vLLM, OpenAI, OpenRouter, DeepSeek, Mistral, SGLang: "maximum context length", "maximum model length"
            r"|max(?:imum)? (?:allowed )?(?:context|model|input|prompt|sequence)[ _-](?:len(?:gth)?|window|size)"
            r"|(?:exceed|longer than|larger than|greater than|too (?:long|large) for|only|fit)[^.]{0,80}"
            r"context[ _](?:length|window|size)|context[ _](?:length|window|size)[^.]{0,40}(?:exceed|overflow|is only)"
            # Anthropic, Bedrock, Gemini, Cohere, TGI
            r"|(?:prompt|input|request|message|conversation)s? (?:is|are) too long"
            r"|token (?:count|length)[^.]{0,60}exceed|exceed[^.]{0,60}(?:maximum )?number of tokens"
            r"|too many (?:input |prompt )?tokens(?! per)|max_new_tokens`? must be <="
            r"|(?:input|prompt) length[^.]{0,40}(?:exceed|longer|greater)"
            r"|reduce the length of (?:the|your) (?:message|prompt|input|completion)",
            re.IGNORECASE,
        ),
    ),
    (
        IMAGE_COUNT,
        re.compile(
            r"at most [0-9]+ (?:image|multimodal|multi-modal)|too many (?:images|multimodal|multi-modal)"
            r"|(?:number of images|image count)[^.]{0,40}exceed",
            re.IGNORECASE,
        ),
    ),
    (
        NO_IMAGES,
        re.compile(
            # vLLM, SGLang, llama.cpp, OpenRouter, OpenAI, DeepSeek
            r"not a multi-?modal model|(?:does not|doesn't|do not|cannot) (?:support|accept|take|read|process) "
            r"(?:image|vision|multi-?modal)|images?(?: input| url)?s?(?: is| are)? not supported"
            r"|image_url[^.]{0,40}(?:not supported|only supported|unknown variant)|unknown variant `?image_url"
            r"|no endpoints found that support image",
            re.IGNORECASE,
        ),
    ),
)


def cause_of(status: int, said: str) -> str | None:
    """One of the kinds above for an error of `status` with these words (message, code and type); None: another cause.

    >>> cause_of(400, "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens.")
    'context_length'
    """
    if status not in _STATUSES:
        return None
    return next((kind for kind, words in _WORDS if words.search(said[:_MAX_SAID])), None)
