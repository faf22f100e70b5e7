"""`mrpo doctor` on devices, disk and shared memory, also of machines that this one is not."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path

import pytest

from recipe.mrpo.doctor.device import Gpu, check_device
from recipe.mrpo.doctor.disk import check_disk, check_shared_memory

Usage = namedtuple("Usage", "total used free")


def test_broken_disk_too_small(doctor, tmp_path):
    code, found = doctor("--only", "disk", "--output", tmp_path / "not" / "yet", "--min-disk-gb", "1e9")
    assert code == 1 and found["disk"]["ok"] is False
    assert "1e+09 GB wanted" in found["disk"]["says"] and "OUTPUT_DIR" in found["disk"]["do"]


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
