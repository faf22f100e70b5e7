"""Asking the model about one row: the same client, bounds and retries as the judge's, and the checks of the reply."""

from __future__ import annotations

import argparse
import asyncio
import random
from typing import Any

from data_preprocess.reasoning.annotation import BadReply, build_messages, check_reply
from data_preprocess.tools.annotate.counts import OutOfBudget, Run
from recipe.mrpo.endpoint.client import ChatClient
from recipe.mrpo.endpoint.command_line import retry_policy
from recipe.mrpo.endpoint.completion import Completion
from recipe.mrpo.endpoint.image import BadImage, data_url
from recipe.mrpo.endpoint.secret_key import Secret


class Model:
    """The model at one endpoint; what its calls cost is counted in `run`, and its limits are asked before each."""

    def __init__(self, client: ChatClient, key: Secret, run: Run, args: argparse.Namespace) -> None:
        self.client, self.key, self.run, self.args = client, key, run, args
        self.name, self.concurrency = args.model, args.concurrency
        self.retries = retry_policy(args.retries)

    def require(self, *, may_leave_machine: bool) -> None:
        """Raises PermissionError for a row that may not go to the endpoint."""
        self.client.endpoint.require(may_leave_machine=may_leave_machine, allow="--allow-host {host}")

    def hide(self, text: str) -> str:
        return self.key.hide(text)

    async def reasoning(self, row: dict[str, Any]) -> str:
        """The reasoning for a row, asked for up to `attempts` times in all while the reply fails the checks.

        Raises BadReply: image, endpoint (no completion came) and the kinds of `check_reply`; OutOfBudget if no call
        may be made.
        """
        info = row["extra_info"]
        try:
            images = [image["bytes"] for image in row["images"]]
            urls = [await asyncio.to_thread(data_url, image, self.args.image_max_pixels) for image in images]
        except (BadImage, TypeError, LookupError) as error:
            raise BadReply("image", str(error)) from error
        messages = build_messages(info["question"], info["answer"], urls)
        for attempt in range(1, self.args.attempts + 1):
            reply = await self._complete(messages, first=attempt == 1)
            self.run.seen(reply.failure)  # after its retries: a limit that is waited for is no outage
            try:
                if reply.failure is not None:
                    raise BadReply("endpoint", f"{reply.failure}: {reply.detail}")
                return check_reply(reply.content, answer=info["answer"])
            except BadReply as error:
                if attempt == self.args.attempts or self.run.spent() or self.run.stopping:
                    raise
                # Calls have had their retries already.
                if error.kind == "endpoint" and reply.failure not in ("bad_response", "refused"):
                    raise
        raise OutOfBudget

    async def _complete(self, messages: list[dict[str, Any]], *, first: bool) -> Completion:
        request = {
            "model": self.args.model, "messages": messages, "max_tokens": self.args.max_reply_tokens,
            "temperature": self.args.temperature if first else self.args.retry_temperature,
        }  # fmt: skip
        attempt = 0
        while True:
            if self.run.spent() and attempt == 0:
                raise OutOfBudget
            self.run.calls += 1
            reply = await self.client.complete(request, image_max_pixels=self.args.image_max_pixels)
            self.run.tokens += reply.tokens.both
            self.run.estimated += reply.estimated
            wait = self.retries.wait_s(attempt, reply.failure, reply.wait_s, jitter=random.random())
            if wait is None or self.run.spent() or self.run.stopping:
                return reply
            await asyncio.sleep(wait)
            if self.run.spent() or self.run.stopping:
                return reply
            attempt += 1
