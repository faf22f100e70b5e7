"""`annotate` against endpoints that fail: no odd reply ends the run, every request counts, what is paid for is kept."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_preprocess.__main__ import main
from data_preprocess.tools.annotate import INCOMPLETE, counts
from tests.unit.data.helpers import VQA_RAD, read_rows, run

ROOT = Path(__file__).parents[4]


def good(answer):
    steps = ["The image shows the body.", "The finding fits the question.", f"The answer is {answer}."]
    return json.dumps({"steps": steps, "answer": answer})


def completion(content, **usage):
    reply = {"choices": [{"message": {"role": "assistant", "content": content}}]}
    return json.dumps(reply | ({"usage": usage} if usage else {})).encode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.requests.append(body)
            said = self.server.script.pop(0) if self.server.script else None
        self.server.gate.wait(30)
        answer = json.loads(body["messages"][1]["content"][1]["text"])["answer"]
        if said == "drip":
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                while not self.server.over.wait(0.02):
                    self.wfile.write(b" ")
            return
        status, data = (200, completion(good(answer), prompt_tokens=90, completion_tokens=10)) if said is None else said
        if callable(data):
            data = data(answer)
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # it is not read to the end
            self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def endpoint():
    """`endpoint.script`: (status, body) of the first replies; then good ones."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.block_on_close = True, False
    server.handle_error = lambda *_: None  # a client that reads no further
    server.requests, server.script, server.lock = [], [], threading.Lock()
    server.over, server.gate = threading.Event(), threading.Event()
    server.gate.set()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server
    server.over.set()
    server.gate.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def annotate(tmp_path, endpoint):
    run("vqa_rad", VQA_RAD, tmp_path / "rad")
    file, out = tmp_path / "rad" / "test.parquet", tmp_path / "gold.jsonl"

    def words(*options):
        url = f"http://127.0.0.1:{endpoint.server_port}/v1"
        where = ("--out", str(out), "--base-url", url, "--model", "m")
        return ["annotate", str(file), *where, "--retries", "0", "--concurrency", "1", "--attempts", "1", *options]

    def command(*options):
        return main(words(*options))

    command.words, command.file = words, file
    command.lines = lambda: [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    return command


ODD = {
    "a page": b"<html>Please log in</html>",
    "a list": b"[]",
    "null": b"null",
    "nothing": b"",
    "no message": b'{"choices": [{"message": null}]}',
    "no choices": b'{"choices": null}',
    "half a body": b'{"choices": [{"mess',
    "deep nesting": b'{"choices": ' + b"[" * 50_000,
    "a number for content": completion(5),
    "an error": b'{"error": {"code": 400, "message": "no"}}',
    "bytes": bytes(range(256)),
    "a long body": b'{"choices": "' + b"x" * 5 * 2**20 + b'"}',
}


@pytest.mark.parametrize("said", ODD.values(), ids=ODD)
def test_an_odd_reply_is_counted_and_the_next_row_is_asked_about(annotate, endpoint, capsys, said):
    endpoint.script = [(200, said)]
    assert annotate() == INCOMPLETE
    assert len(annotate.lines()) == 4 and len(endpoint.requests) == 5
    told = capsys.readouterr()
    assert "failed checks: 1 " in told.out and "Traceback" not in told.err


@pytest.mark.parametrize(
    "usage", [{"total_tokens": None}, {"total_tokens": "many"}, {"prompt_tokens": 2**39, "completion_tokens": "x"}, {}]
)
def test_tokens_that_are_not_reported_are_estimated_and_count(annotate, endpoint, capsys, usage):
    endpoint.script = [(200, lambda answer: completion(good(answer), **usage))] * 9
    assert annotate("--max-tokens", "1") == INCOMPLETE
    assert len(endpoint.requests) == 1 and len(annotate.lines()) == 1
    told = capsys.readouterr().out
    assert "(of 1 requests estimated)" in told and "the budget is spent, 4 rows are left" in told


@pytest.mark.parametrize(
    "content_of",
    [
        lambda reply: [{"type": "text", "text": reply}],
        lambda reply: f'<think>{{"steps": []}} Maybe.</think>{reply}',
        lambda reply: f'[THINK]{{"steps": []}}[/THINK]{reply}',
    ],
)
def test_replies_are_read_as_the_judges_are(annotate, endpoint, content_of):
    def reply(answer):
        return completion(content_of(good(answer)), prompt_tokens=9, completion_tokens=9)

    endpoint.script = [(200, reply)] * 5
    assert annotate() == 0 and len(annotate.lines()) == 5


def test_every_request_counts_repeated_ones_too(annotate, endpoint, capsys):
    endpoint.script = [(503, b"{}"), (503, b"{}")]
    assert annotate("--retries", "3", "--max-calls", "2") == INCOMPLETE
    assert len(endpoint.requests) == 2
    assert "0 rows annotated, 2 requests" in capsys.readouterr().out


def test_a_passing_fault_is_tried_again(annotate, endpoint, capsys):
    endpoint.script = [(503, b"{}"), (200, b'{"error": {"code": 429}}')]
    assert annotate("--retries", "3") == 0
    assert len(endpoint.requests) == 7 and "5 rows annotated, 7 requests" in capsys.readouterr().out


def test_the_budget_holds_at_any_concurrency(annotate, endpoint):
    assert annotate("--max-calls", "2", "--concurrency", "8") == INCOMPLETE
    assert len(endpoint.requests) == 2


def test_an_endpoint_that_drips_fails_its_row_after_the_timeout(annotate, endpoint, capsys):
    endpoint.script = ["drip"]
    assert annotate("--timeout", "1") == INCOMPLETE
    told = capsys.readouterr()
    assert "failed checks: 1 endpoint" in told.out and "timeout: no whole reply in 1 s" in told.err
    assert len(annotate.lines()) == 4


ESCAPE = "\x1b]52;c;AAAA\x07\x1b[2J"


@pytest.mark.parametrize(
    "said", [(400, json.dumps({"error": {"message": ESCAPE}}).encode()), (200, completion(f"{ESCAPE} no verdict"))]
)
def test_what_an_endpoint_says_reaches_the_terminal_as_text(annotate, endpoint, capsys, said):
    endpoint.script = [said]
    assert annotate() == INCOMPLETE
    told = capsys.readouterr()
    assert "\x1b" not in told.err + told.out and "\x07" not in told.err and "AAAA" in told.err


def private(file, numbers):
    rows = read_rows(file)
    for number in numbers:
        rows[number]["extra_info"]["may_leave_machine"] = False
    pq.write_table(pa.Table.from_pylist(rows, schema=pq.read_schema(file)), file)


def test_neither_question_nor_reply_of_a_private_row_is_printed(annotate, endpoint, capsys):
    rows = read_rows(annotate.file)
    private(annotate.file, range(len(rows)))
    endpoint.script = [(200, completion("PATIENT has it"))] * 9
    assert annotate() == INCOMPLETE
    told = capsys.readouterr()
    assert "PATIENT" not in told.err and not any(row["extra_info"]["question"] in told.err for row in rows)
    assert told.err.count("unparsable") == 5


def test_a_row_that_ends_the_run_loses_no_reply_under_way(annotate, endpoint, capsys):
    rows = read_rows(annotate.file)
    rows[-1]["extra_info"].update(may_leave_machine=None, answer="Right lobe")
    pq.write_table(pa.Table.from_pylist(rows, schema=pq.read_schema(annotate.file)), annotate.file)
    assert annotate("--concurrency", "9") == 1
    assert "may_leave_machine" in capsys.readouterr().err
    assert len(annotate.lines()) == len(endpoint.requests) >= 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_after_a_signal_the_replies_under_way_are_written(annotate, endpoint, number):
    endpoint.gate.clear()
    process = subprocess.Popen(
        [sys.executable, "-m", "data_preprocess", *annotate.words("--concurrency", "2")], cwd=ROOT, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        wait_until(lambda: len(endpoint.requests) == 2)
        process.send_signal(number)
        wait_until(lambda: "waited for" in process.stderr.readline())
        endpoint.gate.set()
        out, err = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 128 + number and "goes on where this one stopped" in err
    assert "2 rows annotated, 2 requests" in out
    assert len(annotate.lines()) == 2 == len(endpoint.requests)


def wait_until(true):
    end = time.monotonic() + 300
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_limit_that_is_waited_for_is_no_outage(annotate, endpoint, monkeypatch):
    """Twice too many requests before a good reply: more failures in a row than outages that end a run."""
    monkeypatch.setattr(counts, "GIVE_UP_AFTER", 2)
    endpoint.script = [(429, b"{}"), (429, b"{}")]
    assert annotate("--retries", "3") == 0
    assert len(annotate.lines()) == 5
