"""A judge endpoint on a local socket, with faults on demand; it speaks the OpenAI chat completions protocol.

In a test:        with FakeJudgeServer(script=["http_500", "ok"]) as server: ... server.base_url, server.requests
By the command:   python -m tests.fake_judge_server --port 8000 --faults http_500:0.33,hang:0.33,prose:0.34 --seed 1

`script` is answered call by call, then `faults` (kind -> share of calls) rules; every other call is answered well.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import socket
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.fake_judge_replies import RULES, content_of, label_steps, read_prompt, verdict_of

LONGER_THAN_THE_CONTEXT = "This model's maximum context length is 4096 tokens. However, your request has 5000 tokens."

__all__ = ["FakeJudgeServer", "label_steps", "parse_faults", "read_prompt"]


class FakeJudgeServer:
    """Serves on 127.0.0.1 from a thread; `requests` holds every body received, `headers` those of every call.

    Faults: http_<status>, http_429_retry_after (1 s), http_429_retry_after_hour, delay (0.3 s, then well), hang, close,
    half_body, drip (a byte a time, for ever), html (502), html_200, not_json, bad_gzip, gzip (well, packed), bomb (of
    zeros, packed), bomb_twice, long_body (5 MB), bad_charset, charset:<name>, no_choices, cookie (500, with one that is
    not ASCII), redirect:<url>, no_schema and no_schema_<status> (400 or <status> if the call asks for structured
    output), error_in_200:<code>, error_in_choice:<code>, says_<status>:<body>,
    context_400, context_500, context_in_200 (the prompt is too long for the model), echo_key (401 that quotes the key),
    body:<text>.
    Of a completion: refusal, content_filter, cut (finish_reason=length), draft:<finish reason> (a verdict in prose that
    ends in the middle), parts (content as a list), parts_with_thoughts, reasoning_only (the verdict in
    reasoning_content), thoughts_only (prose there, no content), bom, no_usage (well, but without a count of tokens),
    usage:<json>, and the contents of `content_of`.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        script: Sequence[str] = (),
        faults: Mapping[str, float] | None = None,
        rule: str = "overlap",
        seed: int = 0,
        latency_s: float = 0.0,
        model: str = "fake",
        usage_of: Callable[[Sequence[Mapping[str, Any]], str], dict[str, int]] | None = None,
        says: Callable[[dict[str, Any]], str] | None = None,
    ) -> None:
        """`usage_of`: the usage of a good reply, from the messages and its text; without: a rough count. `says`: the
        content of a good reply to a request, in the place of labels."""
        if rule not in RULES:
            raise ValueError(f"rule {rule!r} is unknown; choose one of {', '.join(RULES)}")
        if sum((faults or {}).values()) > 1 + 1e-9:
            raise ValueError("the shares of all faults add up to more than 1")
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.asked: list[str] = []
        """Keys of the requests for the list of models."""
        self.model, self.says = model, says
        self.served: Counter[str] = Counter()
        self.peak = 0
        self.rule, self.seed, self.latency_s = rule, seed, latency_s
        self.usage_of = usage_of
        self._script, self._faults, self._random = list(script), dict(faults or {}), random.Random(seed)
        self._lock, self._stop, self._active = threading.Lock(), threading.Event(), 0
        self._server = _Server(("127.0.0.1", port), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> FakeJudgeServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()

    def serve_forever(self) -> None:
        self._server.serve_forever()

    def _next(self, body: dict[str, Any], headers: Mapping[str, str]) -> str:
        with self._lock:
            self.requests.append(body)
            self.headers.append({k.lower(): v for k, v in headers.items()})
            self.times.append(time.monotonic())
            kind = self._script.pop(0) if self._script else self._draw()
            self.served[kind] += 1
            return kind

    def _draw(self) -> str:
        point = self._random.random()
        for kind, share in self._faults.items():
            if point < share:
                return kind
            point -= share
        return "ok"

    def _enter(self, step: int) -> None:
        with self._lock:
            self._active += step
            self.peak = max(self.peak, self._active)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    block_on_close = False


def _handler(owner: FakeJudgeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        _inside = False

        def log_message(self, *_: object) -> None:
            return None

        def do_GET(self) -> None:
            owner.asked.append(self.headers.get("Authorization", ""))
            self._send(200, json.dumps({"object": "list", "data": [{"id": owner.model, "object": "model"}]}))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            owner._enter(1)
            self._inside = True
            try:
                self._answer(owner._next(body, self.headers), body)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client gave up, as it should
            finally:
                self._leave()

        def _leave(self) -> None:
            """A request is over when its reply begins: the client may send the next one before we are back here."""
            if self._inside:
                self._inside = False
                owner._enter(-1)

        def _answer(self, kind: str, body: dict[str, Any]) -> None:
            owner._stop.wait(owner.latency_s)
            asked = "response_format" in body
            if kind == "hang":
                owner._stop.wait()
            elif kind == "close":
                self._drop()
            elif kind == "half_body":
                self._head(200, 4000, {})
                self.wfile.write(b'{"choices": [{"mess')
                self._drop()
            elif kind == "drip":
                self._head(200, 10**9, {})
                while not owner._stop.wait(0.02):
                    self.wfile.write(b" ")
                    self.wfile.flush()
            elif kind == "html_200":
                self._send(200, "<html><body>Please log in</body></html>", "text/html")
            elif kind == "html":
                self._send(502, "<html><body>Bad gateway</body></html>", "text/html")
            elif kind == "bad_gzip":
                self._send(200, "this is not compressed", headers={"Content-Encoding": "gzip"})
            elif kind in ("bomb", "bomb_twice"):
                self._send_bytes(
                    200,
                    _bomb(layers=1 + (kind == "bomb_twice")),
                    {"Content-Encoding": ", ".join(["gzip"] * (1 + (kind == "bomb_twice")))},
                )
            elif kind == "long_body":
                self._send(200, json.dumps({"choices": [{"message": {"content": "x" * 5 * 2**20}}]}))
            elif kind.startswith("body:"):
                self._send(200, kind.partition(":")[2])
            elif kind.startswith("error_in_200:"):
                self._send(200, json.dumps({"error": {"code": _number(kind), "message": "made to fail"}}))
            elif kind in ("context_400", "context_500"):
                self._send(int(kind[8:]), json.dumps({"error": {"message": LONGER_THAN_THE_CONTEXT}}))
            elif kind == "context_in_200":
                self._send(200, json.dumps({"error": {"code": 400, "message": LONGER_THAN_THE_CONTEXT}}))
            elif kind.startswith("says_"):
                self._send(int(kind[5:8]), kind.partition(":")[2])
            elif kind.startswith("error_in_choice:"):
                error = {"code": _number(kind), "message": "made to fail"}
                choice = {"message": {"content": ""}, "finish_reason": "error", "error": error}
                self._send(200, json.dumps({"choices": [choice]}))
            elif kind == "bad_charset":
                self._send(200, "{}", "application/json; charset=no-such-charset")
            elif kind.startswith("charset:"):
                self._send(200, '{"choices": []}', f"application/json; charset={kind.partition(':')[2]}")
            elif kind == "cookie":
                self._send(500, '{"error": {"message": "made to fail"}}', headers={"Set-Cookie": "id=\xff"})
            elif kind == "not_json":
                self._send(200, '{"choices": [')
            elif kind == "no_choices":
                self._send(200, json.dumps({"usage": {"prompt_tokens": 7, "completion_tokens": 0}, "choices": []}))
            elif kind == "http_429_retry_after":
                self._send(429, '{"error": {"message": "slow down"}}', headers={"Retry-After": "1"})
            elif kind == "http_429_retry_after_hour":
                self._send(429, '{"error": {"message": "slow down"}}', headers={"Retry-After": "3600"})
            elif kind == "echo_key":
                self._send(401, json.dumps({"error": {"message": f"bad key {self.headers.get('Authorization')}"}}))
            elif kind.startswith("no_schema") and asked:
                self._send(int(kind[10:] or 400), '{"error": {"message": "response_format is not supported"}}')
            elif kind.startswith("redirect:"):
                self._send(307, "", headers={"Location": kind.partition(":")[2]})
            elif kind.startswith("http_"):
                self._send(int(kind[5:]), '{"error": {"message": "made to fail"}}')
            else:
                self._complete(kind, body)

        def _complete(self, kind: str, body: dict[str, Any]) -> None:
            if kind == "delay":
                owner._stop.wait(0.3)
            steps: list[str] = []
            labels: list[int] = []
            if owner.says is not None:
                text = owner.says(body)
            else:
                case, steps = read_prompt(body["messages"])
                labels = label_steps(case, steps, rule=owner.rule, seed=owner.seed)
                text = str(content_of("ok", labels))
            if "OVERALL" in body["messages"][0]["content"] and kind == "ok":
                text = json.dumps({**verdict_of(labels), "overall": int(all(labels))})
            if "rollout_answer" in str(body["messages"][-1]["content"]) and kind == "ok":
                text = json.dumps({"answer": 1, **json.loads(text)})
            message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
            finish = "stop"
            written = 12 * len(steps) if owner.says is None else len(text) // 4 + 1
            rough = {"prompt_tokens": len(json.dumps(body["messages"])) // 4, "completion_tokens": written}
            usage: Any = rough if owner.usage_of is None else owner.usage_of(body["messages"], text)
            name, _, value = kind.partition(":")
            if name == "refusal":
                message["refusal"] = "I cannot help with that."
            elif name == "content_filter":
                finish = "content_filter"
            elif name == "cut":
                message["content"], finish = content_of("cut_json", labels), "length"
            elif name == "draft":
                message["content"], finish = f"Let me draft {text} but step 2", value
            elif name == "parts":
                message["content"] = [{"type": "text", "text": text[:9]}, {"type": "text", "text": text[9:]}]
            elif name == "parts_with_thoughts":
                thoughts = [{"type": "text", "text": "Maybe {"}]
                message["content"] = [{"type": "thinking", "thinking": thoughts}, {"type": "text", "text": text}]
            elif name == "reasoning_only":
                message.update(content=None, reasoning_content=text)
            elif name == "thoughts_only":
                message.update(content=None, reasoning_content="The second step is doubtful.")
            elif name in ("no_usage", "usage"):
                usage = json.loads(value or "null")
            elif kind not in ("ok", "delay", "gzip", "bom") and not name.startswith("no_schema"):
                message["content"] = content_of(kind, labels)
                if message["content"] is None:
                    raise ValueError(f"fault {kind!r} is unknown")
            choice = {"index": 0, "message": message, "finish_reason": finish}
            reply = {"id": "fake", "object": "chat.completion", "created": 0, "model": str(body.get("model"))}
            data = json.dumps({**reply, "choices": [choice]} | ({} if usage is None else {"usage": usage})).encode()
            if kind == "bom":
                data = b"\xef\xbb\xbf" + data
            packed = kind == "gzip"
            self._send_bytes(
                200, gzip.compress(data) if packed else data, {"Content-Encoding": "gzip"} if packed else {}
            )

        def _head(self, status: int, length: int, headers: Mapping[str, str], mime: str = "application/json") -> None:
            self.send_response(status)
            for name, value in {"Content-Type": mime, "Content-Length": str(length), **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def _send(
            self, status: int, text: str, mime: str = "application/json", headers: Mapping[str, str] | None = None
        ) -> None:
            self._send_bytes(status, text.encode(), headers or {}, mime)

        def _send_bytes(
            self, status: int, data: bytes, headers: Mapping[str, str], mime: str = "application/json"
        ) -> None:
            self._leave()
            self._head(status, len(data), headers, mime)
            self.wfile.write(data)

        def _drop(self) -> None:
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    return Handler


def _number(kind: str) -> int | str:
    value = kind.partition(":")[2]
    return int(value) if value.isdigit() else value


@cache
def _bomb(layers: int) -> bytes:
    """256 MB of zeros, packed so many times."""
    packer = zlib.compressobj(9, wbits=31)
    data = b"".join(packer.compress(bytes(2**20)) for _ in range(256)) + packer.flush()
    return data if layers == 1 else gzip.compress(data)


def parse_faults(text: str) -> dict[str, float]:
    """ "http_500:0.33,hang:0.33" -> shares by kind."""
    pairs = (item.rpartition(":") for item in text.split(",") if item)
    return {kind: float(share) for kind, _, share in pairs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--faults", type=parse_faults, default={}, help="kind:share[,kind:share...]")
    parser.add_argument("--rule", choices=RULES, default="overlap")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--latency-s", type=float, default=0.0)
    arguments = parser.parse_args()
    server = FakeJudgeServer(**vars(arguments))
    print(f"judge endpoint at {server.base_url}, faults {arguments.faults or 'none'}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
