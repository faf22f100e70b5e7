"""`make evidence`: a run is kept when it has ended, an interruption costs one run, and tables pair what is there."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from recipe.mrpo.worlds.arms import MAIN
from recipe.mrpo.worlds.chain.curve import TrainingCurve
from recipe.mrpo.worlds.chain.scene import ChainWorld
from recipe.mrpo.worlds.chain.train import RunSettings, run
from recipe.mrpo.worlds.evidence import chain, command, drawn, report
from recipe.mrpo.worlds.evidence.figures import figures
from recipe.mrpo.worlds.evidence.jobs import Comparison
from recipe.mrpo.worlds.evidence.runner import go

ACCURACY = {0.1: 0.5, 0.2: 0.75, 0.4: 0.75}


def made_up(calls: list, *, fail_at: int | None = None) -> Comparison:
    """Two arms, three rates; `b` errs early 10 points less than `a` in seed 0, 20 in seed 1."""

    def do(job):
        calls.append(job)
        if fail_at == len(calls):
            raise KeyboardInterrupt
        early = 0.5 - (0.1 * (job.seed + 1) if job.arm == "b" else 0)
        return {"early_rate": early, "accuracy": ACCURACY[job.lr]}

    return Comparison(
        "chain", "test", ("a", "b"), (0, 1), do, rates=tuple(ACCURACY), tuning_seeds=(9,), baseline="a"
    )  # fmt: skip


def test_the_rate_is_chosen_by_accuracy_and_the_lower_one_where_two_are_equal(tmp_path):
    calls: list = []
    comparison = made_up(calls)
    assert comparison.chosen("a", tmp_path) is None
    assert go([comparison], tmp_path, say=lambda line: None)
    assert comparison.chosen("a", tmp_path) == 0.2
    assert len(calls) == 2 * 3 + 2 * 2 == comparison.count()


def test_an_interrupted_comparison_goes_on_where_it_was(tmp_path):
    calls: list = []
    with pytest.raises(KeyboardInterrupt):
        go([made_up(calls, fail_at=8)], tmp_path, say=lambda line: None)
    assert len(list(tmp_path.rglob("*.json"))) == 7, "the run that was interrupted is the only one lost"
    said: list[str] = []
    again: list = []
    assert go([made_up(again)], tmp_path, say=said.append)
    assert said[0] == "7 of 10 runs are there already" and len(again) == 3
    assert "10/10" in said[-1] and "min left" in said[-1]
    assert [calls[7], *again[1:]] == again, "it begins with the run that was lost"


def test_a_limit_begins_no_further_run(tmp_path):
    calls: list = []
    assert not go([made_up(calls)], tmp_path, say=lambda line: None, limit=-1)
    assert calls == []


def test_the_table_pairs_seeds_and_says_what_is_missing(tmp_path):
    comparison = made_up([])
    assert "0 of 2" in report.table(comparison, tmp_path) and "not chosen yet" in report.table(comparison, tmp_path)
    go([comparison], tmp_path, say=lambda line: None)
    rows = report.table(comparison, tmp_path).splitlines()
    assert rows[4] == "| a | 0.2 | 2 of 2 | 50.0 |  | 75.0 |  |"
    assert rows[5].startswith("| b | 0.2 | 2 of 2 | 35.0 | -15.0 [-78.5, +48.5] | 75.0 | +0.0")
    comparison.compared(tmp_path)[-1].file(tmp_path).unlink()
    assert "one pair: no interval" in report.table(comparison, tmp_path)


def test_a_result_names_its_run(tmp_path):
    comparison = made_up([])
    go([comparison], tmp_path, say=lambda line: None)
    kept = json.loads((tmp_path / "chain" / "test" / "b-lr0.2-seed1.json").read_text())
    assert (kept["arm"], kept["seed"], kept["lr"], kept["world"]) == ("b", 1, 0.2, "chain")
    assert not list(tmp_path.rglob("*.tmp"))


def test_every_arm_of_the_drawn_world_is_a_command_of_verl(tmp_path):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    from recipe.mrpo.worlds.drawn.training import ARMS, Settings
    from recipe.mrpo.worlds.drawn.training import command as verl

    for arm in ARMS.values():
        words = verl(arm, Settings(), seed=3, data=tmp_path, model=tmp_path, out=tmp_path)
        values = {o.key_or_group: o.value() for o in OverridesParser.create().parse_overrides(words[5:])}
        assert values["data.seed"] == values["mrpo.judge.options.seed"] == 3
        assert values["trainer.total_training_steps"] == values["trainer.test_freq"] == 60
        sampled = values["data.train_batch_size"] * values["actor_rollout_ref.rollout.n"]
        micro = [v for name, v in values.items() if "micro_batch_size_per_gpu" in name]
        assert len(micro) == 3 and not any(sampled % size for size in micro), "verl refuses an uneven split"


def test_a_comparison_takes_its_rates_from_another_one(tmp_path):
    """verl's runs are too slow to choose a rate: the same world in a faster loop chooses it."""
    chooser = made_up([])
    slow = replace(made_up([]), world="drawn", tuned_by=chooser)
    assert slow.chosen("a", tmp_path) is None and not slow.tuning() and not slow.compared(tmp_path)
    go([chooser], tmp_path, say=lambda line: None)
    assert slow.chosen("a", tmp_path) == 0.2 and slow.count() == len(slow.compared(tmp_path)) == 4


def test_rules_of_our_own_are_tested_with_the_correction_of_holm(tmp_path):
    comparison = replace(made_up([]), tested=("b",), seeds=tuple(range(6)))
    assert "Holm" not in report.table(comparison, tmp_path)
    go([comparison], tmp_path, say=lambda line: None)
    assert report.table(comparison, tmp_path).endswith("Holm over 1: b p = 0.0312, adjusted 0.0312.")


def test_what_is_asked_for_is_what_is_compared():
    def asked(*words):
        return [(c.world, c.setting) for c in command.comparisons(command.parser().parse_args(words), bounded=None)]

    fast = [("direct", "main"), ("direct", "flip15"), ("direct", "scene")]
    own = [("chain", "own"), ("chain", "own_flip15"), ("chain", "options")]
    second = [("chain", "main_tuned10"), ("chain", "parts_tuned10")]
    first = [("chain", "main"), ("chain", "parts"), ("chain", "tau"), *second]
    everything = [*first, *own, *fast, ("drawn", "main")]
    assert asked("--world", "direct") == fast
    assert asked() == everything
    assert asked("--quick") == [("chain", "quick"), ("drawn", "quick")]
    assert asked("--world", "chain", "--settings", "tau") == [("chain", "tau")]
    one = command.comparisons(command.parser().parse_args(["--lr", "0.004"]), bounded=None)
    assert {c.lr for c in one} == {0.004} and not any(c.tuning() for c in one)
    assert [len(c.tuning_seeds) for c in chain.second()] == [10, 10] and len(chain.main().tuning_seeds) == 3
    assert len(chain.SEEDS) >= 10 and len(drawn.SEEDS) >= 5


def test_a_graded_answer_makes_tau_matter():
    import torch

    from recipe.mrpo.worlds.chain.scene import ChainWorld
    from recipe.mrpo.worlds.chain.train import answer_reward

    given, right = torch.tensor([0, 1, 2, 5, 3]), torch.tensor([0, 0, 0, 0, 4])
    assert answer_reward(ChainWorld(), given, right, near=0.5).tolist() == [1.0, 0.5, 0.0, 0.5, 0.5]


def test_the_page_gets_what_the_table_says(tmp_path):
    comparison = made_up([])
    go([comparison], tmp_path, say=lambda line: None)
    a, b = figures(comparison, tmp_path)["arms"]
    assert a["metrics"]["early_rate"]["difference"] is None and a["metrics"]["early_rate"]["pairs"] == []
    assert [[s, round(d, 6)] for s, d in b["metrics"]["early_rate"]["pairs"]] == [[0, -0.1], [1, -0.2]]
    assert round(b["metrics"]["early_rate"]["difference"]["mean"], 6) == -0.15
    assert b["curves"]["accuracy"] == []  # these runs have none


def test_the_chain_world_keeps_its_curve_and_watching_it_changes_nothing():
    torch.set_num_threads(1)
    watched = TrainingCurve(every=2)
    settings = RunSettings(updates=5, test_scenes=50)
    with_it = run(ChainWorld(), MAIN["mrpo"], settings, seed=1, watch=watched)
    assert with_it == run(ChainWorld(), MAIN["mrpo"], settings, seed=1)
    assert [point["step"] for point in watched.points] == [2, 4]
    assert all(0 <= point["early_rate"] <= 1 and 0 <= point["accuracy"] <= 1 for point in watched.points)


@pytest.mark.long
def test_an_interrupted_make_evidence_writes_its_report_and_the_same_command_goes_on(tmp_path):
    """The command itself, stopped by a signal in the middle of a run: what is done stays done."""
    words = ["--quick", "--world", "chain", "--out", str(tmp_path)]
    started = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "recipe.mrpo.worlds.evidence", *words], stderr=subprocess.PIPE, text=True
    )
    told = started.stderr
    assert told is not None
    first = next(line for line in told if line.startswith("1/6"))
    started.send_signal(signal.SIGINT)
    rest = told.read()
    assert started.wait() == 130 and "the same command goes on" in rest and "early failures" in first
    kept = {file: file.read_bytes() for file in (tmp_path / "chain").rglob("*.json")}
    assert 1 <= len(kept) < 6 and (tmp_path / "report.html").exists()
    told_again: list[str] = []
    assert go([replace(chain.quick(), seeds=(0,))], tmp_path, say=told_again.append)  # two runs are enough here
    assert told_again[0] == f"{min(len(kept), 2)} of 2 runs are there already"
    assert len(list((tmp_path / "chain").rglob("*.json"))) == max(2, len(kept))
    assert all(file.read_bytes() == content for file, content in kept.items())
