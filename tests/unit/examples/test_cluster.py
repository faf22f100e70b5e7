"""What examples/cluster and examples/docker ask for fits the scripts and each other."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from recipe.mrpo.doctor.command import add_arguments
from recipe.mrpo.endpoint.address import Endpoint
from recipe.mrpo.options.command_line import read_options
from tests.unit.examples.conftest import ROOT, script_env

CLUSTER = ROOT / "examples" / "cluster"


@pytest.fixture(scope="module")
def job():
    return yaml.safe_load((CLUSTER / "kuberay.yaml").read_text())["spec"]


@pytest.fixture(scope="module")
def pods(job):
    cluster = job["rayClusterSpec"]
    groups = [(1, cluster["headGroupSpec"]), *((g["replicas"], g) for g in cluster["workerGroupSpecs"])]
    return [(count, group["rayStartParams"], group["template"]["spec"]) for count, group in groups]


def variables(pod):
    return {entry["name"]: entry["value"] for entry in pod["containers"][0]["env"]}


def test_kubernetes_gives_as_many_nodes_and_gpus_as_the_script_asks_for(pods):
    wanted = variables(pods[0][2])
    assert sum(count for count, *_ in pods) == int(wanted["NNODES"])
    for _, parameters, pod in pods:
        limits = pod["containers"][0]["resources"]["limits"]
        assert limits["nvidia.com/gpu"] == int(wanted["N_GPUS"]) == int(parameters["num-gpus"])


def test_every_pod_has_the_same_image_variables_and_volumes(pods):
    assert all(pod == pods[0][2] for *_, pod in pods)


def test_the_variables_are_those_of_the_scripts(pods):
    documented = set(re.findall(r"\b[A-Z][A-Z_0-9]+\b", (ROOT / "examples" / "common.sh").read_text()))
    assert set(variables(pods[0][2])) <= documented


def test_shared_memory_is_memory_and_the_judges_cache_is_local(pods):
    pod = pods[0][2]
    volumes = {v["name"]: v for v in pod["volumes"]}
    mounts = {m["mountPath"]: volumes[m["name"]] for m in pod["containers"][0]["volumeMounts"]}
    assert mounts["/dev/shm"]["emptyDir"]["medium"] == "Memory"
    cache = variables(pod)["JUDGE_CACHE"]
    # SQLite's WAL does not work on a network file system
    assert next(volume for path, volume in mounts.items() if cache.startswith(path + "/"))["emptyDir"] == {}
    assert "persistentVolumeClaim" in next(v for p, v in mounts.items() if variables(pod)["OUTPUT_DIR"].startswith(p))


def test_the_judge_on_another_host_gets_no_private_rows_unless_it_is_allowed(pods):
    address = variables(pods[0][2])["JUDGE_BASE_URL"]
    assert Endpoint.of(address, []).private_allowed is False


def test_the_key_of_the_secret_is_what_the_commented_variable_names(pods):
    text = (CLUSTER / "kuberay.yaml").read_text()
    (key,) = re.findall(r"--from-literal=(\w+)=", text)
    uncommented = re.sub(r"# (- \{name: JUDGE_API_KEY_ENV)", r"\1", text)
    head = yaml.safe_load(uncommented)["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
    assert variables(head)["JUDGE_API_KEY_ENV"] == key
    assert "JUDGE_API_KEY_ENV" in (ROOT / "examples" / "common.sh").read_text()
    # without the secret the variable would name a key that is not there, and the run would stop
    assert "JUDGE_API_KEY_ENV" not in variables(pods[0][2])
    assert head["containers"][0]["envFrom"][0]["secretRef"]["optional"] is True


SRUN = """#!/usr/bin/env bash
note=$(printf '%q ' NNODES="${NNODES:-}" "$@")
echo "$note" >>"$CALLS"  # in one piece: nodes start beside one another
case "$*" in
    *'hostname -I') echo '10.0.0.1 fd00::1' ;;
    *timeout*python*) # the real one waits for all nodes; those that start Ray run beside the script, which ends them
        until [ "$(grep -c ' ray start ' "$CALLS")" -ge "$SLURM_JOB_NUM_NODES" ]; do sleep 0.05; done ;;
esac
"""


@pytest.fixture
def sbatch(tmp_path):
    """sbatch(nodes=2, VARIABLE=value, …): (exit code, its messages, the calls of srun) where srun only takes notes."""
    for name, text in {"srun": SRUN, "scontrol": "#!/bin/sh\nprintf 'n%s\\n' $(seq $SLURM_JOB_NUM_NODES)\n"}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)

    def run(nodes=2, **given):
        calls = tmp_path / "calls"
        calls.unlink(missing_ok=True)
        env = script_env(SLURM_JOB_NUM_NODES=str(nodes), SLURM_JOB_NODELIST="n", CALLS=str(calls), **given)
        env["PATH"] = f"{tmp_path}:{env['PATH']}"
        command = ["bash", str(CLUSTER / "slurm.sbatch"), "trainer.total_training_steps=2"]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
        lines = calls.read_text().splitlines() if calls.exists() else []
        return done.returncode, done.stderr, [shlex.split(line) for line in lines]

    return run


def one(calls, *words):
    (found,) = [call for call in calls if set(words) <= set(call)]
    return found


@pytest.mark.parametrize(
    ("nodes", "given", "training"),
    [
        (2, {}, 2),
        (3, {"TRAINER_MODE": "colocate_async", "ROLLOUT_NNODES": "1"}, 3),  # read by separate_async alone
        (2, {"TRAINER_MODE": "separate_async"}, 1),
        (5, {"TRAINER_MODE": "separate_async", "ROLLOUT_NNODES": "2"}, 3),
        (1, {"TRAINER_MODE": "separate_async", "NNODES": "1", "N_GPUS": "4", "ROLLOUT_GPUS": "4"}, 1),
    ],
)
def test_slurms_nodes_are_shared_between_training_and_separate_rollouts(sbatch, nodes, given, training):
    code, said, calls = sbatch(nodes, SLURM_GPUS_ON_NODE="8", **given)
    assert code == 0, said
    script = one(calls, "bash", "trainer.total_training_steps=2")
    assert f"NNODES={training}" in script
    starts = [call for call in calls if "start" in call]
    assert len(starts) == nodes and all("--num-gpus=8" in call for call in starts)  # whatever the training takes
    assert f"NODES={nodes}" in one(calls, "python", "timeout")  # waits for all


@pytest.mark.parametrize(
    "given",
    [
        {"NNODES": "PORT[$(touch {file})]"},
        {"ROLLOUT_NNODES": "a[$(touch {file})]", "TRAINER_MODE": "separate_async"},
        {"N_GPUS": "a[$(touch {file})]"},
        {"SLURM_GPUS_ON_NODE": "a[$(touch {file})]"},
        {"PORT": "1; touch {file}"},
    ],
)
def test_slurm_runs_no_command_that_stands_in_a_number(sbatch, tmp_path, given):
    file = tmp_path / "executed"
    code, said, calls = sbatch(2, **{name: value.replace("{file}", str(file)) for name, value in given.items()})
    assert code != 0 and calls == [] and not file.exists()
    assert "must be a whole number" in said


def test_slurm_shows_no_password(sbatch):
    code, said, calls = sbatch(2, JUDGE_BASE_URL="http://u:hunter2@judge/v1", JUDGE_MODEL="m")
    assert code != 0 and "JUDGE_BASE_URL holds a password" in said
    assert "hunter2" not in said + str(calls)


def test_slurm_says_so_if_no_node_is_left_to_train_on(sbatch):
    code, said, calls = sbatch(1, TRAINER_MODE="separate_async")
    assert code != 0 and calls == []
    assert "error: separate_async leaves none of 1 nodes to train on; raise --nodes" in said


def test_slurm_asks_the_judge_and_looks_at_the_disk_of_the_run_on_every_node(sbatch):
    judge = {"JUDGE_BASE_URL": "http://judge:8000/v1", "JUDGE_MODEL": "org/judge 8b", "JUDGE_API_KEY_ENV": "KEY"}
    code, said, calls = sbatch(2, OUTPUT_DIR="/shared/out put", **judge)
    assert code == 0, said
    doctor = one(calls, "doctor")
    assert "-w" not in doctor and "--ntasks-per-node=1" in doctor
    given = doctor[doctor.index("doctor") + 1 :]
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    arguments = parser.parse_args(given)
    assert arguments.output == Path("/shared/out put") and arguments.n_gpus == 8
    assert arguments.only == ["versions", "processes", "device", "disk", "judge"]
    options = read_options(arguments.options).judge
    assert (options.name, options.openai.base_url, options.openai.model, options.openai.api_key_env) == (
        "openai", *judge.values(),
    )  # fmt: skip
    plain = one(sbatch(2)[2], "doctor")
    assert plain[plain.index("--output") + 1] == "."
    assert "++mrpo.judge.name=overlap" in plain


def test_slurm_lets_the_caller_name_the_checks_of_doctor(sbatch):
    code, said, calls = sbatch(2, DOCTOR_CHECKS="processes disk")
    assert code == 0, said
    doctor = one(calls, "doctor")
    assert doctor[doctor.index("--only") + 1 : doctor.index("--n-gpus")] == ["processes", "disk"]


def test_slurm_refuses_sft_before_anything_starts(sbatch):
    code, said, calls = sbatch(2, METHOD="sft")
    assert code != 0 and calls == []
    assert "error: METHOD=sft does not use Ray; start torchrun on every node" in said


def test_the_entry_point_is_an_example_script(job):
    assert (ROOT / job["entrypoint"].split()[-1]).is_file()


def test_bash_can_read_the_slurm_script_and_its_defaults_exist():
    file = CLUSTER / "slurm.sbatch"
    run = subprocess.run(["bash", "-n", str(file)], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    text = file.read_text()
    assert (ROOT / re.search(r"SCRIPT:-([^}]+)}", text).group(1)).is_file()
    assert re.search(r"--gpus-per-node=(\d+)", text).group(1) == re.search(r"N_GPUS:-(\d+)", text).group(1)
    directives = [line for line in text.splitlines() if line.startswith("#SBATCH")]
    first_command = next(i for i, line in enumerate(text.splitlines()) if line and not line.startswith("#"))
    assert all(text.splitlines().index(line) < first_command for line in directives)  # SLURM reads none after it


def test_the_image_gets_every_package_that_setup_looks_for():
    text = (ROOT / "examples" / "docker" / "Dockerfile").read_text()
    copied = {name for names in re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE) for name in names.split()}
    assert {"recipe", "reward_fns", "data_preprocess", "examples"} <= copied
    assert all((ROOT / name).exists() for name in copied)


def test_the_image_ends_as_a_user_with_a_home_of_its_own_who_may_write_to_the_outputs():
    text = (ROOT / "examples" / "docker" / "Dockerfile").read_text()
    user = re.findall(r"^USER (\S+)$", text, re.MULTILINE)[-1]
    assert user not in ("root", "0")
    assert re.search(rf"useradd .*--create-home .* {user} ", text) and f"chown -R {user} /opt/verl-mrpo" in text
    assert f"ENV HOME=/home/{user}" in text
    assert text.rindex("USER ") > text.rindex("RUN "), "nothing is installed after it"
    manifest = (ROOT / "examples" / "cluster" / "kuberay.yaml").read_text()
    assert "fsGroup: " + re.search(r"ARG UID=(\d+)", text).group(1) in manifest
