"""Rubrics as folders: `rubrics/<name>/`, or a user's own folder.

system.txt    what the judge is told; it may hold {{data}} and {{untrusted}}, which stand for the shared texts
rubric.yaml   its grades and when they make a step valid; without it, the grades of the study
case.txt      {{case_json}} stands for the case     these and the texts that an option adds are the shared ones,
steps.txt     {{steps_json}} for the steps          unless the folder has its own
overall.txt   asks for a grade of the whole; {{entry}} stands for an example of a step's entry
reasons.txt   asks for a reason with each step
verdict.txt   asks whether the answer is right, in the same call
answer.txt    the question about the answer alone (answer.py)
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from recipe.mrpo.judge.chat.grades import STUDY, Grades

OPTION = "mrpo.judge.openai.rubric"
FOLDERS = Path(__file__).parent / "rubrics"
SHARED = FOLDERS / "shared"
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
_NEEDED = {"case": {"case_json"}, "steps": {"steps_json"}}
_ALLOWED = {"system": {"data", "untrusted"}, "overall": {"entry"}, "reasons": {"entry"}, "verdict": {"entry"}}
_KEYS = ("grades", "valid", "not_applicable")


def rubric_names() -> tuple[str, ...]:
    """Names of the rubrics of this package."""
    return tuple(sorted(folder.parent.name for folder in FOLDERS.glob("*/rubric.yaml")))


@dataclass(frozen=True)
class Rubric:
    """The texts of a prompt and the grades that it asks for; `hash` changes with any of them."""

    system: str
    case: str
    steps: str
    overall: str
    reasons: str
    verdict: str
    grades: Grades

    @classmethod
    def load(cls, name: str | Path, *, counted: Sequence[str] = (), reasons: bool = False) -> Rubric:
        """The rubric of that name, or of a folder. `counted`, `reasons`: as in `Grades`.

        Raises ValueError naming the option if a file is missing, cannot be read, or lacks its placeholder, and for a
        grade that the rubric does not have.
        """
        folder = _folder(name)
        texts = {part: _text(folder, part) for part in (*_NEEDED, *_ALLOWED)}
        for part, needed in _NEEDED.items():
            if set(_PLACEHOLDER.findall(texts[part])) != needed:
                raise ValueError(f"{OPTION}: {part}.txt must hold {{{{{min(needed)}}}}} and no other placeholder.")
        for part, allowed in _ALLOWED.items():
            if unknown := set(_PLACEHOLDER.findall(texts[part])) - allowed:
                raise ValueError(
                    f"{OPTION}: {part}.txt holds {{{{{min(unknown)}}}}}; it may hold {', '.join(sorted(allowed))}."
                )
        grades = _grades(folder)
        try:
            grades = replace(grades, counted=tuple(counted), reasons=reasons)
        except ValueError as error:
            raise ValueError(f"mrpo.judge.openai.valid_grades does not fit {OPTION}={name}: {error}.") from error
        for part in ("data", "untrusted"):
            texts["system"] = texts["system"].replace(f"{{{{{part}}}}}", _text(SHARED, part).rstrip("\n"))
        entry = ({"reason": "\u2026"} if reasons else {}) | dict.fromkeys(grades.names, 1)
        for part in ("overall", "reasons", "verdict"):
            texts[part] = texts[part].replace("{{entry}}", json.dumps(entry, ensure_ascii=False))
        return cls(**texts, grades=grades)

    def instructions(self, *, overall: bool, verdict: bool = False) -> str:
        """The system message; with reasons, a grade of the whole and a verdict on the answer if they are asked for."""
        more = ((self.grades.reasons, self.reasons), (overall, self.overall), (verdict, self.verdict))
        return "\n".join([self.system, *(text for asked, text in more if asked)])

    @property
    def hash(self) -> str:
        return hashlib.sha256(json.dumps(astuple(self)).encode()).hexdigest()[:16]


def rubric_text(name: str | Path, part: str) -> str:
    """`part`.txt of a rubric. Raises ValueError naming the option."""
    return _text(_folder(name), part)


def _folder(name: str | Path) -> Path:
    folder = FOLDERS / name if str(name) in rubric_names() else Path(name)
    if not folder.is_dir():
        known = ", ".join(rubric_names())
        raise ValueError(f"{OPTION}={name} must be one of {known}, or a folder with a system.txt.")
    return folder


def _text(folder: Path, part: str) -> str:
    """`part`.txt of the folder, else the shared one; only a system.txt must be there."""
    file = folder / f"{part}.txt"
    if not file.exists() and part != "system":
        file = SHARED / f"{part}.txt"
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ValueError(f"{OPTION}: {file.name} is missing in {folder}.") from error
    except (OSError, ValueError) as error:  # no right to read it, no UTF-8
        raise ValueError(f"{OPTION}={folder}: {file.name} cannot be read: {error}") from error


def _grades(folder: Path) -> Grades:
    file = folder / "rubric.yaml"
    if not file.exists():
        return STUDY
    try:
        found: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
        if not isinstance(found, dict) or not {"grades", "valid"} <= set(found) <= set(_KEYS):
            raise ValueError(f"it must have grades and valid, and may have {_KEYS[2]}")
        if not isinstance(found["grades"], list):
            raise ValueError("grades must be a list of words")
        return Grades(tuple(found["grades"]), found["valid"], found.get("not_applicable", False))
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{OPTION}: {file} cannot be used: {reason}.") from error
