"""Services word the refusal of a request in many ways; those with a cause that can be removed have a kind."""

from __future__ import annotations

import json

import pytest

from recipe.mrpo.endpoint.completion import read_completion
from recipe.mrpo.endpoint.refusals import cause_of

# service: status, words in the form that the service uses
TOO_LONG = {
    "vLLM": (400, "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens (6952 in the "
                  "messages, 2048 in the completion). Please reduce the length of the messages or completion."),
    "vLLM, reply": (400, "'max_tokens' or 'max_completion_tokens' is too large: 2048. This model's maximum context "
                         "length is 4096 tokens and your request has 3000 input tokens (2048 > 4096 - 3000)."),
    "vLLM, images": (400, "The decoder prompt (length 9001) is longer than the maximum model length of 8192. Make sure "
                          "that `max_model_len` is no smaller than the number of text tokens plus multimodal tokens."),
    "vLLM, newer": (400, "You passed 9001 input tokens and requested 1 output tokens. However, the model's context "
                         "length is only 8192 tokens, resulting in a maximum input length of 8191 tokens."),
    "SGLang": (400, "The input (9000 tokens) is longer than the model's context length (8192 tokens)."),
    "SGLang, reply": (400, "Requested token count exceeds the model's maximum context length of 8192 tokens."),
    "OpenAI": (400, '{"error": {"message": "Your input is refused.", "code": "context_length_exceeded"}}'),
    "OpenAI, string": (400, "Input tokens exceed the configured limit: maximum input length of 272000 tokens."),
    "Anthropic": (400, "prompt is too long: 210123 tokens > 200000 maximum"),
    "Anthropic, reply": (400, "input length and `max_tokens` exceed context limit: 199000 + 20000 > 200000"),
    "Gemini": (400, "The input token count (1100000) exceeds the maximum number of tokens allowed (1048576)."),
    "llama.cpp": (400, '{"error":{"code":400,"type":"exceed_context_size_error","message":"request (5012 tokens) '
                       'exceeds the available context size (4096 tokens), try increasing it"}}'),
    "llama.cpp, older": (500, "the request exceeds the available context size. try increasing the context size"),
    "TGI": (422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs`"),
    "Mistral": (400, "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context "
                     "length"),
    "Cohere": (400, "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 5000."),
    "Bedrock": (400, "Input is too long for requested model."),
    "LiteLLM": (400, "litellm.ContextWindowExceededError: BadRequestError: OpenAIException"),
    "OpenRouter": (400, "This endpoint's maximum context length is 32768 tokens. However, you requested about 40000"),
    "NIM": (400, "Prompt length (9000) exceeds maximum input length (8192). Set log level to info"),
    "LM Studio": (400, "The number of tokens to keep from the initial prompt is greater than the context length."),
    "Groq": (400, "Please reduce the length of the messages or completion."),
}  # fmt: skip

IMAGES = {
    "vLLM": (400, "At most 1 image(s) may be provided in one request.", "too_many_images"),
    "vLLM, prompt": (400, "At most 1 image(s) may be provided in one prompt.", "too_many_images"),
    "Azure": (400, "Too many images in request. Max is 50.", "too_many_images"),
    "vLLM, text": (400, "Qwen/Qwen2.5-7B-Instruct is not a multimodal model", "no_images"),
    "vLLM, template": (400, "This model does not support image input.", "no_images"),
    "llama.cpp": (500, "image input is not supported - hint: if this is unexpected, provide the mmproj", "no_images"),
    "OpenRouter": (404, "No endpoints found that support image input", "no_images"),
    "DeepSeek": (400, "messages[1]: unknown variant `image_url`, expected `text`", "no_images"),
    "OpenAI": (400, "Invalid content type. image_url is only supported by certain models.", "no_images"),
}

OTHERS = {
    "a rate": (429, "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 40000."),
    "a rate in the words of a context": (429, "too many tokens, maximum context length of the minute is reached"),
    "a key": (401, "Incorrect API key provided."),
    "a model": (404, "The model `x` does not exist."),
    "a setting": (400, "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                       "'max_completion_tokens' instead."),
    "a limit of the reply": (400, "max_tokens is too large: 32768. This model supports at most 16384 completion "
                                  "tokens."),
    "structured output": (400, "response_format is not supported"),
    "a schema": (400, "Invalid schema for response_format: In context=('properties', 'steps'), too many properties"),
    "a body": (413, "<html><head><title>413 Request Entity Too Large</title></head></html>"),
    "nothing": (500, ""),
    "an outage": (503, "the context length of the queue exceeds"),
}  # fmt: skip


@pytest.mark.parametrize(("status", "said"), TOO_LONG.values(), ids=TOO_LONG)
def test_a_request_longer_than_the_context_is_known_by_the_words_of_every_service(status, said):
    assert cause_of(status, said) == "context_length"
    assert read_completion(json.dumps({"error": {"code": status, "message": said}})).failure == "context_length"
    assert read_completion(json.dumps({"object": "error", "message": said, "code": status})).failure == "context_length"


@pytest.mark.parametrize(("status", "said", "kind"), IMAGES.values(), ids=IMAGES)
def test_images_that_a_service_does_not_take_are_known_by_its_words(status, said, kind):
    assert cause_of(status, said) == kind


@pytest.mark.parametrize(("status", "said"), OTHERS.values(), ids=OTHERS)
def test_other_refusals_keep_their_status(status, said):
    assert cause_of(status, said) is None
