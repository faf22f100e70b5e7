"""The study's question about the answer alone: right (O) or wrong (X)? For evaluations; training never asks it.

Source: the evaluation of arXiv 2606.31825 asks a model, with the image, whether an answer is right, for one letter.
There a reply that is neither letter leaves the denominator; here it is a failure with a kind, and is counted.
"""

from __future__ import annotations

from typing import Any

from recipe.mrpo.endpoint.thoughts import after_thoughts, unwrapped
from recipe.mrpo.endpoint.untrusted_json import untrusted_json
from recipe.mrpo.judge.chat.judge import ChatJudge
from recipe.mrpo.judge.chat.reply import ReplyLabels
from recipe.mrpo.judge.chat.rubric import fenced
from recipe.mrpo.judge.chat.rubric_folder import rubric_text
from recipe.mrpo.judge.protocol import JudgeRequest

LETTERS = {"O": 1, "X": 0}


def answer_prompt(rubric: str) -> str:
    """The system prompt: answer.txt of mrpo.judge.openai.rubric, if that folder has one, else the shared one."""
    return rubric_text(rubric, "answer")


class AnswerJudge(ChatJudge):
    """Labels one step, the answer: 1 for O, 0 for X. Everything but the question and the reply is `ChatJudge`'s."""

    name = "answer"

    def messages(self, request: JudgeRequest) -> list[dict[str, Any]]:
        images = self.image_urls(request)
        (answer,), limit = request.steps, self.settings.max_step_chars
        data: dict[str, Any] = {"question": request.question, "gold_answer": request.answer}
        if request.alternatives:
            data["other_gold_answers"] = request.alternatives
        data["model_answer"] = answer[:limit]
        if len(answer) > limit:
            data["cut_after"] = limit
        text = fenced(untrusted_json(data))
        content: str | list[dict[str, Any]] = text
        if images:
            content = [*({"type": "image_url", "image_url": {"url": url}} for url in images),
                       {"type": "text", "text": text}]  # fmt: skip
        system = answer_prompt(self.settings.rubric)
        return [{"role": "system", "content": system}, {"role": "user", "content": content}]

    def schema(self, request: JudgeRequest) -> None:
        return None

    def parse(self, reply: str, request: JudgeRequest, *, cut_off: bool) -> ReplyLabels:
        """O or X, alone, after the model's own reasoning.

        Failures: empty, truncated, unparsable. A letter within a sentence is not read: the sentence may quote the
        answer, which is untrusted.
        """
        said = unwrapped(after_thoughts(reply).text).strip().strip("*\"'`.").strip()
        if not said:
            return ReplyLabels(None, "truncated" if cut_off else "empty", "the reply is blank")
        label = LETTERS.get(said.upper()) if len(said) == 1 else None
        if label is None:
            return ReplyLabels(None, "truncated" if cut_off else "unparsable", f"neither O nor X: {reply!r}")
        return ReplyLabels((label,), None, "")
