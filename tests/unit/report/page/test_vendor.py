"""The bundled libraries are the recorded ones, with their licences."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import recipe.mrpo.report.page.document as document

VENDOR = Path(document.__file__).parent / "vendor"
RECORD = json.loads((VENDOR / "vendor.json").read_text())


def test_the_bundle_and_its_licences_are_the_recorded_ones():
    for name in ("vendor.min.js", "LICENSES.txt"):
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == RECORD[name], "run npm ci && npm run build"


def test_every_library_in_the_bundle_has_its_licence_in_the_package():
    licences = (VENDOR / "LICENSES.txt").read_text()
    for name, known in RECORD["packages"].items():
        assert known["license"] in ("ISC", "MIT", "BSD-3-Clause"), name
        assert f"\n{name} {known['version']} ({known['license']})\n" in licences


def test_the_versions_asked_for_are_the_versions_inside():
    asked = json.loads((VENDOR / "package.json").read_text())["devDependencies"]
    locked = json.loads((VENDOR / "package-lock.json").read_text())["packages"]
    for name, version in asked.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), f"{name}: an exact version"
        assert locked[f"node_modules/{name}"]["version"] == version
    for name, known in RECORD["packages"].items():
        assert locked[f"node_modules/{name}"]["version"] == known["version"]


def test_the_bundle_neither_evaluates_text_nor_reads_the_network():
    source = (VENDOR / "vendor.min.js").read_text()
    for word in ("eval(", "new Function", "fetch(", "XMLHttpRequest", "document.write"):
        assert word not in source
