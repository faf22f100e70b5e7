"""What is built, installed and found outside the checkout; and how the installation hands pip's settings to uv."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import recipe.mrpo

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "examples" / "data" / "vqa_rad_sample"

spec = importlib.util.spec_from_file_location("uv_settings", ROOT / "examples" / "uv_settings.py")
uv_settings = importlib.util.module_from_spec(spec)
spec.loader.exec_module(uv_settings)


@pytest.mark.parametrize(
    ("lines", "variables", "why"),
    [
        (["global.index-url='https://a/simple'"], {"UV_DEFAULT_INDEX": "https://a/simple"}, "a mirror"),
        (
            ["global.extra-index-url='https://a/s\\nhttps://b/s'"],
            {"UV_INDEX": "https://a/s https://b/s"},
            "two indexes, as pip lists them",
        ),
        (["global.find-links='/a /b'"], {"UV_FIND_LINKS": "/a,/b"}, "uv wants commas here"),
        ([":env:.cert='/ca.pem'", "global.cert='/old.pem'"], {"SSL_CERT_FILE": "/ca.pem"}, "the environment wins"),
        (["install.constraint='/c.txt'"], {"UV_CONSTRAINT": "/c.txt"}, "a setting of `pip install` alone"),
        (["global.no-color='true'", "nonsense"], {}, "what uv has no word for, and what is no setting"),
        (["download.index-url='https://a/simple'"], {}, "a setting of another command"),
    ],
)
def test_settings_of_pip_become_settings_of_uv(lines, variables, why):
    found = uv_settings.uv_variables(uv_settings.pip_settings(lines), {})
    assert found.pop("UV_INDEX_STRATEGY") == "unsafe-best-match"
    assert found == variables, why


def test_a_variable_of_uv_that_is_set_stays():
    settings = uv_settings.pip_settings(["global.index-url='https://a/simple'"])
    assert "UV_DEFAULT_INDEX" not in uv_settings.uv_variables(settings, {"UV_DEFAULT_INDEX": "https://mine"})


def test_the_release_stands_in_one_place():
    release = recipe.mrpo.__version__
    assert re.search(rf"^## {re.escape(release)}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert f"version: {release}\n" in (ROOT / "CITATION.cff").read_text()
    assert release not in (ROOT / "setup.py").read_text()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from what git knows, so that files left out of the package are missed here as they would be by a user."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    for name in files:
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    return next(folder.glob("*.whl"))


def check(python: Path, folder: Path) -> None:
    """Import, doctor and a conversion, in a folder that is not the checkout."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment |= {"VERL_PLATFORM": "cpu", "HF_HUB_OFFLINE": "1"}

    def run(*command: str | Path) -> str:
        done = subprocess.run(
            [str(word) for word in command], cwd=folder, env=environment, capture_output=True, text=True, timeout=900
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    where = run(
        python, "-c", "import recipe.mrpo, reward_fns, data_preprocess as d; print(recipe.mrpo.__file__, d.__file__)"
    )
    assert str(ROOT) not in where
    shown = run(python.with_name("mrpo"), "doctor", "--only", "versions", "processes", "--timeout", "250")
    assert "mrpo" in shown
    run(python, "-m", "data_preprocess.vqa_rad", "--source", SAMPLE, "--open-only", "--out", folder / "data")
    assert (folder / "data" / "train.parquet").is_file()
    run(python.with_name("mrpo"), "methods")
    run(python, "-c", "from recipe.mrpo.report.page.document import document; ''.join(document('', iter([])))")
    run(python, "-m", "recipe.mrpo.judge", "--help")


@pytest.mark.long
def test_the_wheel_works_outside_the_checkout(wheel, tmp_path):
    """In an environment that holds the wheel alone; its dependencies are read from the environment of this test."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    # On PYTHONPATH pip would find the checkout's metadata and take the wheel for installed.
    subprocess.run(install, check=True, env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"})
    # A .pth in a folder that another .pth adds is not read: the checkout, installed in place there, stays invisible.
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    borrowed = tmp_path / "venv" / "lib" / version / "site-packages" / "borrowed.pth"
    borrowed.write_text(sysconfig.get_path("purelib") + "\n")
    check(python, tmp_path)


@pytest.mark.slow
def test_the_wheel_installs_into_an_empty_environment(wheel, tmp_path):
    """With everything that it asks for, resolved anew."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    settings = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "uv_settings.py")], check=True, capture_output=True, text=True
    ).stdout
    pins = ROOT / "recipe" / "mrpo" / "pins.txt"
    torch = re.search(r"^torch==(\S+)", pins.read_text(), re.MULTILINE)[1]
    install = f"{sys.executable} -m uv pip install --quiet --python {python} --constraint {pins}"
    subprocess.run(["bash", "-ec", f"{settings}\n{install} 'torch=={torch}+cpu' '{wheel}[cpu]'"], check=True)
    check(python, tmp_path)


@pytest.mark.slow
def test_uv_and_pip_resolve_to_the_same_packages(tmp_path):
    pins = ROOT / "recipe" / "mrpo" / "pins.txt"
    torch = re.search(r"^torch==(\S+)", pins.read_text(), re.MULTILINE)[1]
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    wanted = f"--constraint {pins} 'torch=={torch}+cpu' '{ROOT}[cpu,dev]'"
    report = tmp_path / "report.json"
    by_pip = f"{python} -m pip install --quiet --dry-run --report {report} {wanted}"
    settings = f'eval "$({sys.executable} {ROOT}/examples/uv_settings.py)"'
    by_uv = f"{settings}\n{sys.executable} -m uv pip install --dry-run --python {python} {wanted} 2>&1"
    subprocess.run(["bash", "-ec", by_pip], check=True, timeout=900)
    pip_set = {
        (i["metadata"]["name"].lower().replace("_", "-"), i["metadata"]["version"])
        for i in json.loads(report.read_text())["install"]
    }
    listed = subprocess.run(["bash", "-ec", by_uv], check=True, timeout=900, capture_output=True, text=True).stdout
    uv_set = {
        (name.lower().replace("_", "-"), version)
        for name, version in re.findall(r"^ \+ (\S+)==(\S+)", listed, re.MULTILINE)
    }
    assert {p for p in pip_set if p[0] != "verl-mrpo"} == {p for p in uv_set if p[0] != "verl-mrpo"}
