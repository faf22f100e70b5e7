"""Runs on the same questions: figures against oracles and a naive count, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from recipe.mrpo.evaluate.scores.compare.command import compare_paths, main
from recipe.mrpo.evaluate.scores.options import ScoreOptions
from recipe.mrpo.evaluate.statistics import sign_flip_test
from tests.unit.evaluate.made import case, dump_row, evaluation, generation, judgement, write
from tests.unit.evaluate.scores import naive
from tests.unit.evaluate.scores.made_runs import SETS, random_evaluation

QUICK = ScoreOptions(draws=300)
MANIFEST = {"sections": {"data": {"sha256": ["a"], "files": ["t.parquet"]}, "judging": {"judge": {"name": "overlap"}},
                         "generation": {"seed": 1}, "model": {"sha256": "m"}}}  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return [random_evaluation(folder / name, seed=seed, samples=1) for name, seed in (("a", 1), ("b", 2), ("c", 3))]


def small(folder, right, *, manifest=None, first=0, **about):
    """An evaluation of one answer a question, right or wrong or not known as listed."""
    pairs = []
    for i, value in enumerate(right, start=first):
        one = generation(about=case(i, image=f"{i // 2}.jpg", **about))
        pairs.append((one, judgement(one, right=value)))
    return evaluation(folder, pairs, manifest)


# --- figures ---


def test_every_paired_figure_is_that_of_a_naive_count(runs):
    found = compare_paths(runs[:2], QUICK)["pairs"][0]
    one, two = ({r["question"]: r for r in naive.rows_of_evaluation(path)} for path in runs[:2])
    for name, row in [*found["sets"].items(), ("all", found["all"])]:
        mine = [q for q, r in one.items() if name in ("all", r["set"])]
        right = [[naive.right_of(side[q], "reward") for q in mine] for side in (one, two)]
        assert row["questions"] == len(mine) and row["images"] == len({one[q]["image"] for q in mine})
        assert row["accuracy"] == pytest.approx([sum(v is True for v in side) / len(mine) for side in right])
        assert row["not_known"] == [sum(v is None for v in side) for side in right]
        pairs = list(zip(*right, strict=True))
        gained, lost = (sum((b is True) - (a is True) == way for a, b in pairs) for way in (1, -1))
        assert (row["gained"], row["lost"]) == (gained, lost)
        assert row["difference"]["value"] == pytest.approx((gained - lost) / len(mine))
        known = [(a, b) for a, b in pairs if a is not None and b is not None]
        assert row["known_in_both"]["n"] == len(known)
        assert row["known_in_both"]["value"] == pytest.approx(sum(b - a for a, b in known) / len(known))
        assert row["p_mcnemar"] == pytest.approx(stats.binomtest(gained, gained + lost).pvalue)
        failures = [[naive.first_failure(side[q]["labels"] or []) for q in mine] for side in (one, two)]
        early = [sum(f is not None and f[0] < 1 / 3 for f in side) / len(mine) for side in failures]
        assert row["early"]["rate"] == pytest.approx(early)
    assert set(found["sets"]) == set(SETS)


def test_holm_is_over_all_sets_and_pairs(runs):
    found = compare_paths(runs, QUICK)
    rows = [row for pair in found["pairs"] for row in pair["sets"].values()]
    assert len(rows) == 6
    for name in ("p_clustered", "p_mcnemar"):
        expected = multipletests([row[name] for row in rows], method="holm")[1]
        assert [row[f"{name}_holm"] for row in rows] == pytest.approx(list(expected))


def test_the_sign_flip_test_is_that_of_scipy():
    """Exact with few clusters; by chance within the noise of the draws with many."""
    random = np.random.default_rng(1)
    for size, tolerance in ((6, 1e-12), (11, 1e-12), (40, 0.02)):
        sums = random.normal(0.4, 1, size=size)
        expected = stats.permutation_test((sums,), np.sum, permutation_type="samples", n_resamples=20_000,
                                          rng=np.random.default_rng(2))  # fmt: skip
        assert sign_flip_test(sums) == pytest.approx(expected.pvalue, abs=tolerance)
    assert sign_flip_test(np.zeros(5)) == 1.0


def test_the_sign_flip_test_keeps_its_level_where_mcnemar_does_not():
    """Two runs that are equally good; questions of one image change together, 4 an image."""
    random, false = np.random.default_rng(4), {"clustered": 0, "plain": 0}
    for _ in range(400):
        sums = 4.0 * random.choice([-1, 0, 1], size=40, p=[0.15, 0.7, 0.15])
        false["clustered"] += sign_flip_test(sums, draws=400) <= 0.05
        gained, lost = 4 * int((sums > 0).sum()), 4 * int((sums < 0).sum())
        false["plain"] += gained + lost > 0 and stats.binomtest(gained, gained + lost).pvalue <= 0.05
    assert false["clustered"] / 400 <= 0.07 and false["plain"] / 400 >= 0.2


def test_a_run_equals_itself(runs):
    found = compare_paths([runs[0], runs[0]], QUICK)["pairs"][0]
    assert found["all"]["difference"]["value"] == 0 and found["all"]["p_clustered"] == 1.0
    assert found["changed"] == [] and found["all"]["gained"] == found["all"]["lost"] == 0


def test_several_samples_have_no_mcnemar_test(tmp_path):
    folders = [random_evaluation(tmp_path / n, seed=s, samples=3) for n, s in (("a", 1), ("b", 2))]
    found = compare_paths(folders, QUICK)["pairs"][0]
    assert found["all"]["p_mcnemar"] is None and found["all"]["p_clustered"] <= 1


# --- what changed, what is missing ---


def test_changed_questions_are_listed_with_their_answers(tmp_path):
    a = small(tmp_path / "a", [True, True, False, None])
    b = small(tmp_path / "b", [False, True, True, False])
    changed = compare_paths([a, b], QUICK)["pairs"][0]["changed"]
    assert [(row["change"], row["index"]) for row in changed] == [("lost", 0), ("gained", 2)]
    assert changed[0]["question"] == "Question 0?" and changed[0]["answers"] == [["liver"], ["liver"]]


def test_questions_of_one_run_alone_are_counted(tmp_path, capsys):
    a, b = small(tmp_path / "a", [True] * 4), small(tmp_path / "b", [False] * 3, first=2)
    found = compare_paths([a, b], QUICK)["pairs"][0]
    assert (found["only_in_first"], found["only_in_second"], found["all"]["questions"]) == (2, 1, 2)
    assert main([str(a), str(b), "--draws", "200"]) == 0
    assert "LEFT OUT: 2 questions are in a alone, 1 in b alone" in capsys.readouterr().out


def test_validation_dumps_and_an_evaluation_are_compared(tmp_path):
    rows = [dump_row(f"q{i}_0_0", about=case(i, image=f"{i // 2}.jpg"), right=i == 1) for i in range(4)]
    write(tmp_path / "run" / "validation" / "5.jsonl", rows)
    found = compare_paths([tmp_path / "run", small(tmp_path / "e", [True] * 4)], QUICK)
    assert found["pairs"][0]["all"]["accuracy"] == [0.25, 1.0]
    assert any("No manifest in run" in note for note in found["notes"])


# --- refusals ---


@pytest.mark.parametrize(
    ("change", "other", "said"),
    [
        (lambda s: s["data"].update(sha256=["b"]), "data", "differ in data.sha256"),
        (lambda s: s["judging"]["judge"].update(name="openai"), "judging", "differ in judging.judge.name"),
    ],
)
def test_other_data_and_other_judges_are_refused_unless_an_option_says_so(tmp_path, capsys, change, other, said):
    manifest = json.loads(json.dumps(MANIFEST))
    change(manifest["sections"])
    a = small(tmp_path / "a", [True, False], manifest=MANIFEST)
    b = small(tmp_path / "b", [True, True], manifest=manifest)
    assert main([str(a), str(b)]) == 2
    told = capsys.readouterr().err
    assert said in told and f"--other {other}" in told and told.count("\n") == 1
    assert main([str(a), str(b), "--other", other, "--draws", "200"]) == 0
    assert said in capsys.readouterr().out, "the difference stands above the figures"


def test_another_seed_or_file_name_is_told_and_not_refused(tmp_path):
    manifest = json.loads(json.dumps(MANIFEST))
    manifest["sections"]["generation"]["seed"], manifest["sections"]["data"]["files"] = 2, ["other.parquet"]
    a, b = (small(tmp_path / n, [True, False], manifest=m) for n, m in (("a", MANIFEST), ("b", manifest)))
    assert compare_paths([a, b], QUICK)["notes"] == ["a and b differ in generation.seed."]


def test_other_texts_under_the_same_ids_are_other_data(tmp_path, capsys):
    a = small(tmp_path / "a", [True, False])
    b = small(tmp_path / "b", [True, False], gold=["spleen"])
    assert main([str(a), str(b)]) == 2
    assert "2 of 2 common questions have another text or gold answer" in capsys.readouterr().err
    assert main([str(a), str(b), "--other", "data", "--draws", "200"]) == 0


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda d: [small(d / "a", [True])], "two runs or more"),
        (lambda d: [small(d / "a", [True]), d / "nothing"], "does not exist"),
        (lambda d: [small(d / "a", [True]), small(d / "b", [True], first=7)], "no question in common"),
        (lambda d: [small(d / "a", [True]), write(d / "b" / "generations.jsonl", ["{}"]).parent], "no rollout"),
        (lambda d: [small(d / "a", [True]), small(d / "b", [True], manifest=[])], "not the manifest"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence_and_exit_status_2(tmp_path, capsys, make, said):
    assert main([str(path) for path in make(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1


def test_runs_of_one_name_are_told_apart(tmp_path):
    a, b = small(tmp_path / "x" / "run", [True, False]), small(tmp_path / "y" / "run", [True, True])
    assert compare_paths([a, b], QUICK)["runs"] == ["run (1)", "run (2)"]
    assert compare_paths([a, b], QUICK, names=["old", "new"])["pairs"][0]["second"] == "new"


def test_the_tables_are_written_whole(tmp_path):
    a, b = small(tmp_path / "a", [True] * 30), small(tmp_path / "b", [False] * 30)
    assert (
        main([str(a), str(b), "--tables", str(tmp_path / "t"), "--out", str(tmp_path / "c.json"), "--draws", "200"])
        == 0
    )
    assert len((tmp_path / "t" / "changed.csv").read_text().splitlines()) == 31
    assert len(json.loads((tmp_path / "c.json").read_text())["pairs"][0]["changed"]) == 30
