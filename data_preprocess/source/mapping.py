"""The mapping file of a user's own data: the meaning of the columns, read and checked."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from data_preprocess.source.errors import DataError, shown
from data_preprocess.source.records import CHOICE, SHORT, TASKS
from data_preprocess.source.text_files import read_yaml

SPLITS = ("train", "validation", "test")
REQUIRED = ("question", "answer", "image")
OPTIONAL = (
    "split", "record_id", "answer_type", "question_type", "modality", "organ", "language", "context", "gold_reasoning",
    "gold_source",
)  # fmt: skip
KEYS = ("name", "file", "images", "columns", "optional_columns", "split", "splits", "alternatives", "image_separator",
        "delimiter", "encoding", "licence", "may_leave_machine", "choices", "choice_separator", "task")  # fmt: skip
TEXTS = ("images", "alternatives", "image_separator", "choice_separator", "delimiter", "encoding", "licence")


def read_mapping(file: Path) -> dict[str, Any]:
    """A mapping file, checked. Raises DataError naming the missing or unknown key."""
    if not file.exists():
        raise DataError(f"the mapping file {file} does not exist")
    mapping = read_yaml(file)
    if not isinstance(mapping, dict):
        raise DataError(f"{file.name} must hold keys and values")
    _known(file, mapping, KEYS, "key")
    for name in ("name", "file", "columns"):
        if not mapping.get(name):
            raise DataError(f"{file.name} lacks {name}")
    columns = mapping["columns"]
    if not isinstance(columns, dict) or set(columns) != set(REQUIRED):
        raise DataError(f"{file.name}: columns must name exactly {', '.join(REQUIRED)}")
    mapping["image_columns"] = _image_columns(file, columns.pop("image"))
    mapping["optional_columns"] = mapping.get("optional_columns") or {}
    for key in ("optional_columns", "splits"):
        if not isinstance(mapping.get(key) or {}, dict):
            raise DataError(f"{file.name}: {key} must hold names and values")
    _known(file, mapping["optional_columns"], OPTIONAL, "optional column")
    mapping["splits"] = {_called(name): split for name, split in (mapping.get("splits") or {}).items()}
    _check_task(file, mapping)
    _check_files(file, mapping)
    _check_texts(file, mapping)
    if not isinstance(mapping.get("may_leave_machine", False), bool):
        raise DataError(f"{file.name}: may_leave_machine must be true or false")
    return mapping


def _check_task(file: Path, mapping: dict[str, Any]) -> None:
    """`choices`: a column or several; a multiple choice needs them, and no other task has them."""
    given = mapping.get("choices")
    columns = given if isinstance(given, list) else [] if given is None else [given]
    if any(not isinstance(name, str) or not name for name in columns) or len(set(columns)) < len(columns):
        raise DataError(f"{file.name}: choices must be a column or a list of columns, not {shown(given)}")
    mapping["choices"] = tuple(columns)
    task = mapping.setdefault("task", CHOICE if columns else SHORT)
    if task not in TASKS:
        raise DataError(f"{file.name}: task {shown(task)} is not one of {', '.join(TASKS)}")
    if (task == CHOICE) != bool(columns):
        raise DataError(f"{file.name}: task {CHOICE} and the key choices need each other; give both or neither")


def _image_columns(file: Path, given: Any) -> tuple[str, ...]:
    """The columns of the images, in the order in which a row shows them."""
    columns = given if isinstance(given, list) else [given]
    if not columns or any(not isinstance(name, str) or not name for name in columns):
        raise DataError(f"{file.name}: columns.image must be a column or a list of columns, not {shown(given)}")
    if len(set(columns)) < len(columns):
        raise DataError(f"{file.name}: columns.image names a column twice: {shown(given)}")
    return tuple(columns)


def files_of(mapping: dict[str, Any], folder: Path, split: str) -> list[Path]:
    """The files of a split, in order. Raises DataError if a pattern fits none."""
    pattern = files_by_split(mapping)[split]
    if "*" not in pattern:
        return [folder / pattern]
    try:
        found = sorted(file for file in folder.glob(pattern) if file.is_file())
    except (ValueError, NotImplementedError) as error:
        raise DataError(f"the file pattern {pattern} cannot be used: {error}") from error
    if not found:
        raise DataError(f"no file of {folder} is called {pattern}")
    return found


def files_by_split(mapping: dict[str, Any]) -> dict[str, str]:
    """Split -> file name or pattern; one name stands for the split of rows that do not tell theirs."""
    files = mapping["file"]
    return files if isinstance(files, dict) else {mapping.get("split", "train"): files}


def _called(name: Any) -> str:
    """The name of a split in its column, as cells are read: YAML reads 0 as a number."""
    return str(name) if isinstance(name, (int, float)) and not isinstance(name, bool) else name


def _check_files(file: Path, mapping: dict[str, Any]) -> None:
    files = mapping["file"] if isinstance(mapping["file"], dict) else {}
    patterns = list(files.values()) if files else [mapping["file"]]
    if any(not isinstance(pattern, str) or not pattern for pattern in patterns):
        raise DataError(f"{file.name}: file must be a name, or a name for each split")
    for pattern in patterns:
        path = PurePosixPath(pattern.replace("\\", "/"))
        if path.is_absolute() or not path.parts or ".." in path.parts or ":" in path.parts[0] or "\0" in pattern:
            raise DataError(f"{file.name}: file {shown(pattern)} must be a name inside --source")
    for name in (mapping.get("split", "train"), *files, *(mapping.get("splits") or {}).values()):
        if name not in SPLITS:
            raise DataError(f"{file.name}: split {shown(name)} is not one of {', '.join(SPLITS)}")


def _check_texts(file: Path, mapping: dict[str, Any]) -> None:
    texts = [("name", mapping["name"]), *((key, mapping[key]) for key in TEXTS if key in mapping)]
    texts += [("splits", name) for name in mapping["splits"]]
    texts += [(f"columns.{key}", value) for key, value in mapping["columns"].items()]
    texts += [(f"optional_columns.{key}", value) for key, value in mapping["optional_columns"].items()]
    for key, value in texts:
        if not isinstance(value, str) or not value:
            raise DataError(f"{file.name}: {key} must be text, not {shown(value)}; put it into quotes")
    if len(mapping.get("delimiter", ",")) != 1 or mapping.get("delimiter") in ("\n", "\r", '"'):
        raise DataError(f"{file.name}: delimiter must be one character, such as ';' or \"\\t\" (a tabulator)")


def _known(file: Path, given: dict[str, Any], known: tuple[str, ...], what: str) -> None:
    for name in given:
        if name not in known:
            raise DataError(f"{file.name}: {what} {shown(name)} is unknown; known are {', '.join(known)}")
