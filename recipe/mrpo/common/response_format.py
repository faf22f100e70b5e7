"""The tags of the response format, `<think>…</think><answer>…</answer>`, in the one place that everything reads."""

from __future__ import annotations

import re

THINK_TAGS = ("think", "thinking")
"""Names that open a think block; Qwen3-VL is asked for the second, because its tokenizer owns the first."""
ANSWER_TAG = "answer"

# One run of white space before the slash and one after it: side by side they would cost the square of its length.
TAG = re.compile(rf"<\s*(?:(/)\s*)?({'|'.join(THINK_TAGS)}|{ANSWER_TAG})\s*>", re.IGNORECASE)
