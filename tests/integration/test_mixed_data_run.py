"""A real training step on three datasets at once: VQA-RAD, SLAKE (English, Chinese) and VQA-Med 2019, all real rows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from data_preprocess.__main__ import main as data
from recipe.mrpo.report.run_files import dump
from tests.integration.script_run import ScriptRun, finite, rl_run

SAMPLES = Path(__file__).parents[1] / "data"
VQA_RAD = Path(__file__).parents[2] / "examples" / "data" / "vqa_rad_sample"
SOURCES = {"vqa-rad", "slake", "vqa-med-2019"}
ROLLOUTS, OF_EACH, STEPS = 4, 4, 2


@pytest.fixture(scope="module")
def mixed(tmp_path_factory) -> Path:
    """train.parquet and test.parquet, as a user makes them: three conversions and a balanced sample of them."""
    base = tmp_path_factory.mktemp("mixed")
    gold = ("--gold-reasoning", VQA_RAD / "gold_reasoning.jsonl", "--reasoning", "required")
    commands = {
        "rad": ("vqa_rad", VQA_RAD, *gold),
        "slake": ("slake", SAMPLES / "slake", "--language", "en", "zh", "--rule-reasoning"),
        "med": ("vqa_med_2019", SAMPLES / "vqa_med_2019"),
    }
    for name, (dataset, source, *options) in commands.items():
        assert (
            data([dataset, "--source", str(source), "--out", str(base / name), "--open-only", *map(str, options)]) == 0
        )
    for split in ("train", "test"):
        files = [str(base / name / f"{split}.parquet") for name in commands]
        rows = str(OF_EACH * len(SOURCES))
        assert (
            data(
                ["sample", *files, "--out", str(base / f"{split}.parquet"), "--rows", rows, "--balance", "data_source"]
            )
            == 0
        )
    return base


@pytest.fixture(scope="module")
def run(mixed, tmp_path_factory) -> ScriptRun:
    sizes = (f"data.train_batch_size={OF_EACH * len(SOURCES) // STEPS}", f"actor_rollout_ref.rollout.n={ROLLOUTS}")
    validate = ("trainer.val_before_train=True", "+mrpo.gold_reasoning=optional")  # VQA-Med has none
    out = tmp_path_factory.mktemp("mixed_run")
    return rl_run("qwen2_5_vl", "mrpo", out, steps=STEPS, more=(*sizes, *validate), DATA_DIR=str(mixed))


def identities(file: Path) -> Counter:
    rows = pq.read_table(file, columns=["data_source", "extra_info"]).to_pylist()
    return Counter((r["data_source"], r["extra_info"]["split"], str(r["extra_info"]["index"])) for r in rows)


def identity(row: dict) -> tuple[str, str, str]:
    case = row["mrpo"]["case"]
    return case["data_source"], case["split"], case["index"]


@pytest.mark.verl
@pytest.mark.slow
def test_every_row_of_every_dataset_is_trained_on(mixed, run):
    rows = [row for step in (1, STEPS) for row in run.rollouts(step)]
    rollouts = Counter(identity(row) for row in rows)
    assert rollouts == Counter({key: ROLLOUTS * n for key, n in identities(mixed / "train.parquet").items()})
    assert {source for source, _, _ in rollouts} == SOURCES
    for row in rows:  # rows with gold reasoning were judged; VQA-Med has none, and that is said
        expected = "skipped:no_gold_reasoning" if row["mrpo"]["case"]["data_source"] == "vqa-med-2019" else "ok"
        assert row["mrpo"]["judge_status"] == expected or not row["mrpo"]["steps"]
    metrics = run.metrics()
    assert all(finite(metrics[step]) and metrics[step]["actor/grad_norm"] > 0 for step in (1, STEPS))


@pytest.mark.verl
@pytest.mark.slow
def test_every_dataset_has_validation_metrics_of_its_own(mixed, run):
    first = run.metrics()[0]
    found = {name.split("/")[1] for name in first if name.startswith("val-core/")}
    assert found == SOURCES
    dumped = Counter(row["mrpo"]["case"]["data_source"] for row in dump(run.out, "validation", 0))
    assert dumped == Counter(source for source, _, _ in identities(mixed / "test.parquet").elements())
    for source in SOURCES:
        values = [row["acc"] for row in dump(run.out, "validation", 0) if row["mrpo"]["case"]["data_source"] == source]
        (name,) = (n for n in first if n.startswith(f"val-core/{source}/acc/"))
        assert first[name] == pytest.approx(sum(values) / len(values))


@pytest.mark.verl
@pytest.mark.slow
def test_pass_rates_of_the_run_choose_its_rows(mixed, run, tmp_path):
    """`mrpo data sample --pass-rates` on the folder of dumps that verl wrote."""
    right: dict[tuple[str, str, str], list[float]] = {}
    for step in (1, STEPS):
        for row in run.rollouts(step):
            right.setdefault(identity(row), []).append(row["acc"])
    never = {key for key, values in right.items() if not any(values)}
    always = {key for key, values in right.items() if all(values)}
    assert never  # the tiny model has never seen SLAKE or VQA-Med
    between = set(right) - never - always  # a group without spread teaches nothing
    out = tmp_path / "hard.parquet"
    command = ["sample", str(mixed / "train.parquet"), "--out", str(out), "--pass-rates", str(run.out / "rollouts")]
    assert data(command) == (0 if between else 1)
    assert not between or set(identities(out)) == between
