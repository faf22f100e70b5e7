"""The quickstart around its long commands, with stand-ins for them: what it reuses, refuses and tells."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest

from recipe.mrpo.common.one_process import Busy, only_one
from recipe.mrpo.quickstart import __main__ as quickstart
from recipe.mrpo.quickstart import stages
from recipe.mrpo.quickstart.progress import Progress, plain, values_of
from recipe.mrpo.quickstart.state import State

pytestmark = pytest.mark.long

# --- progress ---

RAY = "\x1b[36m(TaskRunnerV1 pid=5349)\x1b[0m "


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (RAY + "step:2 - mrpo/valid_steps:0.5 - actor/lr:1e-05", (2, {"mrpo/valid_steps": 0.5, "actor/lr": 1e-05})),
        ("step:0 - val-core/vqa-rad/acc/mean@1:np.float64(0.25)", (0, {"val-core/vqa-rad/acc/mean@1": 0.25})),
        (RAY + "  'val-aux/vqa-rad/steps/mean@1': np.float64(4.25), ", None),
        ("a rollout that says step:7 - mrpo/valid_steps:1.0", None),
    ],
)
def test_only_verls_own_line_about_a_step_is_read(line, expected):
    assert values_of(line) == expected


def test_milestones_are_said_once_and_steps_each():
    said = []
    progress = Progress(2, said.append)
    for line in (
        "INFO Started a local Ray instance.",
        RAY + "After FSDP, memory allocated",
        RAY + "After FSDP, memory",
    ):
        progress(line)
    progress(RAY + "step:0 - val-core/vqa-rad/acc/mean@1:np.float64(0.25)")
    progress(RAY + "step:1 - mrpo/reward/answer:0.25 - mrpo/wrong_answers:0.875")
    assert [text.split("s  ", 1)[1] for text in said] == [
        "Ray is up", "the model is built", "step 1 of 2: answer reward 0.25, wrong 0.88"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "is_error", "reason"),
    [
        ("mrpo: mrpo.tau must be in [0, 1], not 7.0.", True, "our own sentence"),
        (RAY + "torch.OutOfMemoryError: out of memory", True, "the last line of a traceback in an actor"),
        ("zmq.error.Again: Resource temporarily unavailable", True, "an exception without Error in its name"),
        (RAY + "UserWarning: veomni is not available: ModuleNotFoundError('No module')", False, "a warning"),
        ("Traceback (most recent call last):", False, "says nothing"),
        ("'truncation': 'error',", False, "a setting"),
    ],
)  # fmt: skip
def test_the_first_error_is_the_line_that_says_what_is_wrong(line, is_error, reason):
    progress = Progress(1, lambda text: None)
    progress(line)
    progress("ValueError: a later one")
    assert progress.first_error == (plain(line) if is_error else "ValueError: a later one"), reason


# --- commands ---


def test_the_printed_command_is_the_command_that_runs(tmp_path):
    """Pasted into a shell, it gives the same words and environment, also where the folder has a blank and a quote."""
    layout = stages.Layout(tmp_path / "it's a, folder=")
    command = stages.training_command(layout, steps=3, seed=1, extra=["+mrpo.tau=0.5"])
    typed = stages.as_typed(command, {"VERL_PLATFORM": "cpu", "F": "a b"})
    assert typed.count("\\\n") == len(command) - 5, "one override a line"
    words = shlex.split(typed.replace("\\\n", " "))
    assert words[:2] == ["VERL_PLATFORM=cpu", "F=a b"]
    assert [sys.executable if word == "python" else word for word in words[2:]] == command


def test_hydra_reads_back_paths_with_unusual_characters(tmp_path):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    layout = stages.Layout(tmp_path / "it's a, folder={x}")
    command = stages.training_command(layout, steps=3, seed=1, extra=[])
    values = {o.key_or_group: o.value() for o in OverridesParser.create().parse_overrides(command[5:])}
    assert values["data.train_files"] == str(layout.data / "train.parquet")
    assert values["trainer.logger"] == ["console", "file"] and values["data.train_batch_size"] == 4


# --- state ---


def test_state_survives_in_the_folder(tmp_path):
    State(0, 5, {"data": 1.5}, {"data": "x"}).write(tmp_path)
    assert State.read(tmp_path) == State(0, 5, {"data": 1.5}, {"data": "x"})
    assert State.read(tmp_path / "other") == State()


def test_two_quickstarts_do_not_share_a_folder(tmp_path):
    with only_one(tmp_path), pytest.raises(Busy, match="another --out"), only_one(tmp_path):
        pass
    with only_one(tmp_path):
        pass  # free again


# --- the whole, with stand-ins ---

TESTED = [{"accuracy": 0.25, "early_rate": 0.5}, {"accuracy": 0.75, "early_rate": 0.25}]
CURVE = json.dumps({"updates": 7, "grpo": TESTED, "mrpo": TESTED})

TRAINED = """
import os, pathlib, sys
out, last = pathlib.Path(sys.argv[1]), int(sys.argv[2])
(out / "checkpoints").mkdir(exist_ok=True)
(out / "checkpoints" / "latest_checkpointed_iteration.txt").write_text(str(last))
metrics = "".join('{"step": %d, "data": {"mrpo/reward/answer": 0.5}}\\n' % n for n in range(1, last + 1))
pathlib.Path(os.environ["VERL_FILE_LOGGER_PATH"]).write_text(metrics)
"""


@pytest.fixture
def start(tmp_path, monkeypatch, capsys):
    """Starts a quickstart in `tmp_path / "run"`; `calls` lists the commands that it ran."""
    calls, out = [], tmp_path / "run"

    def stand_in(name, code, *arguments):
        def command(*args, **kwargs):
            steps = [str(kwargs["steps"])] if "steps" in kwargs else []
            return [sys.executable, "-c", code, *map(str, arguments), *steps]

        monkeypatch.setattr(stages, f"{name}_command", command)

    def files(*names):
        return "\n".join(
            f"import pathlib; p = pathlib.Path({str(out / n)!r}); p.parent.mkdir(exist_ok=True); p.write_text('{{}}')"
            for n in names
        )

    stand_in("data", files("data/train.parquet", "data/test.parquet"))
    stand_in("model", files("tiny-qwen2_5_vl/tiny_model.json"))
    stand_in("training", TRAINED, out)
    stand_in("export", files("export/config.json"))
    stand_in("learning", f"import pathlib; pathlib.Path({str(out / 'learning.json')!r}).write_text({CURVE!r})")
    monkeypatch.setattr(stages, "model_is_current", lambda layout, seed: (layout.model / "tiny_model.json").exists())
    monkeypatch.setattr(stages, "as_typed", lambda command, env: "COMMAND")
    run = quickstart.run.run

    def recorded(command, **kwargs):
        calls.append(command)
        return run(command, **kwargs)

    monkeypatch.setattr(quickstart.run, "run", recorded)
    monkeypatch.chdir(Path(quickstart.__file__).parents[3])

    def go(*arguments):
        calls.clear()
        code = quickstart.main(["--out", str(out), *arguments])
        return code, capsys.readouterr().out, len(calls)

    go.stand_in, go.out = stand_in, out
    return go


def test_the_second_start_runs_nothing_and_says_how_to_begin_anew(start):
    code, said, ran = start()
    assert (code, ran) == (0, 5) and "COMMAND" in said and "step 3" in said
    result = json.loads((start.out / "result.json").read_text())
    assert result["exit_code"] == 0 and set(result["seconds"]) == {"data", "model", "training", "export", "learning"}
    code, said, ran = start()
    assert (code, ran) == (0, 0) and "--fresh" in said and "Training" in said
    assert json.loads((start.out / "result.json").read_text()) == result, "times are those of the run, not of a look"


def test_the_summary_says_what_improved_and_what_is_too_short(start):
    said = start()[1]
    assert "In 7 updates with mrpo right answers went from 25% to 75% and early failures from 50% to 25%" in said
    assert "Too short to improve: the 3 steps on VQA-RAD" in said


def test_fresh_trains_and_exports_again_and_keeps_data_and_model(start):
    start()
    assert start("--fresh")[0::2] == (0, 2)


def test_more_steps_go_on_at_the_last_checkpoint_and_export_again(start):
    start("--steps", "2")
    code, said, ran = start("--steps", "4")
    assert (code, ran) == (0, 2) and "from the checkpoint of step 2" in said
    assert len(list((start.out / "metrics").iterdir())) == 2, "a metrics file for each attempt"


def test_a_checkpoint_of_other_settings_is_not_taken_up(start):
    start("+mrpo.tau=0.5")
    code, said, ran = start("+mrpo.tau=0.7")
    assert (code, ran) == (1, 0) and "--fresh" in said


def test_a_failure_names_the_first_error_and_the_log_and_ends_1(start):
    start.stand_in("training", "import sys; sys.exit('mrpo: mrpo.tau must be in [0, 1], not 7.')", start.out)
    code, said, ran = start()
    assert (code, ran) == (1, 3)
    assert "mrpo.tau must be in [0, 1]" in said and str(start.out / "quickstart.log") in said
    assert json.loads((start.out / "result.json").read_text())["exit_code"] == 1


def test_a_training_that_ends_early_without_an_error_is_a_failure(start):
    start.stand_in("training", TRAINED.replace("str(last)", "'1'"), start.out)
    assert start()[0] == 1


def test_a_stage_beyond_its_time_is_a_failure(start):
    start.stand_in("data", "import time; time.sleep(60)")
    code, said, _ = start("--timeout", "1")
    assert code == 1 and "--timeout" in said


def test_help_names_every_option_with_its_default():
    shown = quickstart.parser().format_help()
    assert all(option in shown for option in ("--out", "--steps", "--seed", "--timeout", "--fresh", "default: 3"))
