"""A run on GPUs is planned before Ray starts: estimates warn, what cannot be divided is refused."""

from __future__ import annotations

import logging

import pytest
from omegaconf import OmegaConf

from recipe.mrpo.cpu.shim import mrpo_cpu_shim

mrpo_cpu_shim.install()

from recipe.mrpo.doctor.device import Gpu  # noqa: E402
from recipe.mrpo.options.tree import OptionError  # noqa: E402
from recipe.mrpo.startup import plan  # noqa: E402
from recipe.mrpo.startup.compose import compose_config  # noqa: E402
from tests.unit.doctor.plan.real_configurations import qwen3_vl_8b  # noqa: E402

STUDY = ("backbone=qwen3_vl", "trainer.n_gpus_per_node=8")
ONE_GPU = [Gpu("H100", 74.5, (9, 0))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("qwen3_vl")
    qwen3_vl_8b().save_pretrained(made)
    return made


@pytest.fixture(autouse=True)
def gpu_platform(monkeypatch):
    for name in ("VERL_PLATFORM", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def warned(folder, caplog, monkeypatch):
    """warned(overrides, gpus=, cpus=, host_gb=): what the start says of a run on such a machine."""

    def make(*overrides: str, gpus=(), cpus=64, host_gb=500) -> str:
        monkeypatch.setattr(plan, "host_bytes", lambda: host_gb * 1e9)
        monkeypatch.setattr(plan, "find_gpus", lambda: list(gpus))
        monkeypatch.setattr(plan.os, "cpu_count", lambda: cpus)
        config = compose_config("mrpo", [*STUDY, f"actor_rollout_ref.model.path={folder}", *overrides])
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            plan.check_run_plan(config)
        return caplog.text

    return make


def test_a_run_that_fits_starts_in_silence(warned):
    assert warned(gpus=ONE_GPU) == "" and warned() == ""


@pytest.mark.parametrize(
    ("overrides", "gpus", "cpus", "says", "why"),
    [
        (("actor_rollout_ref.rollout.max_model_len=null",), ONE_GPU, 64, "36.0 GiB of KV cache", "vLLM raises"),
        (("actor_rollout_ref.rollout.max_model_len=2000",), (), 64, "below prompt and response", "rollouts are cut"),
        (("trainer.n_gpus_per_node=1",), ONE_GPU, 64, "GB while training; set", "out of memory at the first update"),
        ((), (), 32, "verl's actors hold 34 CPUs, 32 are there", "Ray would wait for ever"),
    ],
)
def test_what_will_not_fit_is_said_at_the_start(warned, overrides, gpus, cpus, says, why):
    assert says in warned(*overrides, gpus=gpus, cpus=cpus), why


def test_host_memory_counts_beside_gpus(warned):
    assert "87 GB of host memory a node, 64 are there" in warned(gpus=ONE_GPU, host_gb=64)


@pytest.mark.parametrize(
    ("overrides", "environment"),
    [
        (("trainer.nnodes=2", "data.train_batch_size=16"), None),
        (("+ray_kwargs.ray_init.address=auto",), None),
        (("ray_kwargs.ray_init.num_cpus=64",), None),
        ((), "10.0.0.1:6379"),
    ],
)
def test_cpus_of_a_cluster_are_not_those_of_this_machine(warned, monkeypatch, overrides, environment):
    if environment:
        monkeypatch.setenv("RAY_ADDRESS", environment)
    assert warned(*overrides, cpus=2) == ""


def test_what_cannot_be_divided_is_refused(warned):
    with pytest.raises(OptionError, match=r"cannot spread 32 attention heads.*to one of 1, 2, 4, 8"):
        warned("actor_rollout_ref.rollout.tensor_model_parallel_size=3")


def test_what_cannot_be_planned_is_said_and_the_run_goes_on(warned, tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "of_tomorrow"}')
    assert "was not planned: transformers cannot read" in warned(f"actor_rollout_ref.model.path={tmp_path}")


@pytest.mark.parametrize(("name", "value"), [("VERL_PLATFORM", "cpu"), ("", "")])
def test_tiny_models_and_checkpoints_elsewhere_are_not_planned(folder, monkeypatch, caplog, name, value):
    config = OmegaConf.create({"actor_rollout_ref": {"rollout": {"name": "vllm"}, "model": {"path": str(folder)}}})
    if name:
        monkeypatch.setenv(name, value)
    else:
        config.actor_rollout_ref.model.path = "Qwen/Not-On-This-Machine"
    plan.check_run_plan(config)
    assert caplog.text == ""
