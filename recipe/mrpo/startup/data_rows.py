"""Every row that a run will read is checked before anything is loaded."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig

from recipe.mrpo.endpoint.privacy import MAY_LEAVE_MACHINE, may_leave_machine
from recipe.mrpo.options.tree import OptionError
from recipe.mrpo.scoring.row import BadRow, Row
from recipe.mrpo.startup.data_files import DataFile, data_files, types_differ
from recipe.mrpo.startup.prompt_and_images import ImageLimits, prompt_fault
from recipe.mrpo.startup.verl_settings import AGENT_LOOP, ONE_RESPONSE

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rows:
    """Facts about the rows of a run."""

    private: bool = False
    """A row may not leave this machine."""
    most_images: int | None = None
    """Images of the row that has most; None: the rows were not looked at."""

    def __or__(self, other: Rows) -> Rows:
        counts = (self.most_images, other.most_images)
        return Rows(self.private or other.private, None if None in counts else max(counts))  # type: ignore[type-var]


def check_rows(data: DictConfig, name: str, *, reasoning_required: bool, limits: ImageLimits) -> Rows:
    """Look at every row of the files `data[name]`.

    Raises OptionError with one sentence, row and file for the first row that a run would drop, misread or fail at: a
    prompt that verl cannot build, images that it cannot open or that are more than `limits`, no gold answer, an
    `extra_info` or a field of it of another type than is read, an unclear `may_leave_machine`, another agent loop, no
    gold reasoning where it is required; and for files that cannot be read or joined.
    """
    if data.get("custom_cls") is not None and data.custom_cls.get("path") is not None:
        logger.warning("data.custom_cls reads data.%s, so its rows are not checked before the run.", name)
        return Rows()
    columns = {"prompt": data.get("prompt_key") or "prompt", "images": data.get("image_key") or "images"}
    private, most_images = False, 0
    flagged: dict[bool, str] = {}
    first: DataFile | None = None
    for file in data_files(data, name):
        _check_columns(file, first, columns["prompt"])
        first = first or file
        where = None
        wanted = (*columns.values(), "reward_model", "extra_info", "data_source", "agent_name")
        for number, row in enumerate(file.rows(wanted)):
            where = f"row {number} of {file.name}"
            fault = row_fault(row, where, **columns, reasoning_required=reasoning_required, limits=limits)
            if fault is not None:
                raise OptionError(fault)
            info = row["extra_info"] or {}
            most_images = max(most_images, len(row.get(columns["images"]) or ()))
            private |= not may_leave_machine(info, row=where)
            flagged.setdefault(MAY_LEAVE_MACHINE in info, where)
        if where is None:
            raise OptionError(f"{file.name} ({file.option}) has no rows; make it with `mrpo data`.")
    if len(flagged) == 2:  # verl joins the files and fills the gaps with null, which is neither true nor false
        raise OptionError(
            f"{flagged[True]} has extra_info.{MAY_LEAVE_MACHINE} and {flagged[False]} has not; write it into every row "
            "of the files that are trained together, or into none."
        )
    return Rows(private, most_images)


def _check_columns(file: DataFile, first: DataFile | None, prompt: str) -> None:
    twice = next((name for name in file.schema.names if file.schema.names.count(name) > 1), None)
    if twice is not None:
        raise OptionError(f"{file.name} has the column {twice} twice; rename one of the two ({file.option}).")
    for column in (prompt, "extra_info", "reward_model"):
        if column not in file.schema.names:
            raise OptionError(
                f"{file.name} has no column {column}; make it with `python -m data_preprocess` ({file.option})."
            )
    if first is None:
        return
    for field in first.schema:
        if field.name in file.schema.names:
            place = types_differ(field.type, file.schema.field(field.name).type, field.name)
            if place is not None:
                raise OptionError(
                    f"{place} has another type in {file.name} than in {first.name}, so verl cannot join them; convert "
                    f"both alike ({file.option})."
                )


def row_fault(
    row: Mapping[str, Any], where: str, *, prompt: str, images: str, reasoning_required: bool, limits: ImageLimits
) -> str | None:
    """The first fault of a row in a sentence; None: a run can train on it. `where` names row and file."""
    loop = row.get("agent_name", AGENT_LOOP)
    if loop != AGENT_LOOP:
        return (
            f"{ONE_RESPONSE}, and {where} asks for {loop!r}; set its agent_name to {AGENT_LOOP}, or leave the column "
            "out."
        )
    for column in ("extra_info", "reward_model"):
        if not isinstance(row[column], (Mapping, type(None))):  # verl itself asks extra_info for its index
            return f"{column} of {where} must be a struct, not {type(row[column]).__name__}."
    info, gold = row["extra_info"] or {}, (row["reward_model"] or {}).get("ground_truth")
    if not _is_text(gold) and not (isinstance(gold, list) and gold and all(map(_is_text, gold))):
        return f"reward_model.ground_truth of {where} must be a text or a list of texts, not {_short(gold)}."
    for field in ("split", "index", "image_id"):
        if not isinstance(info.get(field), (str, int, float, type(None))):
            return f"extra_info.{field} of {where} must be a text or a number, not {_short(info[field])}."
    if not isinstance(row.get("data_source"), (str, type(None))):
        return f"data_source of {where} must be a text, not {_short(row['data_source'])}."
    try:
        may_leave_machine(info, row=where)
        read = Row.of(gold, info, data_source=row.get("data_source"))
    except BadRow as error:
        return f"{where} cannot be scored: {error}."
    except ValueError as error:
        return str(error)
    if reasoning_required and not read.gold_reasoning.strip():
        return (
            f"{where} has no extra_info.gold_reasoning, so its steps cannot be judged; convert the data with "
            "--gold-reasoning, or set ++mrpo.gold_reasoning=optional to train such rows unshaped."
        )
    fault = prompt_fault(row.get(prompt), row.get(images), image_key=images, limits=limits)
    if fault is None:
        return None
    if limits.images_option in fault or limits.pixels_option in fault:
        return (
            f"{where} {fault}; raise the limit, or make the file again with a smaller one (--max-images, "
            "--max-row-pixels; --skip-bad leaves such rows out)."
        )
    return f"{where} {fault}; correct it, or make the file with `python -m data_preprocess`."


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _short(value: Any) -> str:
    return ascii(value)[:80]
