"""Checks that do not hold, hang or die: what the command must say of them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from recipe.mrpo.gpu_check.result import CheckFailed, NotHere, Outcome
from recipe.mrpo.gpu_check.setting import Setting


def holds(setting: Setting) -> Outcome:
    return Outcome("all is well", {"device": setting.device, "platform": os.environ.get("VERL_PLATFORM", "")})


def does_not_hold(setting: Setting) -> Outcome:
    raise CheckFailed("2 is not 3", "count again.")


def is_not_possible(setting: Setting) -> Outcome:
    raise NotHere("an abacus")


def raises(setting: Setting) -> Outcome:
    raise RuntimeError("CUDA error: an illegal memory access\nmore lines")


def dies(setting: Setting) -> Outcome:
    os._exit(139)


def hangs_with_a_child(setting: Setting) -> Outcome:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    (Path(setting.out) / "child").write_text(str(child.pid))
    time.sleep(600)
    return Outcome("never")
