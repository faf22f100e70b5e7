"""What examples/cluster and examples/docker ask for fits the scripts and each other."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml

from recipe.mrpo.judge.endpoint import Endpoint
from tests.unit.examples.conftest import ROOT

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


def test_the_entry_point_is_an_example_script(job):
    assert (ROOT / job["entrypoint"].split()[-1]).is_file()


def test_bash_can_read_the_slurm_script_and_its_defaults_exist():
    file = CLUSTER / "slurm.sbatch"
    run = subprocess.run(["bash", "-n", str(file)], capture_output=True, text=True, timeout=30)
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
