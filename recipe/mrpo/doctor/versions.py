"""Are the versions installed that were tested together?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from recipe.mrpo.doctor.check import Check

DISTRIBUTION = "verl-mrpo"
ENGINES = ("vllm", "sglang")
# Of what verl 0.9.1 needs to run beside a GPU and names in its extras only, as its own images have it. flash-attn: its
# actors load `flash_attention_2` unless told otherwise, which transformers refuses without that package.
RUNTIME = ("torch", "TransferQueue>=0.1.10", "qwen-vl-utils", "flash-attn")


@dataclass(frozen=True)
class Wanted:
    """Packages that must be installed here (`needed`), and packages that must be in range if installed (`fitting`)."""

    pins: Mapping[str, str]
    needed: Sequence[Requirement]
    fitting: Sequence[Requirement] = ()
    one_of: Sequence[str] = ()
    """At least one of these packages must be installed."""


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


def extra_of_verl(name: str) -> list[Requirement]:
    """All that verl asks for with an extra, those of its extras included that the extra names."""
    found: list[Requirement] = []
    for requirement in requirements("verl", name):
        if canonicalize_name(requirement.name) == "verl":
            found += [r for extra in sorted(requirement.extras) for r in extra_of_verl(extra)]
        else:
            found.append(requirement)
    return found


def check_versions(wanted: Wanted, installed: Callable[[str], str | None]) -> Check:
    """Every needed package is there, in the pinned version if it has a pin that the requirement allows.

    A requirement of verl that our pin does not meet is held to its own range. A local suffix such as +cpu is no
    difference.
    """
    wrong: dict[str, str] = {}
    names = set()
    for requirement, must in [*((r, True) for r in wanted.needed), *((r, False) for r in wanted.fitting)]:
        name = canonicalize_name(requirement.name)
        pin, found = wanted.pins.get(name), installed(name)
        names.add(name)
        range_ = f"=={pin}" if pin and requirement.specifier.contains(pin) else str(requirement.specifier)
        if found is None:
            if must:
                wrong.setdefault(name, f"{name}{range_} is missing")
        elif range_ and not Requirement(name + range_).specifier.contains(Version(found).public, prereleases=True):
            wrong.setdefault(name, f"{name} is {found}, tested with {range_.removeprefix('==')}")
    verl = installed("verl")
    if wanted.pins.get("verl") and verl not in (wanted.pins["verl"], None):
        wrong.setdefault("verl", f"verl is {verl}, tested with {wanted.pins['verl']}")
    if verl is None:  # also where our own package, which asks for it, is not installed
        pin = wanted.pins.get("verl")
        wrong.setdefault("verl", f"verl{f'=={pin}' if pin else ''} is missing")
    if wanted.one_of and not any(installed(name) for name in wanted.one_of):
        wrong["engine"] = f"none of {' and '.join(wanted.one_of)} is installed"
    if not wrong:
        return Check("versions", True, f"verl {verl} and {len(names - {'verl'})} more as tested")
    return Check(
        "versions", False, "; ".join(wrong.values()),
        "pip install -e '.[gpu]' and flash-attn beside a GPU, examples/install_cpu.sh without one (docs/gpu.md).",
    )  # fmt: skip


def wanted_here(on_cpu: bool, pins: Mapping[str, str], installed: Callable[[str], str | None]) -> Wanted:
    """What a run on this machine wants: our pins without a GPU, and beside one verl's own stack.

    The pins are those of the stack without a GPU, so beside a GPU only verl's counts. There verl's extra for the
    engine that is installed gives the ranges. Packages that no run imports (pytest, mbridge, …) may be absent.
    """
    if on_cpu:
        return Wanted(pins, requirements(DISTRIBUTION, "cpu"))
    engines = [name for name in ENGINES if installed(name)]
    return Wanted(
        pins={name: pin for name, pin in pins.items() if name == "verl"},
        needed=[*requirements(DISTRIBUTION, ""), *requirements("verl", ""), *map(Requirement, RUNTIME)],
        fitting=[r for engine in engines or ENGINES[:1] for r in extra_of_verl(engine)],
        one_of=ENGINES,
    )
