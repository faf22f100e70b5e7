"""`mrpo doctor` on a judge that cannot be asked, or must not be."""

from __future__ import annotations

import http.server
import json
import threading

import pyarrow.parquet as pq
import pytest

from tests.unit.doctor.conftest import Endpoint


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["module=nope", "name=x"], "mrpo.judge.module=nope is not a module"),
        (["name=x"], "mrpo.judge.name=x is unknown"),
        (["name=x", "module=json"], "mrpo.judge.name=x is unknown"),
    ],
)
def test_a_judge_that_nobody_registers_fails(doctor, options, says):
    code, found = doctor("--only", "judge", *(f"mrpo.judge.{option}" for option in options))
    assert code == 1 and says in found["judge"]["says"]


@pytest.mark.parametrize(
    ("where", "options", "says"),
    [
        ("closed", [], "cannot be reached"),
        ("open", ["base_url={base}/v2"], "answers 404"),
        ("open", ["model=judge-70b"], "serves judge-8b, not judge-70b"),
        ("open", ["base_url={base}/odd"], "the reply is not a list of models"),
        ("open", ["api_key_env=MRPO_TEST_NO_SUCH_KEY"], "MRPO_TEST_NO_SUCH_KEY is not set"),
    ],
)
def test_broken_judge(doctor, port, closed_port, where, options, says):
    base = f"http://127.0.0.1:{port if where == 'open' else closed_port}"
    given = [f"base_url={base}/v1", "model=judge-8b", *(option.format(base=base) for option in options)]
    code, found = doctor("mrpo.judge.name=openai", *(f"mrpo.judge.openai.{o}" for o in given), "--only", "judge")
    assert code == 1 and says in found["judge"]["says"]
    assert "secret" not in json.dumps(found)


def test_a_judge_that_continues_is_asked_for_its_model_and_says_how_often_it_will_be_called(doctor, port):
    options = ["name=continuations", f"openai.base_url=http://127.0.0.1:{port}/v1", "openai.model=judge-8b"]
    code, found = doctor("--only", "judge", *(f"mrpo.judge.{option}" for option in options))
    assert code == 0 and "continues each rollout 40 times for 4 steps, 88 for 10" in found["judge"]["says"]
    code, found = doctor(
        "--only", "judge", *(f"mrpo.judge.{option}" for option in options), "mrpo.judge.continuations.n=2"
    )
    assert code == 1 and "min_known=4 must be at most mrpo.judge.continuations.n=2" in found["judge"]["says"]


def test_a_redirect_does_not_carry_the_key_away(doctor, monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", "sk-very-secret")
    seen = []

    class Redirect(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.path)
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/elsewhere")
            self.end_headers()

        log_message = Endpoint.log_message

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Redirect)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    options = (f"base_url=http://127.0.0.1:{server.server_port}/v1", "model=m", "api_key_env=JUDGE_KEY")
    code, found = doctor("mrpo.judge.name=openai", *(f"mrpo.judge.openai.{o}" for o in options), "--only", "judge")
    server.shutdown()
    server.server_close()
    assert code == 1 and "answers 302" in found["judge"]["says"] and seen == ["/v1/models"]


def test_private_rows_and_a_judge_elsewhere(doctor, data, tmp_path):
    """Nothing is sent: the address is refused before it is asked."""
    file = tmp_path / "train.parquet"
    rows = pq.read_table(data).to_pylist()
    rows[2]["extra_info"]["may_leave_machine"] = False
    pq.write_table(pq.read_table(data).from_pylist(rows, schema=pq.read_schema(data)), file)
    code, found = doctor("mrpo.judge.name=openai", "mrpo.judge.openai.base_url=https://judge.invalid/v1",
                         "mrpo.judge.openai.model=m", "--only", "judge", "--data", file)  # fmt: skip
    assert code == 1
    assert "would be sent to judge.invalid" in found["judge"]["says"]


def test_a_flag_that_is_no_boolean_fails_the_data_and_counts_as_private(doctor, data, tmp_path):
    file = tmp_path / "train.parquet"
    rows = pq.read_table(data).to_pylist()
    for number, row in enumerate(rows):
        row["extra_info"]["may_leave_machine"] = "false" if number == 2 else "true"
    pq.write_table(pq.read_table(data).from_pylist(rows), file)
    code, found = doctor("mrpo.judge.name=openai", "mrpo.judge.openai.base_url=https://judge.invalid/v1",
                         "mrpo.judge.openai.model=m", "--only", "judge", "data", "--data", file)  # fmt: skip
    assert code == 1
    assert f"extra_info.may_leave_machine of row 0 of {file} is 'true'" in found["data"]["says"]
    assert "would be sent to judge.invalid" in found["judge"]["says"]
