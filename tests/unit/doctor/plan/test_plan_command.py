"""`mrpo doctor --plan`, as typed."""

from __future__ import annotations

import json

import pytest

from recipe.mrpo.cli import main
from recipe.mrpo.cpu.shim import mrpo_cpu_shim
from tests.unit.doctor.plan.real_configurations import qwen3_vl_8b

mrpo_cpu_shim.install()
RUN = ("data.train_files=x", "data.val_files=x", "actor_rollout_ref.model.path=x", "backbone=qwen3_vl")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("qwen3_vl")
    qwen3_vl_8b().save_pretrained(folder)
    return str(folder)


def plan(capsys, *words):
    code = main(["doctor", "--plan", "--json", *words, *RUN])
    return code, {check["name"]: check for check in json.loads(capsys.readouterr().out)}


def test_a_run_that_fits_is_planned(checkpoint, capsys):
    code, found = plan(capsys, "--model", checkpoint, "--gpu-gb", "80", "--cpus", "64", "trainer.n_gpus_per_node=8")
    assert code == 0 and found["length"]["ok"] and found["cpus"]["ok"]


def test_a_run_that_does_not_fit_ends_with_1_and_the_override(checkpoint, capsys):
    length = "actor_rollout_ref.rollout.max_model_len=null"
    code, found = plan(capsys, "--model", checkpoint, "--gpu-gb", "80", "--cpus", "8", length)
    assert code == 1
    assert "max_model_len=2560" in found["length"]["do"] and found["cpus"]["ok"] is False


@pytest.mark.parametrize(
    ("words", "says", "why"),
    [
        (("--model", "/no/such/folder"), "set --model", "no checkpoint there"),
        (("trainer.n_gpu=8",), "n_gpu", "an override that verl does not know"),
    ],
)
def test_what_cannot_be_planned_is_a_sentence(words, says, why, capsys, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert main(["doctor", "--plan", *words, *RUN]) == 2, why
    assert says in capsys.readouterr().err
