"""May a row leave this machine? The one reading of `extra_info.may_leave_machine`, for start-up, run and tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

MAY_LEAVE_MACHINE = "may_leave_machine"


def may_leave_machine(extra_info: Mapping[str, Any] | None, *, row: str) -> bool:
    """The flag of a row; True for a row without one, because files made elsewhere do not have it.

    Raises ValueError naming the column and `row` for a value that is neither true nor false, null included: an unclear
    value is treated neither as permission nor as a prohibition.
    """
    value = (extra_info or {}).get(MAY_LEAVE_MACHINE, True)
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(
            f"extra_info.{MAY_LEAVE_MACHINE} of {row} is {value!r}, neither true nor false; write a boolean, false for "
            "a row that only judges on this machine may see."
        )
    return bool(value)
