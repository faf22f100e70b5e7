"""Are the versions installed that were tested together?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from recipe.mrpo.doctor.check import Check

DISTRIBUTION = "verl-mrpo"
# Of what verl 0.9.1 needs to run beside a GPU and names in its extras only, as its own images have it.
RUNTIME = ("torch", "TransferQueue>=0.1.10", "qwen-vl-utils")


def read_pins(file: Path) -> dict[str, str]:
    """Package to version from a constraints file of `name==version` lines."""
    lines = (line.split("#")[0].strip() for line in file.read_text().splitlines())
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines if "==" in line)}


def installed_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def requirements(distribution: str, extra: str) -> list[Requirement]:
    """What `distribution` asks for on this machine with that extra ("": none); [] if it is not installed."""
    try:
        found = [Requirement(text) for text in metadata.requires(distribution) or ()]
    except metadata.PackageNotFoundError:
        return []
    return [r for r in found if r.marker is None or r.marker.evaluate({"extra": extra})]


def check_versions(
    pins: Mapping[str, str],
    needed: Iterable[Requirement],
    installed: Callable[[str], str | None],
) -> Check:
    """Every needed package is there, in the pinned version if it has a pin that the requirement allows.

    A requirement of verl that our pin does not meet (its GPU stack has another torch than ours without a GPU) is held
    to its own range. A local suffix such as +cpu is no difference.
    """
    wrong, seen = [], 0
    for requirement in needed:
        name = canonicalize_name(requirement.name)
        pin, found = pins.get(name), installed(name)
        wanted = f"=={pin}" if pin and requirement.specifier.contains(pin) else str(requirement.specifier)
        seen += 1
        if found is None:
            wrong.append(f"{name}{wanted} is missing")
        elif wanted and not Requirement(name + wanted).specifier.contains(Version(found).public, prereleases=True):
            wrong.append(f"{name} is {found}, tested with {wanted.removeprefix('==')}")
    if pins.get("verl") and installed("verl") not in (pins["verl"], None) and not any("verl is" in w for w in wrong):
        wrong.insert(0, f"verl is {installed('verl')}, tested with {pins['verl']}")
    if not wrong:
        return Check("versions", True, f"verl {installed('verl')} and {seen - 1} more as tested")
    return Check(
        "versions", False, "; ".join(wrong),
        "pip install -e '.[gpu]' beside a GPU, examples/install_cpu.sh without one (docs/gpu.md).",
    )  # fmt: skip


def needed_here(on_cpu: bool) -> list[Requirement]:
    """What this package asks for, with its cpu extra on CPU; beside a GPU also what verl itself asks for."""
    ours = requirements(DISTRIBUTION, "cpu" if on_cpu else "")
    known = {canonicalize_name(r.name) for r in ours}
    theirs = [] if on_cpu else [*requirements("verl", ""), *map(Requirement, RUNTIME)]
    return ours + [r for r in theirs if canonicalize_name(r.name) not in known]
