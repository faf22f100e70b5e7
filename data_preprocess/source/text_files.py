"""Text files of any origin: encodings, JSON, JSON lines. Whatever is wrong with one is a sentence with its name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from data_preprocess.source.errors import BadRow, DataError, NotThere, shortened
from data_preprocess.source.hints import kind_of_file


class NotRead(ValueError):
    """A text is not the JSON or YAML it should be; the message says why."""


class DoubledKeys(dict):
    """A JSON object in which keys stand twice; `doubled` names them. Fields read by name refuse them."""

    doubled: frozenset[str] = frozenset()


def encoding_of(file: Path, named: str | None = None) -> str:
    """`named`, or the encoding that the file's first bytes tell (a byte order mark, or UTF-16 and UTF-32 without one).

    Raises DataError for a file that is missing or a folder, a Git-LFS pointer, a web page, or an unknown encoding.
    """
    try:
        with file.open("rb") as stream:
            head = stream.read(512)
    except FileNotFoundError:
        raise NotThere(f"{file} does not exist") from None
    except IsADirectoryError:
        raise DataError(f"{file} is a folder, not a file") from None
    except ValueError as error:  # a NUL in its name
        raise DataError(f"the file name {str(file)!r} cannot be used: {error}") from None
    foreign = kind_of_file(head)
    if foreign is not None:
        raise DataError(f"{file.name} is {foreign}")
    if named is not None:
        try:
            "".encode(named)  # a codec that turns text into bytes
        except (LookupError, TypeError, ValueError):
            raise DataError(f"encoding {named!r} is unknown; try utf-8, utf-16, latin-1 or cp1252") from None
        return named
    return json.detect_encoding(head)


def not_decoded(file: Path, encoding: str) -> DataError:
    """The error of a file that is not text of that encoding."""
    called = encoding.upper().removesuffix("-SIG")
    return DataError(f"{file.name} is not {called} text; save it as UTF-8 (a CSV of `own` may name its `encoding`)")


def read_text(file: Path, encoding: str | None = None) -> str:
    """A text file's content without a byte order mark. Raises DataError."""
    encoding = encoding_of(file, encoding)
    try:
        return file.read_text(encoding=encoding).removeprefix("\ufeff")
    except UnicodeError:
        raise not_decoded(file, encoding) from None


def parse_json(text: str | bytes) -> Any:
    """One JSON value; an object with doubled keys is a DoubledKeys. Raises NotRead for whatever cannot be read."""
    try:
        return json.loads(text, object_pairs_hook=_object)
    except RecursionError:
        raise NotRead("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise NotRead("it is not UTF-8 text; save the file as UTF-8") from None
    except ValueError as error:  # also for an integer of more than 4,300 digits
        raise NotRead(shortened(str(error).partition("; use sys.")[0], 200)) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    names = [name for name, _ in pairs]
    doubled = DoubledKeys(found)
    doubled.doubled = frozenset(name for name in found if names.count(name) > 1)
    return doubled


def read_json(file: Path) -> Any:
    """A JSON file's content. Raises DataError naming the file."""
    try:
        return parse_json(read_text(file))
    except NotRead as error:
        raise DataError(f"{file.name} is no JSON (truncated download?): {error}") from None


def read_json_list(file: Path) -> list[Any]:
    """A JSON file that must hold a list. Raises DataError naming the file."""
    content = read_json(file)
    if not isinstance(content, list):
        raise DataError(f"{file.name} must hold a JSON list of records, not {type(content).__name__}")
    return content


def read_json_lines(file: Path) -> Iterator[tuple[str, Any]]:
    """The values of a file with one JSON value a line, as ("line 7", value); a line that is not JSON comes as BadRow.

    Raises DataError if the file cannot be read at all.
    """
    encoding = encoding_of(file)
    with file.open("rb") if encoding == "utf-8" else file.open(encoding=encoding, newline="\n") as stream:
        try:
            for number, line in enumerate(stream, start=1):
                if not line.strip():
                    continue
                where = f"line {number}"
                try:
                    yield where, parse_json(line)
                except NotRead as error:
                    yield where, BadRow(file, where, f"no JSON: {error}")
        except UnicodeError:
            raise not_decoded(file, encoding) from None


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses a key that occurs twice; YAML's own loader would take the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise NotRead(f"the key {doubled[0]} stands twice")
        return super().construct_mapping(node, deep)


def read_yaml(file: Path) -> Any:
    """A YAML file's content. Raises DataError naming the file."""
    try:
        return yaml.load(read_text(file), Loader=_Loader)
    except RecursionError:
        raise DataError(f"{file.name} is no YAML: it is nested too deeply") from None
    except (yaml.YAMLError, ValueError, OverflowError, AttributeError, TypeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{file.name} is no YAML: {shortened(str(error))}") from None
