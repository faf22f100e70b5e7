"""`mrpo evaluate` over a real HTTP endpoint: three phases, each resumable, nothing lost in silence."""

from __future__ import annotations

import pytest

from recipe.mrpo.evaluate.phases.command import main
from tests.unit.evaluate.phases.data import row, write
from tests.unit.evaluate.phases.results import figures, lines, newest


def test_a_whole_evaluation_has_an_answer_and_a_judgement_for_each_question(evaluate, server):
    assert evaluate() == 0
    answers, judged = lines(evaluate.out / "generations.jsonl"), newest(evaluate.out / "judgements.jsonl")
    assert len(answers) == 6 and {a["id"] for a in answers} == set(judged)
    for answer in answers:
        record = judged[answer["id"]]["mrpo"]
        assert answer["output"].startswith("<think>") and answer["finish_reason"] == "stop"
        assert record["judge_status"] == "ok" and len(record["labels"]) == len(record["steps"]) == 2
        assert record["spans"] is None, "an endpoint reports no tokens, so their places are not known"
        assert judged[answer["id"]]["answer_verdict"]["label"] in (0, 1)
    assert {server.count("generate"), server.count("judge"), server.count("verdict")} == {6}


def test_a_finished_evaluation_ends_at_once_and_asks_nobody(evaluate, server):
    assert evaluate() == 0
    before = {f.name: f.read_bytes() for f in evaluate.out.glob("*.jsonl")}
    assert evaluate() == 0 and main(["--out", str(evaluate.out), "judge"]) == 0
    assert len(server.requests) == 18
    assert {f.name: f.read_bytes() for f in evaluate.out.glob("*.jsonl")} == before


def test_two_evaluations_of_one_model_say_the_same(evaluate):
    words = ("--sampling", "training", "--samples", "3", "--repeat-judge", "2", "--repeat-share", "0.5")
    assert evaluate(*words) == 0 and evaluate(*words, out="second") == 0
    first = figures(evaluate.out)
    assert first == figures(evaluate.out.parent / "second") and len(first) == 18
    assert len({output for output, *_ in first.values()}) > 6, "each sample has its own seed"
    repeats = [labels for *_, labels in first.values()]
    assert 0 < sum(labels is not None for labels in repeats) < 18
    assert all(len(labels) == 2 for labels in repeats if labels)


def test_another_evaluation_in_the_same_folder_is_refused_by_name(evaluate, server, capsys):
    assert evaluate() == 0
    assert evaluate("--samples", "2") == 1
    said = capsys.readouterr().err
    assert "generation.samples was 1 and is 2" in said and "--again" in said and "--out" in said
    assert evaluate("--samples", "2", "--again") == 0
    assert server.count("generate") == 12, "the first samples were kept"


def test_changed_rows_run_again_and_others_do_not(evaluate, server, capsys):
    assert evaluate() == 0
    rows = [row(n) for n in range(6)]
    rows[2]["prompt"][0]["content"] += " Be brief."
    write(evaluate.data, rows)
    assert evaluate() == 1 and "data.sha256 was" in capsys.readouterr().err
    assert evaluate("--again") == 0
    assert server.count("generate") == 7
    assert len(lines(evaluate.out / "generations.jsonl")) == 7 and len(newest(evaluate.out / "generations.jsonl")) == 6


def test_settings_that_change_no_answer_are_no_difference(evaluate, server):
    assert evaluate() == 0
    more = ("--concurrency", "2", "--timeout", "9", "mrpo.judge.openai.timeout_s=9", "mrpo.judge.breaker.failures=3")
    assert evaluate(*more) == 0 and len(server.requests) == 18


def test_judging_anew_keeps_the_answers(evaluate, server):
    assert evaluate() == 0
    server.rule = "all_valid"
    assert evaluate("judge", "mrpo.judge.openai.temperature=0.3", "--again") == 0
    assert server.count("generate") == 6 and server.count("judge") == 12
    judged = newest(evaluate.out / "judgements.jsonl")
    assert all(line["mrpo"]["labels"] == [1, 1] for line in judged.values())


def test_the_image_is_shown_left_out_or_another_one(evaluate, server):
    shown = {}
    for condition in ("image", "no_image", "other_image"):
        server.requests.clear()
        assert evaluate("generate", "--condition", condition, out=condition) == 0
        content = [body["messages"][0]["content"] for _, body in server.requests]
        shown[condition] = [
            None if isinstance(c, str) else next(p["image_url"]["url"] for p in c if p["type"] == "image_url")
            for c in sorted(content, key=lambda c: c if isinstance(c, str) else c[-1]["text"])
        ]
        texts = [c if isinstance(c, str) else c[-1]["text"] for c in content]
        assert not any("<image>" in text for text in texts) and len(set(texts)) == 6
        assert {line["condition"] for line in lines(evaluate.out.parent / condition / "generations.jsonl")} == {
            condition
        }
    assert shown["no_image"] == [None] * 6
    assert len(set(shown["image"])) == 3 and set(shown["other_image"]) == set(shown["image"])
    assert all(a != b for a, b in zip(shown["image"], shown["other_image"], strict=True))


def test_the_judge_is_shown_the_question_s_own_image_whatever_the_model_saw(evaluate, server):
    assert evaluate("--condition", "other_image") == 0

    def pictures(kind):
        return {
            part["image_url"]["url"]
            for one, body in server.requests if one == kind
            for part in body["messages"][-1]["content"] if part["type"] == "image_url"
        }  # fmt: skip

    assert pictures("judge") == pictures("generate"), "the same three images in all"
    answers = newest(evaluate.out / "generations.jsonl")
    for line in answers.values():
        assert line["image_sha256"] and not set(line["image_sha256"]) & set(line["shown_image_sha256"])


def test_an_unknown_phase_and_a_missing_folder_are_usage_errors(capsys):
    for words in (["scor", "--out", "x"], ["generate"]):
        with pytest.raises(SystemExit) as leave:
            main(words)
        assert leave.value.code == 2
    assert "generate, judge" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--samples", "0"], "--samples must be at least 1"),
        (["--repeat-share", "2"], "--repeat-share must be in [0, 1]"),
        (["mrpo.judge.nam=openai"], "mrpo.judge.nam"),
        (["data.no_such_key=1"], "no_such_key"),
        (["mrpo.judge.name=router"], "mrpo.judge.name=openai with its address"),
        (["--api-key-env", "NO_SUCH_VARIABLE"], "--api-key-env NO_SUCH_VARIABLE is not set"),
        (["--base-url", "http://user:secret@127.0.0.1/v1"], "--base-url holds a password"),
        (["--backbone", "qwen9"], "'qwen9' is unknown"),
        (["--data", "absent.parquet"], "--data absent.parquet does not exist"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(evaluate, server, capsys, words, said):
    assert evaluate(*words) == 1
    err = capsys.readouterr().err
    assert said in err and "secret" not in err and "Traceback" not in err
    assert not server.requests


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["--out", str(tmp_path / "file"), "--model", "m", "--data", "x.parquet"]) == 1
    assert "file is a file; name a folder" in capsys.readouterr().err
