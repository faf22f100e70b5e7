"""One check in a process of its own: `python -m recipe.mrpo.gpu_check.child FUNCTION SETTING RESULT`."""

from __future__ import annotations

import importlib
import json
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from recipe.mrpo.gpu_check.result import FAILED, NOT_HERE, OK, CheckFailed, NotHere
from recipe.mrpo.gpu_check.setting import Setting

REPORT = "read the log; if it is a fault of this package, report it with the log."


def run_check(place: str, setting: Setting) -> dict:
    """State, words and figures of the check `package.module:function`, whatever it raises."""
    module, _, function = place.partition(":")
    try:
        outcome = getattr(importlib.import_module(module), function)(setting)
    except CheckFailed as error:
        return {"state": FAILED, "says": error.says, "do": error.do}
    except NotHere as error:
        return {"state": NOT_HERE, "says": "", "do": str(error)}
    except Exception as error:  # a check may raise anything, and the others go on
        traceback.print_exc()
        first = (str(error).strip().splitlines() or [""])[0]
        return {"state": FAILED, "says": f"{type(error).__name__}: {first[:300]}", "do": REPORT}
    return {"state": OK, "says": outcome.says, "figures": dict(outcome.figures)}


def main(words: Sequence[str]) -> int:
    place, setting, result = words
    given = Setting.read(Path(setting))
    if not given.on_gpu:
        from recipe.mrpo.cpu import apply_shim

        apply_shim()
    Path(result).write_text(json.dumps(run_check(place, given)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
