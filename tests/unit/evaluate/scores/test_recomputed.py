"""Every figure once more from the files, by code that shares nothing with the scores (naive.py)."""

from __future__ import annotations

import pytest

from recipe.mrpo.evaluate.scores.files import score_path
from recipe.mrpo.evaluate.scores.options import ScoreOptions
from tests.unit.evaluate.scores import naive
from tests.unit.evaluate.scores.made_runs import SETS, random_evaluation, random_training

CUTS = ((1 / 3, 2 / 3), (0.25, 0.75), (0.4, 0.8))
QUICK = {"draws": 100, "cuts": CUTS, "pass_at": (2, 3)}


def close(value):
    return pytest.approx(value, abs=1e-12)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """(rows read naively, scores by reward) of one evaluation with a run without images beside it."""
    folder = tmp_path_factory.mktemp("runs")
    seen = random_evaluation(folder / "seen", seed=1)
    blind = random_evaluation(folder / "blind", seed=2, condition="no_image")
    return seen, blind, naive.rows_of_evaluation(seen), score_path(seen, ScoreOptions(**QUICK), also=[blind])


def same_accuracy(ours, rows, rule="reward"):
    theirs = naive.accuracy(rows, rule)
    for name in ("right", "wrong", "not_known", "questions", "images"):
        assert ours[name] == theirs[name], name
    assert ours["accuracy"]["value"] == close(theirs["value"])
    assert ours["bounds"] == close([theirs["value"], theirs["most"]])
    assert sum(ours["not_known_kinds"].values()) == theirs["not_known"]


def test_accuracy_of_everything_and_of_every_group(run):
    _, _, rows, scores = run
    answers = scores["answers"]
    same_accuracy(answers["micro"], rows)
    for name in SETS:
        mine = [r for r in rows if r["set"] == name]
        same_accuracy(answers["by"]["data_source"][name], mine)
        for kind, group in answers["by_set_and_type"][name].items():
            same_accuracy(group, [r for r in mine if (r["type"] or "(not known)") == kind])
    for name, group in answers["by"]["modality"].items():
        same_accuracy(group, [r for r in rows if (r["modality"] or "(not known)") == name])
    macro = sum(naive.accuracy([r for r in rows if r["set"] == s])["value"] for s in SETS) / 3
    assert answers["macro"]["value"] == close(macro)
    assert {"OPEN", "CLOSED", "(not known)"} == set(answers["by"]["answer_type"])


def test_pass_at_k_is_the_share_of_subsets_with_a_right_answer(run):
    _, _, rows, scores = run
    for k in (2, 3):
        assert scores["answers"]["micro"]["pass_at"][f"pass@{k}"]["value"] == close(naive.pass_at(rows, k))
    assert naive.pass_at(rows, 1) == close(scores["answers"]["micro"]["accuracy"]["value"])


def test_verdicts_are_another_rule(run):
    seen, _, rows, _ = run
    scores = score_path(seen, ScoreOptions(answers="verdict", **QUICK))
    same_accuracy(scores["answers"]["micro"], rows, "verdict")


def test_the_released_rule_leaves_out_what_is_not_known(run):
    seen, _, rows, scores = run
    released = score_path(seen, ScoreOptions(answers="verdict", compat="reference", **QUICK))
    figure = released["answers"]["micro"]["accuracy"]
    assert figure["value"] == close(naive.released_accuracy(rows))
    assert figure["n"] < len(rows), "its denominator is smaller"
    assert released["reasoning"]["overall"]["valid_steps"]["value"] == close(naive.released_valid_steps(rows))
    assert (
        scores["reasoning"]["overall"]["valid_steps"]["value"]
        != released["reasoning"]["overall"]["valid_steps"]["value"]
    )


def same_reasoning(ours, rows):
    for place, cuts in enumerate(CUTS):
        theirs = naive.reasoning(rows, cuts, 0.2)
        stages = ours["stages"][place]
        for name in ("early", "mid", "late"):
            assert stages["share"][name]["value"] == close(theirs["share"][name])
            assert stages["rate"][name]["value"] == close(theirs["rate"][name])
            assert stages["rate_bounds"][name] == close([theirs["rate"][name], theirs["rate_most"][name]])
    for ours_, theirs_ in (("labelled", "labelled"), ("failed_first", "failed"), ("not_known", "unknown"),
                           ("without_steps", "without_steps")):  # fmt: skip
        assert ours[ours_] == theirs[theirs_]
    for name in ("valid_steps", "steps_per_answer", "ffp", "far"):
        assert ours[name]["value"] == close(theirs[name]), name
    for row, (count, far) in zip(ours["ffp_bins"], theirs["bins"], strict=True):
        assert row["rollouts"] == count and row["far"]["value"] == (None if far is None else close(far))
        assert row["share"]["value"] == close(count / theirs["failed"])
    assert ours["answers"]["right_with_invalid_reasoning"]["value"] == close(theirs["right_with_invalid"])
    assert ours["answers"]["wrong_with_valid_reasoning"]["value"] == close(theirs["wrong_with_valid"])
    total = ours["failed_first"] + ours["without_invalid_step"] + ours["without_steps"] + ours["not_known"]
    assert total == ours["rollouts"] == len(rows), "no rollout is missing, none counted twice"


def test_reasoning_of_everything_and_of_every_group(run):
    _, _, rows, scores = run
    same_reasoning(scores["reasoning"]["overall"], rows)
    for name, group in scores["reasoning"]["by"]["data_source"].items():
        same_reasoning(group, [r for r in rows if r["set"] == name])
    for name, group in scores["reasoning"]["by"]["modality"].items():
        same_reasoning(group, [r for r in rows if (r["modality"] or "(not known)") == name])


def test_calibration_flips_bias_and_the_worth_of_the_image(run):
    _, blind, rows, scores = run
    assert scores["calibration"]["joint"]["ece"] == close(naive.calibration(rows, 10))
    differing, pairs = naive.flips(rows)
    assert (scores["repeats"]["flipped"]["value"], scores["repeats"]["pairs"]) == (close(differing / pairs), pairs)
    assert scores["prior"]["yes_bias"]["value"] == close(naive.yes_bias(rows))
    other = naive.rows_of_evaluation(blind)
    assert scores["looking"]["image_against_no_image"]["gain"]["value"] == close(naive.gain(rows, other))
    same_accuracy(scores["looking"]["conditions"]["no_image"], other)
    assert scores["counts"]["rollouts"] == len(rows), "rollouts without the image count nowhere else"


def test_a_training_run_is_scored_alike(tmp_path):
    folder = random_training(tmp_path / "run", seed=4)
    scores = score_path(folder, ScoreOptions(**QUICK))
    rows = naive.rows_of_dump(folder / "rollouts" / "2.jsonl")
    assert scores["source"]["steps"] == [2], "the last step alone"
    same_accuracy(scores["answers"]["micro"], rows)
    same_reasoning(scores["reasoning"]["overall"], rows)
    both = score_path(folder, ScoreOptions(**QUICK), steps=[1, 2])
    same_accuracy(both["answers"]["micro"], rows + naive.rows_of_dump(folder / "rollouts" / "1.jsonl"))


def test_the_order_of_the_lines_decides_nothing(run, tmp_path):
    seen, blind, _, scores = run
    for name in ("generations.jsonl", "judgements.jsonl"):
        lines = (seen / name).read_text().splitlines()
        (tmp_path / "seen").mkdir(exist_ok=True)
        (tmp_path / "seen" / name).write_text("\n".join(reversed(lines)) + "\n")
    again = score_path(tmp_path / "seen", ScoreOptions(**QUICK), also=[blind])
    assert again == scores
