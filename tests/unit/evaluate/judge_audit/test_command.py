"""`mrpo judge audit` on dumps in the format of a run, with a judge over real HTTP and with labels by people."""

from __future__ import annotations

import gc
import json
import textwrap
from dataclasses import asdict

import pandas as pd
import pytest

from recipe.mrpo.evaluate.judge_audit.agreement import compare
from recipe.mrpo.judge.__main__ import main
from recipe.mrpo.rollout.record import RolloutRecord
from tests.fake_judge_server import FakeJudgeServer, label_steps

GOLD = "A dense opacity with air bronchograms lies in the right lower zone. It is a consolidation."


def record(index: int, labels: list[int] | None, **changes) -> RolloutRecord:
    steps = [f"Sentence {index}.{k} on the opacity." for k in range(len(labels or [0, 0, 0]))]
    case = {"question": "What is seen?", "gold": ["consolidation"], "gold_reasoning": GOLD, "image_id": "a.jpg",
            "data_source": "vqa-rad", "split": "train", "index": str(index)}  # fmt: skip
    fields = {
        "steps": steps, "spans": [(k, k + 1) for k in range(len(steps))], "labels": labels, "judge_status": "ok",
        "rewards": {"answer": 0.0}, "weights": {"answer": 1.0}, "answer": "x", "wrong": True, "well_formed": True,
        "response_tokens": 9, "case": case,
    }  # fmt: skip
    return RolloutRecord(**{**fields, **changes})


@pytest.fixture
def dump(tmp_path):
    """Twenty labelled rollouts of three steps and one whose judgement failed."""
    file = tmp_path / "1.jsonl"
    records = [record(n, [n % 2, 1, 0]) for n in range(20)]
    records.append(record(20, None, judge_status="failed:timeout"))
    lines = [{"step": 1, "uid": f"u{n}", "output": "…", "mrpo": asdict(r)} for n, r in enumerate(records)]
    file.write_text("\n".join(map(json.dumps, lines)) + "\n")
    return file


@pytest.fixture
def data(tmp_path):
    rows = [
        {
            "data_source": "vqa-rad",
            "images": [],
            "extra_info": {"split": "train", "index": n, "may_leave_machine": n != 7},
        }
        for n in range(20)
    ]
    file = tmp_path / "train.parquet"
    pd.DataFrame(rows).to_parquet(file)
    return file


def remote(server) -> list[str]:
    return ["mrpo.judge.name=openai", f"mrpo.judge.openai.base_url={server.base_url}", "mrpo.judge.openai.model=fake"]


def test_the_figures_are_those_of_the_labels(dump, tmp_path, capsys):
    with FakeJudgeServer(rule="seeded", seed=4) as server:
        assert main(["audit", str(dump), "--json", str(tmp_path / "out.json"), *remote(server)]) == 0
    first = [[n % 2, 1, 0] for n in range(20)]
    second = [label_steps({}, record(n, [0, 0, 0]).steps, rule="seeded", seed=4) for n in range(20)]
    expected = compare(first, second)
    figures = json.loads((tmp_path / "out.json").read_text())
    assert figures["rollouts"] == 20 and len(server.requests) == 20  # the failed one has nothing to compare
    assert figures["steps"]["kappa"] == pytest.approx(expected.confusion.kappa)
    assert [part["total"] for part in figures["by_position"]] == [20, 20, 20]
    low, high = figures["kappa_interval"]
    assert low <= expected.confusion.kappa <= high
    assert f"Cohen's kappa  {expected.confusion.kappa:.3f}" in capsys.readouterr().out


def test_a_sample_is_the_same_for_the_same_seed(dump):
    asked = []
    for seed in (1, 1, 2):
        with FakeJudgeServer() as server:
            assert main(["audit", str(dump), "--sample", "5", "--seed", str(seed), *remote(server)]) == 0
            asked.append({json.dumps(body["messages"]) for body in server.requests})
    assert asked[0] == asked[1] != asked[2] and len(asked[0]) == 5


def test_failures_of_the_second_judge_are_counted_and_left_out(dump, tmp_path, capsys):
    with FakeJudgeServer(script=["http_404"] * 4) as server:
        more = ["mrpo.judge.openai.max_retries=0", "mrpo.judge.openai.response_format=none"]
        assert main(["audit", str(dump), "--json", str(tmp_path / "o.json"), *remote(server), *more]) == 0
    figures = json.loads((tmp_path / "o.json").read_text())
    assert (figures["rollouts"], figures["without_second_label"], figures["failures"]) == (16, 4, {"http_404": 4})
    assert "http_404 4" in capsys.readouterr().out


def test_a_second_audit_takes_its_labels_from_the_cache(dump, tmp_path):
    with FakeJudgeServer() as server:
        for _ in range(2):
            assert main(["audit", str(dump), *remote(server), f"mrpo.judge.cache.path={tmp_path / 'c.db'}"]) == 0
        assert len(server.requests) == 20


def test_without_the_data_nothing_leaves_the_machine(dump, capsys):
    words = ["mrpo.judge.name=openai", "mrpo.judge.openai.base_url=http://192.0.2.1/v1", "mrpo.judge.openai.model=m"]
    assert main(["audit", str(dump), *words]) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and said[1].startswith("error: without --data") and "mrpo.judge.allow_hosts" in said[1]


def test_a_refusal_by_a_judge_of_ones_own_is_one_sentence_too(dump, data, capsys, caplog, monkeypatch, tmp_path):
    """Its place is known to itself alone: it refuses when it is asked, each of many requests that are under way."""
    source = """
        class Elsewhere:
            stays_on_machine = True


            async def label(self, request):
                raise PermissionError("not there")

            async def close(self):
                pass
    """
    (tmp_path / "judge_elsewhere.py").write_text(textwrap.dedent(source))
    monkeypatch.syspath_prepend(tmp_path)
    words = ["mrpo.judge.name=judge_elsewhere:Elsewhere"]
    assert main(["audit", str(dump), "--data", str(data), *words]) == 1
    gc.collect()
    assert capsys.readouterr().err.splitlines()[-1] == "error: not there"
    assert caplog.records == []


@pytest.mark.parametrize("module", ["my_judgex", "json.my_judgex", "3", ".json"])
def test_a_mistyped_module_is_one_sentence(dump, capsys, module):
    assert main(["audit", str(dump), f"+mrpo.judge.module={module}"]) == 1
    sentence = capsys.readouterr().err.splitlines()[-1]
    assert sentence.startswith("error: mrpo.judge.module") and module in sentence


def test_what_a_judges_module_lacks_is_named(dump, capsys, monkeypatch, tmp_path):
    (tmp_path / "judge_that_lacks.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert main(["audit", str(dump), "mrpo.judge.module=judge_that_lacks"]) == 1
    assert "mrpo.judge.module=judge_that_lacks needs no_such_package" in capsys.readouterr().err


@pytest.mark.parametrize("place", range(4))
def test_options_may_stand_anywhere(dump, data, place):
    words = [[str(dump)], ["--sample", "3"], ["--data", str(data)]]
    with FakeJudgeServer() as server:
        words.insert(place, remote(server))
        assert main(["audit", *(word for part in words for word in part)]) == 0
        assert len(server.requests) == 3


def test_an_option_is_no_word_of_the_cache(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["cache", "stats", str(tmp_path / "c.db"), "mrpo.tau=0.5"])
    assert "unrecognized arguments: mrpo.tau=0.5" in capsys.readouterr().err


def test_a_row_of_another_release_is_not_taken_for_the_rollouts(dump, tmp_path, capsys):
    info = {"split": "train", "question": "Is the heart enlarged?"}
    rows = [{"data_source": "vqa-rad", "images": [], "extra_info": {**info, "index": n}} for n in range(20)]
    pd.DataFrame(rows).to_parquet(tmp_path / "train.parquet")
    assert main(["audit", str(dump), "--data", str(tmp_path / "train.parquet")]) == 1
    assert "row vqa-rad/train/0 of --data has another question" in capsys.readouterr().err


def test_a_private_row_is_not_sent_out(dump, data, capsys):
    words = ["mrpo.judge.name=openai", "mrpo.judge.openai.base_url=http://192.0.2.1/v1", "mrpo.judge.openai.model=m",
             "mrpo.judge.openai.timeout_s=0.2", "mrpo.judge.openai.max_retries=0"]  # fmt: skip
    assert main(["audit", str(dump), "--data", str(data), *words]) == 1
    assert "mrpo.judge.allow_hosts" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["false", 0, None])
def test_a_row_that_does_not_say_clearly_whether_it_may_leave_is_sent_nowhere(dump, tmp_path, capsys, value):
    info = {"split": "train", "may_leave_machine": value}
    rows = [{"data_source": "vqa-rad", "images": [], "extra_info": {**info, "index": n}} for n in range(20)]
    pd.DataFrame(rows).to_parquet(tmp_path / "train.parquet")
    with FakeJudgeServer() as server:
        assert main(["audit", str(dump), "--data", str(tmp_path / "train.parquet"), *remote(server)]) == 1
        assert server.requests == []
    said = capsys.readouterr().err
    assert f"extra_info.may_leave_machine of row vqa-rad/train/0 of --data is {value!r}" in said


def test_no_address_of_a_router_is_believed(dump, capsys):
    with FakeJudgeServer() as server:
        address = server.base_url.removeprefix("http://").removesuffix("/v1")
        member = f"{{name: router, router: {{address: '{address}', model: m}}}}"
        members = f"mrpo.judge.members={{a: {member}, b: {member}, c: {member}}}"
        assert main(["audit", str(dump), "mrpo.judge.name=router", f"mrpo.judge.router.address={address}"]) == 1
        assert "Unknown option mrpo.judge.router" in capsys.readouterr().err
        assert main(["audit", str(dump), "mrpo.judge.name=router"]) == 1
        assert "mrpo.judge.openai.base_url" in capsys.readouterr().err
        assert main(["audit", str(dump), "mrpo.judge.name=ensemble", members]) == 1
        assert "Unknown option mrpo.judge.members.a.router" in capsys.readouterr().err
        assert server.requests == []


def test_people_may_be_the_second_judge(dump, tmp_path, capsys):
    labels = tmp_path / "hand.jsonl"
    lines = [{"step": 1, "uid": f"u{n}", "labels": [n % 2, 1, 0] if n else [1, 1, 1]} for n in range(6)]
    labels.write_text("\n".join(map(json.dumps, lines)))
    out = tmp_path / "out.json"
    assert main(["audit", str(dump), "--labels", str(labels), "--json", str(out)]) == 0
    figures = json.loads(out.read_text())
    assert (figures["rollouts"], figures["without_second_label"]) == (6, 14)
    assert figures["steps"]["agreement"] == pytest.approx(16 / 18)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"step": 1, "uid": "u0", "labels": [1, 0]}', "3 steps and 2 labels"),
        ('{"step": 1, "uid": "u0", "labels": [1, 0, 2]}', "list of 0 and 1"),
        ('{"uid": "u0", "labels": [1, 0, 1]}', 'needs "step"'),
    ],
)
def test_labels_that_do_not_fit_are_refused(dump, tmp_path, capsys, line, said):
    (tmp_path / "hand.jsonl").write_text(line + "\n" + line)
    assert main(["audit", str(dump), "--labels", str(tmp_path / "hand.jsonl")]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"a": 1}\n{"a": 2}\n', "is not a rollout of MRPO"),
        ("broken\nlines\n", "is not JSON"),
        ("", "no labelled rollout"),
        ('{"mrpo": null}\n', "is not a rollout of MRPO"),
    ],
)
def test_what_is_no_dump_is_refused(tmp_path, capsys, content, said):
    (tmp_path / "x.jsonl").write_text(content)
    assert main(["audit", str(tmp_path / "x.jsonl")]) == 1
    assert said in capsys.readouterr().err


def test_a_rollout_whose_row_is_missing_is_named(dump, tmp_path, capsys):
    pd.DataFrame([{"data_source": "other", "images": [], "extra_info": {"split": "train", "index": 0}}]).to_parquet(
        tmp_path / "other.parquet"
    )
    assert main(["audit", str(dump), "--data", str(tmp_path / "other.parquet")]) == 1
    assert "--data has no row vqa-rad/train/" in capsys.readouterr().err


def test_an_unknown_option_is_named(dump, capsys):
    assert main(["audit", str(dump), "mrpo.judge.nmae=overlap"]) == 1
    assert "nmae" in capsys.readouterr().err


def test_the_second_judge_is_measured_against_the_first_labels_and_against_itself(dump, tmp_path, capsys):
    file = tmp_path / "out.json"
    prices = ["mrpo.judge.price_per_million.prompt=2", "mrpo.judge.price_per_million.completion=4"]
    with FakeJudgeServer(rule="seeded", seed=4) as server:
        words = ["audit", str(dump), "--json", str(file), "--repeat", "2", *prices, *remote(server),
                 f"mrpo.judge.cache.path={tmp_path}/labels.db"]  # fmt: skip
        assert main(words) == 0
        assert len(server.requests) == 3 * 20, "repeats are asked anew, whatever the cache holds"
    out, figures = capsys.readouterr().out, json.loads(file.read_text())
    assert figures["flips"] == {"rate": 0.0, "pairs": 60, "repeats": 2}
    measured = figures["measures"]["macro_f1"]
    assert measured["low"] <= measured["value"] <= measured["high"] and "macro F1" in out
    cost = figures["cost"]
    spent = 2 * cost["prompt_tokens"] + 4 * cost["completion_tokens"]
    assert cost["calls"] == 20 and cost["money"] == pytest.approx(spent / 1e6) and "per 1,000 rollouts" in out


def test_dimensions_are_compared_where_both_judges_gave_them(tmp_path, capsys):
    grades = [{"grounding": 1, "logic": None}, {"grounding": 0, "logic": 1}]
    record_of = record(0, [1, 0], judge={"grades": grades})
    dump = tmp_path / "1.jsonl"
    dump.write_text(json.dumps({"step": 1, "uid": "u", "mrpo": asdict(record_of)}) + "\n")
    entries = {str(k): {"grounding": 1, "correctness": 1, "logic": None, "relevance": 1} for k in (1, 2)}
    message = {"role": "assistant", "content": json.dumps({"steps": entries})}
    body = "body:" + json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]})
    with FakeJudgeServer(script=[body]) as server:
        words = [
            "audit",
            str(dump),
            "--json",
            str(tmp_path / "o.json"),
            *remote(server),
            "mrpo.judge.openai.rubric=dimensions",
        ]
        assert main(words) == 0
    found = json.loads((tmp_path / "o.json").read_text())["dimensions"]
    assert found["grounding"]["agreement"] == 0.5 and set(found) == {"grounding", "logic"}
    assert (found["logic"]["not_applicable_first"], found["logic"]["not_applicable_second"]) == (1, 2)
    assert "dimension" in capsys.readouterr().out


def test_files_that_are_not_there_are_named_before_a_judge_is_asked(dump, tmp_path, capsys):
    (tmp_path / "no.parquet").write_text("no parquet")
    for words, said in (
        ([str(tmp_path / "no.jsonl")], "no.jsonl does not exist; give files of rollouts"),
        ([str(tmp_path)], "is a folder; give files of rollouts"),
        ([str(dump), "--json", str(tmp_path / "no" / "x.json")], "--json must be a file in a folder that exists"),
        ([str(dump), "--labels", str(tmp_path / "no.jsonl")], "--labels"),
        ([str(dump), "--data", str(tmp_path / "gone.parquet")], "gone.parquet does not exist"),
        ([str(dump), "--data", str(tmp_path / "no.parquet")], "no.parquet cannot be read as parquet"),
    ):
        assert main(["audit", *words]) == 1
        out, err = capsys.readouterr()
        assert said in err and out == ""
