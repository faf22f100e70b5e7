"""`mrpo judge audit` and `mrpo doctor` on rows of two images: a judge behind a real socket sees both, in order."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict

import pytest

from data_preprocess.convert.prompts import user_prompt
from recipe.mrpo.cli import main as mrpo
from recipe.mrpo.endpoint.image import prepare_image
from recipe.mrpo.judge.__main__ import main
from recipe.mrpo.options.tree import load_options
from tests.fake_judge_server import FakeJudgeServer
from tests.unit.evaluate.judge_audit.test_command import record, remote
from tests.unit.evaluate.phases.data import picture, row, write

ROWS = 3


def images_of(number: int) -> list[bytes]:
    """Each row has its own two, and the second of one row is the first of the next: only the order tells them apart."""
    return [picture(number), picture(number + 1)]


@pytest.fixture
def files(tmp_path):
    """A dump of three rollouts and the data that they were made of."""
    dump, data = tmp_path / "1.jsonl", tmp_path / "train.parquet"
    lines = [{"step": 1, "uid": f"u{n}", "output": "…", "mrpo": asdict(record(n, [1, 0, 1]))} for n in range(ROWS)]
    dump.write_text("".join(json.dumps(line) + "\n" for line in lines))
    rows = [
        row(n, split="train", question="What is seen?", image_names=["a", "b"], image_hashes=["a", "b"])
        for n in range(ROWS)
    ]
    for number, one in enumerate(rows):
        one["data_source"] = "vqa-rad"
        one["images"] = [{"bytes": image} for image in images_of(number)]
        one["prompt"] = [{"role": "user", "content": user_prompt("What is seen?", tag="think", images=2)}]
    write(data, rows)
    return dump, data


def shown(request: dict) -> list[bytes]:
    content = request["messages"][1]["content"]  # a string where there is no image
    urls = [part["image_url"]["url"] for part in content if isinstance(part, dict) and part["type"] == "image_url"]
    return [base64.b64decode(url.partition(",")[2]) for url in urls]


def test_the_judge_of_an_audit_sees_both_images_in_their_order(files):
    dump, data = files
    pixels = load_options().judge.openai.image_max_pixels
    with FakeJudgeServer(rule="seeded") as server:
        assert main(["audit", str(dump), "--data", str(data), *remote(server)]) == 0
    expected = [[prepare_image(image, pixels)[0] for image in images_of(n)] for n in range(ROWS)]
    assert sorted(map(shown, server.requests)) == sorted(expected)
    content = server.requests[0]["messages"][1]["content"]
    assert [part["text"] for part in content if part["type"] == "text"][:2] == ["Image 1:", "Image 2:"]


def test_an_audit_without_the_data_shows_none_and_says_so(files, capsys):
    dump, _ = files
    with FakeJudgeServer(rule="seeded") as server:
        assert main(["audit", str(dump), *remote(server)]) == 0
    assert all(shown(request) == [] for request in server.requests)
    assert "without --data the judge sees no image" in capsys.readouterr().err


def test_more_images_than_the_judge_may_be_shown_are_failures_and_no_call(files, capsys):
    dump, data = files
    with FakeJudgeServer(rule="seeded") as server:
        main(["audit", str(dump), "--data", str(data), *remote(server), "mrpo.judge.openai.max_images=1"])
    assert server.requests == []
    said = capsys.readouterr()
    assert "too_many_images" in said.out + said.err


def test_the_doctor_reads_rows_of_two_images(files, capsys):
    _, data = files
    assert mrpo(["doctor", "--json", "--only", "data", "--data", str(data)]) == 0
    (check,) = json.loads(capsys.readouterr().out)
    assert check["ok"] is True
