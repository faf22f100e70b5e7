"""Answers of a model behind an OpenAI-compatible endpoint: the same client, bounds and retries as a judge's."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from recipe.mrpo.endpoint.address import Endpoint, EndpointError, read_key
from recipe.mrpo.endpoint.certificates import check_environment
from recipe.mrpo.endpoint.client import ChatClient
from recipe.mrpo.endpoint.command_line import fault_by_option, retry_policy
from recipe.mrpo.endpoint.completion import Completion
from recipe.mrpo.endpoint.image import BadImage, data_url
from recipe.mrpo.endpoint.outage import GIVE_UP_AFTER, is_outage
from recipe.mrpo.endpoint.prompt_images import images_of_row
from recipe.mrpo.endpoint.secret_key import Secret
from recipe.mrpo.evaluate.phases.prompts import chat_messages, without_images
from recipe.mrpo.evaluate.phases.questions import Question, Questions
from recipe.mrpo.evaluate.phases.settings import Settings
from recipe.mrpo.evaluate.phases.stop import Stop
from recipe.mrpo.evaluate.phases.tasks import Generated, Task


def checked_endpoint(settings: Settings) -> tuple[Endpoint, Secret]:
    """Address and key of the settings. Raises ValueError naming the option."""
    try:
        endpoint = Endpoint.of(str(settings.base_url), settings.allow_host)
        check_environment(endpoint)
        return endpoint, Secret(read_key(settings.api_key_env))
    except EndpointError as error:
        raise ValueError(fault_by_option(error)) from None


def check_private(endpoint: Endpoint, questions: Sequence[Question]) -> None:
    """Raises PermissionError, before anything is sent, for rows that may not go to the endpoint, or may with doubt."""
    unclear = next((q for q in questions if q.private is None), None)
    if unclear is not None and not endpoint.private_allowed:
        raise PermissionError(
            f"row {unclear.number} of the data does not say clearly whether it may leave this machine "
            f"({unclear.fault or 'extra_info.may_leave_machine is neither true nor false'}); correct it, or ask a "
            "model on this machine."
        )
    leave = not any(question.private for question in questions)
    endpoint.require(may_leave_machine=leave, allow="--allow-host {host}")


class EndpointEngine:
    """Asks `settings.concurrency` questions at a time."""

    def __init__(
        self, settings: Settings, questions: Questions, *, sampling: Mapping[str, Any], max_tokens: int,
        max_pixels: int,
    ) -> None:  # fmt: skip
        self.settings, self.questions = settings, questions
        self.endpoint, self.key = checked_endpoint(settings)
        self.retries = retry_policy(settings.retries)
        self.sampling, self.max_tokens, self.max_pixels = dict(sampling), max_tokens, max_pixels
        self._outages = 0

    def run(
        self, tasks: Sequence[Task], todo: Collection[str], *, done: Callable[[Task, Generated], None], stop: Stop
    ) -> None:
        """Raises PermissionError for questions that may not be sent to the endpoint."""
        asked = [task for task in tasks if task.id in todo]
        shown = {task.image_of for task in asked if task.image_of is not None}
        check_private(self.endpoint, [*(t.question for t in asked), *(self.questions.all[n] for n in sorted(shown))])
        asyncio.run(self._run(asked, done, stop))

    def close(self) -> None:
        pass

    async def _run(self, tasks: Sequence[Task], done: Callable[[Task, Generated], None], stop: Stop) -> None:
        client = ChatClient(self.endpoint, key=self.key, timeout_s=self.settings.timeout)
        waiting = iter(tasks)

        async def worker() -> None:
            for task in waiting:
                if stop or self._outages >= GIVE_UP_AFTER:
                    return
                given = await self._answer(client, task, stop)
                done(task, given)

        try:
            await asyncio.gather(*(worker() for _ in range(min(self.settings.concurrency, len(tasks)))))
        finally:
            await client.close()

    async def _answer(self, client: ChatClient, task: Task, stop: Stop) -> Generated:
        try:
            messages = await asyncio.to_thread(self.messages, task)
        except (BadImage, ValueError) as error:
            return Generated(failure="bad_image" if isinstance(error, BadImage) else "bad_prompt", detail=str(error))
        prompt = shown_prompt(messages)
        request = self.request(messages, task.seed)
        attempt = 0
        while True:
            reply = await client.complete(request, image_max_pixels=self.max_pixels)
            wait = self.retries.wait_s(attempt, reply.failure, reply.wait_s, jitter=random.random())
            if wait is None or stop:
                self._outages = self._outages + 1 if is_outage(reply.failure) else 0  # after its retries
                return self._generated(reply, prompt)
            await _sleep(wait, stop)
            attempt += 1

    def messages(self, task: Task) -> list[dict[str, Any]]:
        """The chat messages of a task, images as data URLs of at most `max_pixels`. Raises BadImage, ValueError."""
        prompt = self.questions.row(task.question.number)["prompt"]
        if task.image_of is None:
            return _as_sent(chat_messages(without_images(prompt), ()), ())
        images = images_of_row(self.questions.row(task.image_of)["images"])
        urls = [data_url(data, self.max_pixels) for data, _ in images]
        return _as_sent(chat_messages(prompt, [{"image": number} for number in range(len(urls))]), urls)

    def request(self, messages: list[dict[str, Any]], seed: int) -> dict[str, Any]:
        """The body of the request. Servers of OpenAI know no top_k, so it is sent only where it says something."""
        body: dict[str, Any] = {
            "model": self.settings.model, "messages": messages, "max_tokens": self.max_tokens, "seed": seed,
            "temperature": self.sampling["temperature"], "top_p": self.sampling["top_p"],
        }  # fmt: skip
        if self.sampling["top_k"] > 0:
            body["top_k"] = self.sampling["top_k"]
        return {**body, **(self.settings.extra_body or {})}

    def _generated(self, reply: Completion, prompt: str) -> Generated:
        if reply.failure is not None:
            return Generated(failure=reply.failure, detail=self.key.hide(reply.detail), prompt=prompt)
        # A server's reasoning parser takes the think block out of the content; the steps are in it.
        text = f"<think>{reply.reasoning}</think>{reply.content}" if reply.reasoning else reply.content
        return Generated(
            text,
            prompt=prompt,
            finish_reason=reply.finish_reason or None,
            response_tokens=None if reply.estimated else reply.tokens.completion,
        )


def shown_prompt(messages: Sequence[Mapping[str, Any]]) -> str:
    """The text of the messages, as a dump shows it."""
    parts = []
    for message in messages:
        content = message["content"]
        text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
        parts.append(f"{message['role']}\n{text}")
    return "\n".join(parts)


def _as_sent(messages: list[dict[str, Any]], urls: Sequence[str]) -> list[dict[str, Any]]:
    sent = []
    for message in messages:
        content = message["content"]
        if not isinstance(content, str):
            content = [
                {"type": "image_url", "image_url": {"url": urls[part["image"]]}} if part["type"] == "image" else part
                for part in content
            ]
        sent.append({"role": message["role"], "content": content})
    return sent


async def _sleep(seconds: float, stop: Stop) -> None:
    """Wait, but not on when the process is asked to end."""
    end = time.monotonic() + seconds
    while not stop and (left := end - time.monotonic()) > 0:
        await asyncio.sleep(min(left, 0.2))
