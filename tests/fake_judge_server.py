"""A judge endpoint on a local socket, with faults on demand; it speaks the OpenAI chat completions protocol.

In a test:        with FakeJudgeServer(script=["http_500", "ok"]) as server: ... server.base_url, server.requests
By the command:   python -m tests.fake_judge_server --port 8000 --faults http_500:0.33,hang:0.33,prose:0.34 --seed 1

`script` is answered call by call, then `faults` (kind -> share of calls) rules; every other call is answered well.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from omegaconf import OmegaConf

from recipe.mrpo.endpoint.json_in_text import json_objects
from recipe.mrpo.judge.overlap.judge import Thresholds, judge_steps
from recipe.mrpo.options.tree import OPTIONS_FILE

RULES = ("overlap", "seeded", "all_valid", "all_invalid")


def read_prompt(messages: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], list[str]]:
    """The case and the step texts of a prompt, from the JSON data in its last message."""
    content = messages[-1]["content"]
    text = content if isinstance(content, str) else next(p["text"] for p in content if p["type"] == "text")
    objects = [found for found, _ in json_objects(text)]
    case = next(o for o in objects if "gold_reasoning" in o)
    steps = next(o for o in objects if "rollout_steps" in o)["rollout_steps"]
    return case, [s["text"] for s in steps]


@cache
def _thresholds() -> Thresholds:
    return Thresholds(**OmegaConf.to_container(OmegaConf.load(OPTIONS_FILE).judge.overlap))


def label_steps(case: Mapping[str, Any], steps: Sequence[str], *, rule: str, seed: int) -> list[int]:
    """Labels by the offline rules, by a hash of the step, or all alike."""
    if rule == "overlap":
        verdicts = judge_steps(
            steps,
            question=case["question"],
            answers=(case["gold_answer"], *case.get("other_gold_answers", ())),
            gold_reasoning=case["gold_reasoning"],
            thresholds=_thresholds(),
        )
        return [v.label for v in verdicts]
    if rule == "seeded":
        return [hashlib.sha256(f"{seed}\0{s}".encode()).digest()[0] % 2 for s in steps]
    return [int(rule == "all_valid")] * len(steps)


def _verdict(labels: Sequence[Any]) -> dict[str, Any]:
    return {"steps": [{"step": k, "alignment": v, "contribution": v} for k, v in enumerate(labels, 1)]}


def _lie(kind: str, labels: list[int]) -> str | None:
    """Content of a reply that is wrong, or right but unusually wrapped; None if `kind` is no such thing."""
    good = _verdict(labels)
    text = json.dumps(good)
    if kind == "missing":
        good["steps"].pop(0)
    elif kind == "doubled":
        good["steps"].append(good["steps"][0])
    elif kind == "extra":
        good["steps"].append({"step": len(labels) + 1, "alignment": 1, "contribution": 1})
    elif kind == "zero_based":
        for entry in good["steps"]:
            entry["step"] -= 1
    elif kind == "reversed":
        good["steps"].reverse()
    elif kind == "maybe":
        good["steps"][-1]["alignment"] = "maybe"
    elif kind == "fraction":
        good["steps"][0]["contribution"] = 0.5
    else:
        return {
            "ok": text,
            "prose": "The reasoning looks mostly sound, although the second step is doubtful.",
            "fenced": f"```json\n{json.dumps(good, indent=1)}\n```",
            "chatty": f"Sure! Here are my grades:\n{text}\nLet me know if you need more.",
            "thinking": f"<think>Maybe {json.dumps(_verdict([1 - v for v in labels]))}? No.</think>\n{text}",
            "cut_json": text[: len(text) // 2],
            "empty": "",
            "all_yes": json.dumps(_verdict([1] * len(labels))),
            "all_no": json.dumps(_verdict([0] * len(labels))),
            "two_verdicts": f"{text}\nOr rather {json.dumps(_verdict([1 - v for v in labels]))}",
        }.get(kind)
    return json.dumps(good)


class FakeJudgeServer:
    """Serves on 127.0.0.1 from a thread; `requests` holds every body received, `headers` those of every call.

    Faults: http_<status>, http_429_retry_after (1 s), http_429_retry_after_hour, delay (0.3 s, then well), hang, close,
    half_body, drip (a byte a time, for ever), html (502), html_200, not_json, bad_gzip, bad_charset, charset:<name>,
    no_choices, cookie (500, with one that is no ASCII), refusal, content_filter, cut (finish_reason=length),
    redirect:<url>, no_schema (400 if the call asks for structured output), no_usage (well, but without a count of
    tokens), echo_key (401 that quotes the key), and the replies of `_lie`.
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
    ) -> None:
        if rule not in RULES:
            raise ValueError(f"rule {rule!r} is unknown; choose one of {', '.join(RULES)}")
        if sum((faults or {}).values()) > 1 + 1e-9:
            raise ValueError("the shares of all faults add up to more than 1")
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.served: Counter[str] = Counter()
        self.peak = 0
        self.rule, self.seed, self.latency_s = rule, seed, latency_s
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
            self._send(200, json.dumps({"object": "list", "data": [{"id": "fake", "object": "model"}]}))

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
            elif kind == "no_schema" and asked:
                self._send(400, '{"error": {"message": "response_format is not supported"}}')
            elif kind.startswith("redirect:"):
                self._send(307, "", headers={"Location": kind.partition(":")[2]})
            elif kind.startswith("http_"):
                self._send(int(kind[5:]), '{"error": {"message": "made to fail"}}')
            else:
                self._complete(kind, body)

        def _complete(self, kind: str, body: dict[str, Any]) -> None:
            if kind == "delay":
                owner._stop.wait(0.3)
            case, steps = read_prompt(body["messages"])
            labels = label_steps(case, steps, rule=owner.rule, seed=owner.seed)
            message: dict[str, Any] = {"role": "assistant", "content": _lie(kind, labels), "refusal": None}
            if "OVERALL" in body["messages"][0]["content"] and kind == "ok":
                message["content"] = json.dumps({**_verdict(labels), "overall": int(all(labels))})
            finish = "stop"
            if kind == "refusal":
                message["refusal"] = "I cannot help with that."
            elif kind == "content_filter":
                finish = "content_filter"
            elif kind == "cut":
                message["content"], finish = (_lie("cut_json", labels)), "length"
            elif kind in ("delay", "no_schema", "no_usage"):
                message["content"] = _lie("ok", labels)
            elif message["content"] is None:
                raise ValueError(f"fault {kind!r} is unknown")
            usage = {"prompt_tokens": len(json.dumps(body["messages"])) // 4, "completion_tokens": 12 * len(steps)}
            choice = {"index": 0, "message": message, "finish_reason": finish}
            reply = {"id": "fake", "object": "chat.completion", "created": 0, "model": str(body.get("model"))}
            self._send(
                200, json.dumps({**reply, "choices": [choice]} | ({} if kind == "no_usage" else {"usage": usage}))
            )

        def _head(self, status: int, length: int, headers: Mapping[str, str], mime: str = "application/json") -> None:
            self.send_response(status)
            for name, value in {"Content-Type": mime, "Content-Length": str(length), **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def _send(
            self, status: int, text: str, mime: str = "application/json", headers: Mapping[str, str] | None = None
        ) -> None:
            data = text.encode()
            self._leave()
            self._head(status, len(data), headers or {}, mime)
            self.wfile.write(data)

        def _drop(self) -> None:
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    return Handler


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
