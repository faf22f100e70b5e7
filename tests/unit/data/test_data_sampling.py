"""Choosing rows: balance and pass rates."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_preprocess.__main__ import main
from data_preprocess.errors import DataError
from data_preprocess.sampling import PassRates, balanced, curate, quotas
from tests.unit.data.helpers import GOLD, SAMPLES, VQA_RAD, read_rows, run


@pytest.mark.parametrize(
    ("sizes", "total", "expected"),
    [
        ({"a": 10, "b": 10}, 6, {"a": 3, "b": 3}),
        ({"a": 1, "b": 10, "c": 10}, 9, {"a": 1, "b": 4, "c": 4}),  # what a lacks is shared
        ({"a": 10, "b": 10}, 5, {"a": 3, "b": 2}),  # the odd one goes first
        ({"a": 2, "b": 3}, 100, {"a": 2, "b": 3}),
        ({"a": 2}, 0, {"a": 0}),
        ({}, 5, {}),
    ],
)
def test_quotas(sizes, total, expected):
    assert quotas(sizes, total) == expected


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 50), max_size=6), st.integers(0, 200))
def test_quotas_fill_up_and_differ_by_one_at_most_where_there_is_room(sizes, total):
    got = quotas(sizes, total)
    assert sum(got.values()) == min(total, sum(sizes.values()))
    assert all(0 <= got[g] <= sizes[g] for g in sizes)
    unfilled = [got[g] for g in sizes if got[g] < sizes[g]]
    assert not unfilled or max(got.values()) - min(unfilled) <= 1


@given(st.lists(st.sampled_from("abc"), max_size=40), st.integers(0, 50), st.integers(0, 3))
def test_balanced_takes_rows_once_in_order_and_the_same_for_a_seed(groups, total, seed):
    rows = balanced(groups, total, seed=seed)
    assert rows == sorted(set(rows)) and len(rows) == min(total, len(groups))
    assert rows == balanced(groups, total, seed=seed)


def dump(path, *entries):
    path.write_text("".join(json.dumps({"input": i, "gts": g, "acc": a, "output": "x"}) + "\n" for i, g, a in entries))
    return path


QUESTIONS = [("What plane is this?", "Axial"), ("What plane?", "Axial"), ("What plane?", "Coronal")]


def test_pass_rates_belong_to_question_and_answer(tmp_path):
    file = dump(
        tmp_path / "1.jsonl",
        ("user\n<image>What plane is this?\nThink", "Axial", 1),
        ("user\n<image>What plane is this?\nThink", "Axial", 0.0),
        ("user\n<image>What plane?\nThink", "Coronal", 0),
        ("user\n<image>Something else?\nThink", "Axial", 1),
    )
    rates = PassRates.read([file], QUESTIONS)
    assert [rates.of({"question": q, "answer": a}) for q, a in QUESTIONS] == [0.5, None, 0.0]


@pytest.mark.parametrize("line", ["{", '{"input": "a", "gts": "b"}', '{"input": "a", "gts": "b", "acc": "x"}', "3"])
def test_a_line_that_is_no_rollout_is_told(tmp_path, line):
    (tmp_path / "1.jsonl").write_text(line + "\n")
    with pytest.raises(DataError, match=r"1.jsonl, line 1 is no rollout"):
        PassRates.read([tmp_path / "1.jsonl"], QUESTIONS)


def test_always_and_never_solved_questions_teach_nothing():
    infos = [{"question": str(i), "answer": "a"} for i in range(4)]
    rates = PassRates({("0", "a"): (0, 8), ("1", "a"): (8, 8), ("2", "a"): (3, 8)})
    keep, dropped = curate(infos, rates, low=0.0, high=1.0)
    assert keep == [2, 3]  # 3 is not in the dump
    assert dropped == Counter({"solved in at most 0 of its rollouts": 1, "solved in at least 1 of its rollouts": 1})


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    run("vqa_rad", VQA_RAD, folder / "rad", "--split", "train")
    run("slake", SAMPLES / "slake", folder / "slake")
    run("vqa_rad", VQA_RAD, folder / "sft", "--split", "train", "--sft", "--gold-reasoning", GOLD)
    return [str(folder / name / "train.parquet") for name in ("rad", "slake", "sft")]


def test_the_tool_balances_over_datasets(files, tmp_path, capsys):
    out = tmp_path / "mix.parquet"
    assert main(["sample", *files[:2], "--out", str(out), "--rows", "30", "--balance", "data_source"]) == 0
    counts = Counter(row["data_source"] for row in read_rows(out))
    assert counts == {"vqa-rad": 20, "slake": 10}  # there are only ten of SLAKE
    assert "data_source slake: 10" in capsys.readouterr().out
    rows = read_rows(files[0])
    assert all(row in rows for row in read_rows(out) if row["data_source"] == "vqa-rad")  # unchanged


def test_the_tool_drops_what_the_start_model_always_or_never_solves(files, tmp_path, capsys):
    rows = read_rows(files[1])
    # Two rollouts of each question: 0, 1 or 2 of them right.
    entries = [
        (row["prompt"][0]["content"], row["reward_model"]["ground_truth"], int(rollout < n % 3))
        for n, row in enumerate(rows)
        for rollout in range(2)
    ]
    file = dump(tmp_path / "1.jsonl", *entries)
    assert main(["sample", files[1], "--out", str(tmp_path / "o.parquet"), "--pass-rates", str(file)]) == 0
    assert "10 rows are in the dumps" in capsys.readouterr().out
    assert [row["extra_info"]["index"] for row in read_rows(tmp_path / "o.parquet")] == [1, 4, 7]


def test_rl_and_sft_files_do_not_mix(files, tmp_path, capsys):
    assert main(["sample", files[0], files[2], "--out", str(tmp_path / "o.parquet")]) == 1
    assert "RL and SFT files cannot be joined" in capsys.readouterr().err and not (tmp_path / "o.parquet").exists()
