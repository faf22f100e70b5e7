"""`mrpo evaluate` with an endpoint or a judge that fails: unknown, counted, tried again, and never a wrong answer."""

from __future__ import annotations

import json

from recipe.mrpo.endpoint.outage import GIVE_UP_AFTER
from recipe.mrpo.evaluate.phases.tasks import seed_of
from tests.unit.evaluate.phases.data import row, write
from tests.unit.evaluate.phases.results import figures, lines, newest


def fails(kind, *, when=lambda body, number: True, status=500, text='{"error": {"message": "made to fail"}}'):
    return lambda asked, body, number: (status, text) if asked == kind and when(body, number) else None


def in_part(part):
    """Is this request about the question with this number?"""
    return lambda body, number: f"in part {part}?" in json.dumps(body)


def test_a_failed_answer_is_unknown_counted_and_tried_again(evaluate, server, capsys):
    server.fault = fails("generate", when=in_part(3))
    assert evaluate() == 1
    said = capsys.readouterr().err
    assert "generate: 5 of 6 done" in said and "http_500 x1" in said and "1 without an answer" in said
    broken = [line for line in lines(evaluate.out / "generations.jsonl") if line["output"] is None]
    assert [line["failure"] for line in broken] == ["http_500"]
    assert broken[0]["id"] not in newest(evaluate.out / "judgements.jsonl"), "there is nothing to judge, or to score"
    server.fault = fails("none")
    before = server.count("generate"), server.count("judge")
    assert evaluate() == 0
    assert (server.count("generate"), server.count("judge")) == (before[0] + 1, before[1] + 1)


def test_a_failed_judge_leaves_labels_unknown_and_keeps_what_is_known(evaluate, server, capsys):
    server.fault = fails("judge", when=in_part(2))
    assert evaluate() == 1
    assert "labels: http_500 x1" in capsys.readouterr().err
    failed = [j for j in newest(evaluate.out / "judgements.jsonl").values() if j["mrpo"]["labels"] is None]
    assert len(failed) == 1 and failed[0]["mrpo"]["judge_status"] == "failed:http_500"
    assert failed[0]["mrpo"]["rewards"]["process"] is None and failed[0]["mrpo"]["rewards"]["answer"] is not None
    assert failed[0]["answer_verdict"]["status"] == "ok"
    server.fault = fails("none")
    verdicts = server.count("verdict")
    assert evaluate() == 0
    assert server.count("verdict") == verdicts, "the verdict that was known is not asked for again"
    healed = newest(evaluate.out / "judgements.jsonl")[failed[0]["id"]]
    assert healed["mrpo"]["judge_status"] == "ok" and healed["answer_verdict"] == failed[0]["answer_verdict"]


def test_a_healed_evaluation_says_what_an_undisturbed_one_says(evaluate, server):
    words = ("--repeat-judge", "2", "--repeat-share", "0.5")
    server.fault = lambda kind, body, number: (503, "{}") if number % 3 == 0 else None
    assert evaluate(*words) == 1
    server.fault = lambda kind, body, number: None
    assert evaluate(*words) == 0 and evaluate(*words, out="other") == 0
    assert figures(evaluate.out) == figures(evaluate.out.parent / "other")


def test_a_rollout_without_an_answer_is_not_asked_about(evaluate, server):
    cut = {"choices": [{"message": {"content": "<think>I see a"}, "finish_reason": "length"}]}
    server.fault = lambda kind, body, number: (200, json.dumps(cut)) if kind == "generate" else None
    assert evaluate("--limit", "2") == 0
    assert server.count("verdict") == 0
    verdicts = [j["answer_verdict"] for j in newest(evaluate.out / "judgements.jsonl").values()]
    assert verdicts == [{"label": None, "status": "skipped:no_answer"}] * 2
    assert {a["finish_reason"] for a in lines(evaluate.out / "generations.jsonl")} == {"length"}


def test_an_offline_judge_gives_labels_and_no_verdict(evaluate, server):
    assert evaluate("mrpo.judge.name=overlap", judge=False) == 0
    judged = newest(evaluate.out / "judgements.jsonl").values()
    assert server.count("judge") == server.count("verdict") == 0
    assert all(j["answer_verdict"] is None and j["mrpo"]["labels"] is not None for j in judged)


def test_no_verdict_leaves_the_question_out(evaluate, server):
    assert evaluate("--no-verdict") == 0 and server.count("verdict") == 0
    assert evaluate("--verdict") == 1, "with it the judgements are others"
    assert evaluate("--verdict", "--again") == 0 and server.count("verdict") == 6


def test_reasoning_that_a_server_took_apart_is_put_back(evaluate, server):
    message = {"content": "<answer>yes</answer>", "reasoning_content": "A bright rim. It is a cyst."}
    body = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]})
    server.fault = lambda kind, asked, number: (200, body) if kind == "generate" else None
    assert evaluate("--limit", "1") == 0
    (line,) = newest(evaluate.out / "judgements.jsonl").values()
    assert line["mrpo"]["steps"] == ["A bright rim.", "It is a cyst."] and line["mrpo"]["answer"] == "yes"
    (answer,) = lines(evaluate.out / "generations.jsonl")
    assert answer["response_tokens"] is None, "the server has counted no tokens"


def test_an_endpoint_that_is_down_is_not_asked_about_every_question(evaluate, server, capsys):
    write(evaluate.data, [row(n) for n in range(60)])
    server.fault = fails("generate", status=503)
    assert evaluate("generate", "--concurrency", "2") == 1
    assert GIVE_UP_AFTER <= server.count("generate") <= GIVE_UP_AFTER + 2
    left = 60 - server.count("generate")
    assert f", {left} left" in capsys.readouterr().err
    server.fault = fails("none")
    assert evaluate("generate") == 0


def test_a_private_row_goes_to_no_host_that_was_not_allowed(evaluate, server, capsys):
    write(evaluate.data, [row(0), row(1, private=True)])
    elsewhere = "http://model.example.org/v1"
    assert evaluate(url=elsewhere) == 1
    assert "--allow-host model.example.org" in capsys.readouterr().err
    assert not (evaluate.out / "generations.jsonl").read_bytes()
    assert evaluate(out="local") == 0, "this machine may see it"
    assert evaluate("judge", "--again", f"mrpo.judge.openai.base_url={elsewhere}", out="local") == 1
    assert "mrpo.judge.allow_hosts" in capsys.readouterr().err


def test_another_question_s_private_image_is_private_too(evaluate, capsys):
    write(evaluate.data, [row(0), row(2, private=True)])
    elsewhere = "http://model.example.org/v1"
    assert evaluate("generate", "--condition", "other_image", "--limit", "2", url=elsewhere) == 1
    assert "--allow-host" in capsys.readouterr().err


def test_the_key_is_sent_and_never_shown(evaluate, server, capsys, monkeypatch):
    monkeypatch.setenv("MODEL_KEY", "sk-very-secret-123456")
    server.fault = fails("generate", status=401, text='{"error": {"message": "bad key sk-very-secret-123456"}}')
    assert evaluate("generate", "--api-key-env", "MODEL_KEY") == 1
    text = (evaluate.out / "generations.jsonl").read_text() + (evaluate.out / "manifest.json").read_text()
    assert "sk-very-secret" not in text + capsys.readouterr().err and "***" in text


def test_a_row_that_cannot_be_scored_is_asked_and_stays_unknown(evaluate, server):
    write(evaluate.data, [row(0), row(1, answers=[" "]) | {"reward_model": {"style": "rule", "ground_truth": " "}}])
    assert evaluate() == 1
    judged = newest(evaluate.out / "judgements.jsonl").values()
    assert sorted(j["mrpo"]["judge_status"] for j in judged) == ["ok", "skipped:bad_row"]
    assert [j["mrpo"]["wrong"] for j in judged if j["mrpo"]["judge_status"] != "ok"] == [None]


def test_an_image_that_cannot_be_read_is_a_failure_of_its_question_alone(evaluate, capsys):
    broken = row(1)
    broken["images"] = [{"bytes": b"no image"}]
    write(evaluate.data, [row(0), broken])
    assert evaluate() == 1
    assert "bad_image x1" in capsys.readouterr().err
    assert len(newest(evaluate.out / "judgements.jsonl")) == 1
    assert evaluate("--condition", "no_image", out="blind") in (0, 1)
    assert all(line["output"] for line in lines(evaluate.out.parent / "blind" / "generations.jsonl"))


def test_the_seed_of_a_sample_is_its_own_and_the_same_in_every_run(evaluate, server):
    assert evaluate("generate", "--samples", "2", "--sampling", "training", "--seed", "7") == 0
    answers = lines(evaluate.out / "generations.jsonl")
    assert {a["seed"] for a in answers} == {body["seed"] for _, body in server.requests} and len(answers) == 12
    assert len({a["seed"] for a in answers}) == 12
    assert all(a["seed"] == seed_of(a["id"], 7) for a in answers)


def test_cache_and_budget_of_the_judge_hold_as_in_training(evaluate, server, capsys, tmp_path):
    cache = f"mrpo.judge.cache.path={tmp_path / 'labels.db'}"
    assert evaluate(cache, "--repeat-judge", "1", "--repeat-share", "1") == 0
    assert server.count("judge") == 12, "a repeat is asked for anew, past the cache"
    assert evaluate(cache, out="second") == 0
    assert (server.count("judge"), server.count("verdict")) == (12, 6), "labels and verdicts of before"
    budget = ("mrpo.judge.max_tokens=40", "mrpo.judge.openai.concurrency=1", "--no-verdict")
    assert evaluate(*budget, out="third") == 1
    assert "labels: token_budget x" in capsys.readouterr().err
    judged = newest(tmp_path / "third" / "judgements.jsonl").values()
    assert {j["mrpo"]["judge_status"] for j in judged} == {"ok", "failed:token_budget"}
    assert evaluate("mrpo.judge.max_tokens=null", "--no-verdict", out="third") == 0, "a larger budget goes on"


def test_a_failed_judge_moves_no_score_and_is_told_in_the_headline(evaluate, server, capsys, tmp_path):
    assert evaluate() == 0
    capsys.readouterr()
    server.fault = fails("judge")
    assert evaluate(out="failing") == 1
    said = capsys.readouterr()
    assert "judge: 0 of 6 done, failed: labels: http_500 x6" in said.err
    assert "http_500" in said.out or "not known" in said.out
    whole, failing = (json.loads((tmp_path / out / "scores.json").read_text()) for out in ("out", "failing"))
    assert whole["answers"]["micro"] == failing["answers"]["micro"], "the answers are what they were"
    assert failing["reasoning"]["overall"] != whole["reasoning"]["overall"]
