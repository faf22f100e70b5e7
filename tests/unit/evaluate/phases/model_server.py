"""A model behind an OpenAI-compatible endpoint on a local socket: it answers, labels steps, and says O or X."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from recipe.mrpo.endpoint.json_in_text import json_objects
from recipe.mrpo.judge.chat.answer import answer_prompt
from tests.fake_judge_replies import label_steps, read_prompt, verdict_of

KINDS = ("generate", "judge", "verdict")


def answer_of(text: str, seed: int, images: int) -> str:
    """What this model says: two steps and an answer, decided by the question, the seed and the number of images."""
    draw = hashlib.sha256(f"{text}{seed}{images}".encode()).digest()[0]
    answer = ("axial", "yes", "no", "ct")[draw % 4]
    return f"<think>The image shows the {answer} view. This is step {draw}.</think><answer>{answer}</answer>"


class ModelServer:
    """`fault(kind, body, number)` may give (status, body text) in place of the reply; kind is one of KINDS.

    `requests`: (kind, body) of every call. `seen` is set with every call, so that a test can wait for one.
    """

    def __init__(self, fault: Callable[[str, Mapping[str, Any], int], tuple[int, str] | None] | None = None) -> None:
        self.fault = fault or (lambda kind, body, number: None)
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.seen = threading.Condition()
        self.rule = "seeded"
        self.letters = ("O", "X")
        self._server = _Server(("127.0.0.1", 0), _handler(self))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def count(self, kind: str) -> int:
        return sum(one == kind for one, _ in self.requests)

    def wait_for(self, kind: str, number: int, seconds: float = 300) -> None:
        """Until so many calls of a kind have come."""
        with self.seen:
            assert self.seen.wait_for(lambda: self.count(kind) >= number, seconds), f"{self.count(kind)} {kind}"

    def __enter__(self) -> ModelServer:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def reply(self, kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
        if kind == "judge":
            case, steps = read_prompt(body["messages"])
            text = json.dumps(verdict_of(label_steps(case, steps, rule=self.rule, seed=1)))
        elif kind == "verdict":
            content = body["messages"][-1]["content"]
            said = content if isinstance(content, str) else content[-1]["text"]
            asked = next(found for found, _ in json_objects(said))
            text = self.letters[asked["gold_answer"].lower() not in asked["model_answer"].lower()]
        else:
            content = body["messages"][-1]["content"]
            parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
            question = "".join(part.get("text", "") for part in parts)
            images = sum(part["type"] == "image_url" for part in parts)
            text = answer_of(question, body["seed"] if body["temperature"] else 0, images)
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 9, "completion_tokens": max(1, len(text) // 4), "total_tokens": 9 + len(text) // 4}
        return {"id": "x", "object": "chat.completion", "model": body["model"], "choices": [choice], "usage": usage}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    block_on_close = False


def kind_of(body: Mapping[str, Any]) -> str:
    system = next((m["content"] for m in body["messages"] if m["role"] == "system"), None)
    if system is None:
        return "generate"
    return "verdict" if system == answer_prompt("study") else "judge"


def _handler(owner: ModelServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            return None

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            kind = kind_of(body)
            with owner.seen:
                owner.requests.append((kind, body))
                number = owner.count(kind)
                owner.seen.notify_all()
            made = owner.fault(kind, body, number)
            status, text = made if made is not None else (200, json.dumps(owner.reply(kind, body)))
            data = text.encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except OSError:  # the client was killed meanwhile
                self.close_connection = True

    return Handler
