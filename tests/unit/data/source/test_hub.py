"""Downloads from the hub, over real HTTP: a server on this machine that speaks the hub's protocol."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image

from tests.unit.data.helpers import ROOT, draw, hf_image, read_rows, write_hf

pytestmark = pytest.mark.long

REPOSITORY = "flaviagiammarino/vqa-rad"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = ("data/train-00000.parquet", "data/test-00000.parquet")


class Hub:
    """What the server holds, and what was asked of it."""

    def __init__(self, folder: Path, *, code: str | None = None) -> None:
        self.folder, self.code = folder, code
        self.cut: int | None = None
        """The byte of a file before which the connection is lost; None: never."""
        self.sent: list[tuple[str, int]] = []
        """(file, first byte) of every download."""

    def handler(hub):
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_HEAD(self):
                self.respond(body=False)

            def do_GET(self):
                self.respond(body=True)

            def respond(self, *, body):
                path = urlsplit(self.path).path
                file = re.fullmatch(rf"/datasets/{REPOSITORY}/resolve/{COMMIT}/(.+)", path)
                if hub.code:
                    self.answer(403 if hub.code == "GatedRepo" else 404, {"X-Error-Code": hub.code}, b"{}", body)
                elif file:
                    self.file(file[1], body)
                elif path.startswith(f"/api/datasets/{REPOSITORY}/tree/"):
                    entries = [
                        {"type": "file", "path": name, "size": size, "oid": oid} for name, size, oid in hub.list()
                    ]
                    self.answer(200, {}, json.dumps(entries).encode(), body)
                elif path.startswith(f"/api/datasets/{REPOSITORY}"):
                    facts = {"id": REPOSITORY, "sha": COMMIT, "siblings": [{"rfilename": n} for n, _, _ in hub.list()]}
                    self.answer(200, {}, json.dumps(facts).encode(), body)
                else:
                    self.answer(404, {"X-Error-Code": "RepoNotFound"}, b"{}", body)

            def file(self, name, body):
                data = (hub.folder / name).read_bytes()
                first = int(re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "bytes=0-"))[1])
                headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": COMMIT}
                if first:
                    headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
                if body:
                    hub.sent.append((name, first))
                self.answer(206 if first else 200, headers, data[first:], body, data[first : hub.cut])

            def answer(self, status, headers, data, body, sent=None):
                self.send_response(status)
                for key, value in {**headers, "Content-Length": str(len(data)), "Connection": "close"}.items():
                    self.send_header(key, value)
                self.end_headers()
                if body:
                    self.wfile.write(data if sent is None else sent)
                self.close_connection = True

        return Handler

    def list(self):
        for name in (*FILES, "README.md"):
            data = (self.folder / name).read_bytes()
            yield name, len(data), hashlib.sha1(data).hexdigest()


@pytest.fixture
def folder(tmp_path):
    """The repository's files."""
    for name, shade in zip(FILES, (0, 1), strict=True):
        image = hf_image(draw(size=(40, 30 + shade)))
        write_hf(tmp_path / "hub", name, [{"image": image, "question": "What plane is this?", "answer": "axial"}])
    (tmp_path / "hub" / "README.md").write_text("not asked for\n")
    return tmp_path / "hub"


@contextmanager
def served(hub: Hub):
    server = ThreadingHTTPServer(("127.0.0.1", 0), hub.handler())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def command(endpoint: str, tmp_path: Path, *options: str) -> subprocess.CompletedProcess:
    """In a process of its own: the hub's library reads its address once, when it is imported."""
    env = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0",
           "HF_HUB_DISABLE_XET": "1"}  # fmt: skip
    arguments = [sys.executable, "-m", "data_preprocess.vqa_rad", "--out", str(tmp_path / "out"), *options]
    return subprocess.run(arguments, cwd=ROOT, env=env, capture_output=True, text=True, timeout=900)


def test_a_dataset_comes_from_the_hub_at_one_commit(folder, tmp_path):
    hub = Hub(folder)
    with served(hub) as endpoint:
        done = command(endpoint, tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(hub.sent) == sorted((name, 0) for name in FILES)  # and nothing that was not asked for
    card = json.loads((tmp_path / "out" / "train.card.json").read_text())
    assert card["hub"] == {"repository": REPOSITORY, "revision": COMMIT}
    assert len(read_rows(tmp_path / "out" / "train.parquet")) == 1


def test_a_lost_connection_goes_on_at_its_byte_and_the_next_run_fetches_what_is_not_there(folder, tmp_path):
    """The hub's library writes pieces of 10 MB, resumes within a process, and keeps finished files only."""
    noise = Image.frombytes("RGB", (2000, 2000), random.Random(0).randbytes(12_000_000))
    picture = io.BytesIO()
    noise.save(picture, format="BMP")
    row = {"image": hf_image(picture.getvalue()), "question": "What plane is this?", "answer": "axial"}
    write_hf(folder, FILES[0], [row])
    hub = Hub(folder)
    with served(hub) as endpoint:
        hub.cut = 11_000_000
        broken = command(endpoint, tmp_path)
        assert broken.returncode == 1 and "run again to go on, or use --source" in broken.stderr
        assert "Traceback" not in broken.stderr and not list((tmp_path / "out").glob("*.parquet"))
        assert [first for name, first in hub.sent if name == FILES[0]][1:3] == [10 * 2**20] * 2
        hub.cut, hub.sent = None, []
        done = command(endpoint, tmp_path)
    assert done.returncode == 0, done.stderr
    assert hub.sent == [(FILES[0], 0)]  # the other file was there
    assert len(read_rows(tmp_path / "out" / "train.parquet")) == 1


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("GatedRepo", "is gated: accept its terms"),
        ("RepoNotFound", "does not exist on the hub, or is private"),
        ("RevisionNotFound", "has no revision main"),
    ],
)
def test_what_the_hub_refuses_is_told_in_a_sentence(folder, tmp_path, code, message):
    with served(Hub(folder, code=code)) as endpoint:
        done = command(endpoint, tmp_path)
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr


def test_no_hub_is_told_in_a_sentence(folder, tmp_path):
    with served(Hub(folder)) as endpoint:
        pass
    done = command(endpoint, tmp_path)
    assert done.returncode == 1 and "could not be downloaded" in done.stderr and "Traceback" not in done.stderr
