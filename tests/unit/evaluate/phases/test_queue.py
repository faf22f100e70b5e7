"""A training notes its saved checkpoints; `mrpo evaluate --queue` works them off."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from recipe.mrpo.evaluate.checkpoints import QUEUE, QueueEvaluation, append, entry_of
from recipe.mrpo.evaluate.phases.queue import DONE, GONE, entries, with_arguments
from recipe.mrpo.options.tree import OptionError

ROOT = Path(__file__).parents[4]
CLASS = "recipe.mrpo.evaluate.checkpoints.QueueEvaluation"


@pytest.fixture
def config(compose, tmp_path):
    return lambda *more: compose(
        "mrpo", f"++mrpo.evaluate.queue={tmp_path / 'queue'}", "data.val_files=[test.parquet]",
        "++mrpo.judge.ask_for=all", "data.max_response_length=77", *more,
    )  # fmt: skip


def noted(folder):
    return [json.loads(line) for line in (folder / QUEUE).read_text().splitlines()]


def test_verl_loads_the_class_and_calls_it_at_each_save(verl, config, tmp_path):
    from verl.trainer.ppo.checkpoint_callback import build_checkpoint_callback

    callback = build_checkpoint_callback(config(f"trainer.checkpoint_callback_class={CLASS}"))
    for step in (5, 10):
        callback.on_save(
            trainer=SimpleNamespace(), global_step=step, checkpoint_dir=str(tmp_path / f"global_step_{step}"),
            async_save=False, more_of_a_later_verl=1,
        )  # fmt: skip
    first, second = noted(tmp_path / "queue")
    assert (first["step"], second["step"]) == (5, 10) and second["checkpoint"].endswith("global_step_10")
    assert first["data"] == [str(Path("test.parquet").absolute())]
    assert first["training"]["data"]["max_response_length"] == 77
    assert first["training"]["mrpo"]["judge"]["name"] == "overlap"
    assert callback.metrics() == {"mrpo/evaluate/queued_total": 2.0, "mrpo/evaluate/not_queued_total": 0.0}


def test_the_option_alone_sets_verls_class(verl, config):
    from recipe.mrpo.startup.prepare import fill_and_check

    made = config()
    fill_and_check(made)
    assert made.trainer.checkpoint_callback_class == CLASS
    fill_and_check(made)  # verl's trainers prepare a second time
    with pytest.raises(OptionError, match="leave one of the two out"):
        fill_and_check(config("trainer.checkpoint_callback_class=my.Class"))


def test_without_the_option_nothing_is_noted(compose, tmp_path):
    callback = QueueEvaluation(compose("mrpo"))
    callback.on_save(SimpleNamespace(), 5, str(tmp_path))
    assert callback.metrics() == {} and not callback.queued


def test_every_so_many(config, tmp_path):
    callback = QueueEvaluation(config("++mrpo.evaluate.every=3"))
    for step in range(1, 8):
        callback.on_save(SimpleNamespace(), step, str(tmp_path / f"global_step_{step}"))
    assert [line["step"] for line in noted(tmp_path / "queue")] == [1, 4, 7]


@pytest.mark.parametrize("on_error", ["warn", "stop"])
def test_a_queue_that_cannot_be_written_ends_the_run_only_if_asked_to(config, tmp_path, caplog, on_error):
    (tmp_path / "queue").write_text("a file in place of the folder")
    callback = QueueEvaluation(config(f"++mrpo.evaluate.on_error={on_error}"))
    if on_error == "stop":
        with pytest.raises(FileExistsError):
            callback.on_save(SimpleNamespace(), 5, str(tmp_path))
    else:
        callback.on_save(SimpleNamespace(), 5, str(tmp_path))
    assert "step 5 could not be queued" in caplog.text and callback.metrics()["mrpo/evaluate/not_queued_total"] == 1.0


def test_a_line_torn_by_a_kill_is_closed_and_told(config, tmp_path, capsys):
    entry = entry_of(config(), step=5, checkpoint=str(tmp_path / "global_step_5"), async_save=False)
    append(tmp_path, entry)
    with (tmp_path / QUEUE).open("a") as file:
        file.write('{"checkpoint": "/torn')
    append(tmp_path, {**entry, "checkpoint": str(tmp_path / "global_step_6"), "step": 6})
    assert [one.step for one in entries(tmp_path)] == [5, 6]
    assert f"{QUEUE}:2" in capsys.readouterr().err


def test_a_checkpoint_counts_once_and_two_of_one_name_have_two_folders(config, tmp_path):
    entry = entry_of(config(), step=5, checkpoint=str(tmp_path / "global_step_5"), async_save=False)
    for _ in range(2):  # a resumed run saves a step again
        append(tmp_path, entry)
    append(tmp_path, {**entry, "checkpoint": str(tmp_path / "other" / "global_step_5")})
    found = entries(tmp_path)
    assert len(found) == 2 and len({one.out for one in found}) == 2


def test_an_asynchronously_saved_checkpoint_waits_for_verls_mark(config, tmp_path):
    append(tmp_path, entry_of(config(), step=5, checkpoint=str(tmp_path / "global_step_5"), async_save=True))
    (entry,) = entries(tmp_path)
    assert not entry.written
    (tmp_path / "latest_checkpointed_iteration.txt").write_text("5")
    assert entry.written


def test_words_of_the_training_give_way_to_what_is_typed(config, tmp_path):
    from recipe.mrpo.evaluate.phases.command import build_parser

    made = config("++mrpo.evaluate.arguments=['--samples=4','--sampling=training','mrpo.judge.ask_for=needed']")
    append(tmp_path, entry_of(made, step=5, checkpoint=str(tmp_path / "global_step_5"), async_save=False))
    (entry,) = entries(tmp_path)
    typed = with_arguments(entry, build_parser().parse_args(["--samples", "2"]), build_parser())
    assert (typed.samples, typed.sampling) == (2, "training")
    assert entry.settings["overrides"] == ["mrpo.judge.ask_for=needed"]


@pytest.mark.long
def test_a_deleted_checkpoint_is_said_and_counted_and_ends_nothing(config, tmp_path):
    append(tmp_path, entry_of(config(), step=5, checkpoint=str(tmp_path / "global_step_5"), async_save=False))
    done = subprocess.run(
        [sys.executable, "-m", "recipe.mrpo.evaluate", "--queue", str(tmp_path)],
        cwd=ROOT, text=True, capture_output=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "does not exist" in done.stderr and "queue of 1: 1 deleted before it was evaluated" in done.stderr
    assert (DONE, GONE) == (0, 3)


def test_a_folder_without_a_queue_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"mrpo\.evaluate\.queue="):
        entries(tmp_path)
