"""Rows that must not leave this machine are not uploaded by verl's own loggers and tracers."""

from __future__ import annotations

import pytest

from recipe.mrpo.startup.prepare import prepare
from tests.unit.startup.helpers import GOOD, refusal, write_rows


@pytest.fixture
def private(config_of, tmp_path):
    """private(override, ...): a run of which a row is marked may_leave_machine=false; public(...): of which none is."""

    def make(*overrides, leaves=False):
        info = GOOD["extra_info"] | {"may_leave_machine": leaves}
        file = write_rows(tmp_path / f"{leaves}.parquet", [{"extra_info": info}])
        return config_of(f"data.train_files={file}", *overrides)

    return make


UPLOADS = [
    (["trainer.logger=[console,wandb]", "trainer.log_val_generations=10"], "trainer.log_val_generations=0"),
    (["trainer.logger=wandb", "trainer.log_val_generations=1"], "trainer.log_val_generations=0"),
    (["trainer.logger=[swanlab]", "trainer.log_val_generations=10"], "trainer.log_val_generations=0"),
    (["trainer.logger=[clearml]", "trainer.log_val_generations=10"], "trainer.log_val_generations=0"),
    (["actor_rollout_ref.rollout.trace.backend=weave"], "actor_rollout_ref.rollout.trace.backend=null"),
    (["actor_rollout_ref.rollout.trace.backend=another"], "actor_rollout_ref.rollout.trace.backend=null"),
]


@pytest.mark.parametrize(("overrides", "remedy"), UPLOADS)
def test_an_upload_of_private_rows_is_refused_with_the_override_to_set(private, overrides, remedy):
    assert f"set {remedy}" in refusal(private(*overrides))


@pytest.mark.parametrize(("overrides", "remedy"), UPLOADS)
def test_rows_that_may_leave_may_be_uploaded(private, overrides, remedy):
    prepare(private(*overrides, leaves=True))


@pytest.mark.parametrize(
    ("overrides", "environment"),
    [
        (["trainer.logger=[console,file,tensorboard]", "trainer.log_val_generations=10"], {}),
        (["trainer.logger=[wandb]", "trainer.log_val_generations=0"], {}),
        (["trainer.logger=[wandb]", "trainer.log_val_generations=10"], {"WANDB_MODE": "offline"}),
        (["trainer.logger=[mlflow]", "trainer.log_val_generations=10"], {"MLFLOW_TRACKING_URI": "file:///tmp/x"}),
        (["actor_rollout_ref.rollout.trace.backend=mlflow"], {}),
    ],
)
def test_what_stays_on_this_machine_is_no_upload(private, monkeypatch, overrides, environment):
    for name in ("WANDB_MODE", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    prepare(private(*overrides))


def test_a_tracking_server_elsewhere_is_an_upload(private, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example.org")
    assert "mlflow" in refusal(private("trainer.logger=[mlflow]", "trainer.log_val_generations=10"))
    assert "mlflow" in refusal(private("actor_rollout_ref.rollout.trace.backend=mlflow"))
