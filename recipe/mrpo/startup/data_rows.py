"""Every row that a run will read is looked at before anything is loaded."""

from __future__ import annotations

import os

from omegaconf import DictConfig

from recipe.mrpo.options.tree import OptionError
from recipe.mrpo.startup.verl_settings import AGENT_LOOP, ONE_RESPONSE


def _files(data: DictConfig, name: str) -> list[str]:
    files = data.get(name)
    return [] if files is None else [files] if isinstance(files, str) else [str(f) for f in files]


def check_rows(data: DictConfig, name: str, *, reasoning_required: bool) -> bool:
    """Read the `extra_info` of every row of the local parquet files `data[name]`; True if a row may not leave here.

    Raises OptionError if a local file is not there; if `reasoning_required` and a row has no gold reasoning to judge
    its steps against; if the column `agent_name`, by which verl chooses the agent loop of a row, names another one
    than the single-turn loop; if `may_leave_machine` is no boolean, or only some rows of what verl will join have it.
    """
    import pyarrow.parquet as pq

    from recipe.mrpo.endpoint.privacy import MAY_LEAVE_MACHINE, may_leave_machine

    private = False
    flagged: dict[bool, str] = {}
    for file in _files(data, name):
        path = os.path.expanduser(file)
        if "://" not in path and not os.path.exists(path):
            raise OptionError(
                f"{file} does not exist; set data.{name} (DATA_DIR of the example scripts) to what `mrpo data` made."
            )
        if "://" in path or not path.endswith(".parquet"):
            continue  # a remote or JSON file: verl fetches it later, and each row that lacks reasoning is counted
        parquet = pq.ParquetFile(path)
        columns = [name for name in ("extra_info", "agent_name") if name in parquet.schema_arrow.names]
        if "extra_info" not in columns:
            raise OptionError(
                f"{file} has no column extra_info; make it with `python -m data_preprocess` (data.{name})."
            )
        row = 0
        for batch in parquet.iter_batches(columns=columns, batch_size=4096):
            for given in batch.to_pylist():
                loop = given.get("agent_name", AGENT_LOOP)
                if loop != AGENT_LOOP:
                    raise OptionError(
                        f"{ONE_RESPONSE}, and row {row} of {file} asks for {loop!r}; set its agent_name to "
                        f"{AGENT_LOOP}, or leave the column out."
                    )
                info = given["extra_info"] or {}
                flagged.setdefault(MAY_LEAVE_MACHINE in info, f"row {row} of {file}")
                try:
                    private |= not may_leave_machine(info, row=f"row {row} of {file}")
                except ValueError as error:
                    raise OptionError(str(error)) from error
                if reasoning_required and not str(info.get("gold_reasoning") or "").strip():
                    raise OptionError(
                        f"row {row} of {file} (data.{name}) has no extra_info.gold_reasoning, so its steps cannot "
                        "be judged; convert the data with --gold-reasoning, or set ++mrpo.gold_reasoning=optional to "
                        "train such rows unshaped."
                    )
                row += 1
    if len(flagged) == 2:  # verl joins the files and fills the gaps with null, which the reward manager refuses
        raise OptionError(
            f"{flagged[True]} has extra_info.{MAY_LEAVE_MACHINE} and {flagged[False]} has not; write it into every row "
            "of the files that are trained together, or into none."
        )
    return private
