"""The worked example of docs/long_answers.md: reports through the real loop on CPU; the dump is recomputed."""

from __future__ import annotations

import json
import statistics

import pytest

from data_preprocess.__main__ import main as data
from tests.integration.method_arithmetic import EPSILON
from tests.integration.verl_run import ROOT, Run, make_assets

pytestmark = [pytest.mark.verl, pytest.mark.slow]

TAU = 0.4


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    make_assets()
    out = tmp_path_factory.mktemp("reports")
    sample = ROOT / "examples" / "data" / "reports_sample"
    assert data(["open_i", "--source", str(sample), "--section", "findings", "--out", str(out / "data")]) == 0
    one = Run(
        out, steps=2,
        overrides={
            "data.train_files": out / "data" / "train.parquet",
            "data.val_files": out / "data" / "test.parquet",
            "++mrpo.steps.source": "answer",
            "++mrpo.rewards.answer.function": "reward_fns.long_answer:report_f1",
            "++mrpo.tau": TAU,
            "++mrpo.rewards.length.k_min": 2,
            "trainer.val_before_train": False, "trainer.test_freq": 2, "trainer.save_freq": -1,
        },
    )  # fmt: skip
    finished = one.go(timeout=680)
    assert finished.exit_code == 0, one.tail()
    return one


def test_the_steps_are_sentences_of_the_report_and_each_is_judged(run):
    rows = run.rollouts(1) + run.rollouts(2)
    assert len(rows) == 64
    for row in rows:
        record = row["mrpo"]
        assert all(step in (record["answer"] or "") for step in record["steps"])
        assert record["labels"] is not None and len(record["labels"]) == len(record["steps"])
        assert record["case"]["data_source"] == "open-i" and record["case"]["question_type"] == "findings"
    assert any(record["steps"] for record in (row["mrpo"] for row in rows)), "the tiny model answers"


def test_the_answer_reward_is_the_formula_of_sentences(run):
    """Recomputed from the texts with a longest common subsequence of its own."""
    from nltk.stem.porter import PorterStemmer

    from reward_fns.answer.conflicts.find import CONFLICTS, find_conflict
    from reward_fns.long_answer import sentences

    stemmer = PorterStemmer()

    def words(text):
        found = "".join(c if c.isascii() and c.isalnum() else " " for c in text.lower()).split()
        return [stemmer.stem(word) if len(word) > 3 else word for word in found]

    def rouge(a, b):
        one, other = words(a), words(b)
        table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
        for i, x in enumerate(one):
            for j, y in enumerate(other):
                table[i + 1][j + 1] = table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
        common = table[-1][-1]
        return 2 * common / (len(one) + len(other)) if common else 0.0

    def mean(some, others):
        def value(one):
            best = max(others, key=lambda other: rouge(one, other))
            return 0.0 if find_conflict(one, best, CONFLICTS) else rouge(one, best)

        return statistics.fmean(map(value, some))

    for row in run.rollouts(1):
        record = row["mrpo"]
        said, gold = sentences(record["answer"] or ""), sentences(record["case"]["gold"][0])
        p, r = (mean(said, gold), mean(gold, said)) if said else (0.0, 0.0)
        wanted = 2 * p * r / (p + r) if p + r else 0.0
        assert record["rewards"]["answer"] == pytest.approx(wanted, abs=1e-6), json.dumps(record["answer"])
        assert record["wrong"] is (record["rewards"]["answer"] <= TAU)


def test_wrong_reports_are_shaped_sentence_by_sentence(run):
    """A of the group, then the published factors on the sentences, in plain Python."""
    groups: dict[str, list[dict]] = {}
    for row in run.rollouts(1):
        groups.setdefault(row["uid"].rsplit("_", 2)[0], []).append(row["mrpo"])
    compared = 0
    for group in groups.values():
        totals = [sum(r["weights"][n] * v for n, v in r["rewards"].items()) for r in group]
        spread = statistics.stdev(totals) if max(totals) - min(totals) > 1e-9 else float("inf")
        for record, total in zip(group, totals, strict=True):
            a, count = (total - statistics.fmean(totals)) / (spread + EPSILON), len(record["steps"])
            factors = [2.718281828459045 ** (1 - k / (count - 1)) if count > 1 else 1.0 for k in range(count)]
            shaped = [abs(a) if v else -f * abs(a) for v, f in zip(record["labels"], factors, strict=True)]
            for got, want in zip(record["step_advantages"], shaped if record["wrong"] else [a] * count, strict=True):
                if got is not None:
                    assert got == pytest.approx(want, abs=2e-4)
                    compared += 1
    assert compared > 0
