"""Choosing rows: balance and pass rates."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_preprocess.__main__ import main
from data_preprocess.convert.parquet import write_parquet
from data_preprocess.convert.schema import RL_SCHEMA
from data_preprocess.source.errors import DataError
from data_preprocess.tools.sampling import PassRates, balanced, curate, quotas
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


def line(row, right, **case):
    """A line of a run's dump, as far as it counts here: verl's columns and the row's `case` in our record."""
    info = row["extra_info"]
    known = {"data_source": row["data_source"], "split": info["split"], "index": str(info["index"])}
    return {
        "input": "user\n...",
        "gts": info["answer"],
        "acc": right,
        "mrpo": {"case": known | {"question": info["question"]} | case},
    }


def dump(path, *lines):
    path.write_text("".join(json.dumps(entry) + "\n" for entry in lines))
    return path


def row_of(index, question="What plane?", source="vqa-rad", split="train"):
    info = {"split": split, "index": index, "question": question, "answer": "Axial"}
    return {"data_source": source, "extra_info": info}


def facts(row):
    return {"data_source": row["data_source"], **row["extra_info"]}


def test_pass_rates_belong_to_the_row_and_not_to_its_text(tmp_path):
    asked, other_index, other_source = row_of(1), row_of(2), row_of(1, source="slake")
    file = dump(tmp_path / "1.jsonl", line(asked, 1.0), line(asked, 0.0), line(other_source, 0.0))
    rates = PassRates.read([file])
    assert [rates.of(facts(row)) for row in (asked, other_index, other_source)] == [0.5, None, 0.0]


def test_a_dump_of_another_layout_does_not_count_for_a_row_of_the_same_number(tmp_path):
    file = dump(tmp_path / "1.jsonl", line(row_of(1, "Is there a mass?"), 1.0))
    assert PassRates.read([file]).of(facts(row_of(1, "What plane?"))) is None


def test_a_folder_stands_for_the_dumps_in_it(tmp_path):
    for step in (1, 2):
        dump(tmp_path / f"{step}.jsonl", line(row_of(1), step - 1.0))
    assert PassRates.read([tmp_path]).of(facts(row_of(1))) == 0.5
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no"):
        PassRates.read([tmp_path / "empty"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"acc": 1}', "has no acc and mrpo.case"),  # of a run with verl's own reward manager
        ('{"mrpo": {"case": {"question": "a"}}, "acc": 1}', "has no acc and mrpo.case"),
        (json.dumps(line(row_of(1), "x")), "has no acc and mrpo.case"),
        ("3", "1.jsonl"),
        ('{"acc": 1\n{"acc": 1}', "1.jsonl"),  # broken, and not by a run that was cut off at its last line
    ],
)
def test_a_line_that_is_no_rollout_is_told(tmp_path, text, said):
    (tmp_path / "1.jsonl").write_text(text + "\n")
    with pytest.raises(DataError, match=said):
        PassRates.read([tmp_path / "1.jsonl"])


def test_always_and_never_solved_questions_teach_nothing():
    rows = [facts(row_of(i)) for i in range(4)]
    keys = [("vqa-rad", "train", str(i), "what plane?") for i in range(3)]
    rates = PassRates(dict(zip(keys, [(0, 8), (8, 8), (3, 8)], strict=True)))
    keep, dropped = curate(rows, rates, low=0.0, high=1.0)
    assert keep == [2, 3]  # 3 is not in the dump
    assert dropped == Counter({"right in at most 0 of its rollouts": 1, "right in at least 1 of its rollouts": 1})


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
    file = dump(
        tmp_path / "1.jsonl",
        *(line(row, float(rollout < n % 3)) for n, row in enumerate(rows) for rollout in range(2)),
    )
    assert main(["sample", files[1], "--out", str(tmp_path / "o.parquet"), "--pass-rates", str(file)]) == 0
    assert "10 rows are in the dumps" in capsys.readouterr().out
    assert [row["extra_info"]["index"] for row in read_rows(tmp_path / "o.parquet")] == [1, 4, 7]


def test_dumps_of_other_rows_are_told_and_nothing_is_written(files, tmp_path, capsys):
    file, out = dump(tmp_path / "1.jsonl", line(row_of(1, source="elsewhere"), 1.0)), tmp_path / "o.parquet"
    assert main(["sample", files[1], "--out", str(out), "--pass-rates", str(file)]) == 1
    assert "none of the rows is in the dumps" in capsys.readouterr().err and not out.exists()


def test_rl_and_sft_files_do_not_mix(files, tmp_path, capsys):
    assert main(["sample", files[0], files[2], "--out", str(tmp_path / "o.parquet")]) == 1
    assert "RL and SFT files cannot be joined" in capsys.readouterr().err and not (tmp_path / "o.parquet").exists()


def test_a_sample_has_a_card_with_the_terms_of_what_it_is_made_of(files, tmp_path):
    private = tmp_path / "private.parquet"
    rows = [row | {"extra_info": row["extra_info"] | {"may_leave_machine": False}} for row in read_rows(Path(files[0]))]
    write_parquet(rows, private, schema=RL_SCHEMA)  # no card beside it
    out = tmp_path / "mix.parquet"
    assert main(["sample", files[1], str(private), "--out", str(out), "--rows", "7", "--seed", "3"]) == 0
    card = json.loads((tmp_path / "mix.card.json").read_text())
    written = read_rows(out)
    assert card["rows"] == 7 == sum(card["data_sources"].values())
    assert card["parquet"]["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert card["options"]["rows"] == 7 and card["options"]["seed"] == 3
    assert card["made_of"]["private.parquet"]["licence"].startswith("unknown")
    assert card["may_leave_machine"] is all(row["extra_info"]["may_leave_machine"] for row in written) is False
    assert "may not leave the machine" in (tmp_path / "mix.card.md").read_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[" * 100_000, "train.card.json is no JSON"),
        ("[1]", "train.card.json is not a data set card: it must be a JSON object"),
        ('{"made_of": [1]}', "made_of must hold the files with their terms"),
        ('{"made_of": {"a": 1}}', "made_of must hold the files with their terms"),
    ],
)
def test_a_hostile_card_beside_an_input_is_a_sentence(tmp_path, capsys, content, message):
    run("vqa_rad", VQA_RAD, tmp_path / "rad")
    (tmp_path / "rad" / "train.card.json").write_text(content)
    command = ["sample", str(tmp_path / "rad" / "train.parquet"), "--out", str(tmp_path / "o.parquet")]
    assert main(command) == 1
    assert message in capsys.readouterr().err and not (tmp_path / "o.parquet").exists()


def test_a_sample_without_a_row_is_no_file(tmp_path, capsys):
    run("vqa_rad", VQA_RAD, tmp_path / "rad")
    empty = tmp_path / "empty.parquet"
    pq.write_table(pq.read_table(tmp_path / "rad" / "train.parquet").slice(0, 0), empty)
    assert main(["sample", str(empty), "--out", str(tmp_path / "o.parquet")]) == 1
    assert "no row is left" in capsys.readouterr().err and not (tmp_path / "o.parquet").exists()


@pytest.mark.parametrize("case", [{"data_source": ["x"]}, {"split": {}}, {"question": 3}, {"question": None}])
def test_a_hostile_dump_is_a_sentence(tmp_path, capsys, case):
    run("vqa_rad", VQA_RAD, tmp_path / "rad")
    facts = {"data_source": "vqa-rad", "split": "train", "index": 0, "question": "What?"} | case
    (tmp_path / "1.jsonl").write_text(json.dumps({"acc": 1, "mrpo": {"case": facts}}) + "\n")
    command = ["sample", str(tmp_path / "rad" / "train.parquet"), "--out", str(tmp_path / "o.parquet")]
    assert main([*command, "--pass-rates", str(tmp_path / "1.jsonl")]) == 1
    assert "1.jsonl, line 1 has no acc and mrpo.case" in capsys.readouterr().err
