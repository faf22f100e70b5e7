"""Does verl load the plugin, here and in the processes of workers, and does it still have all places for it?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence

from recipe.mrpo.common.source import module_file
from recipe.mrpo.doctor.check import Check
from recipe.mrpo.hooks import CONDITIONS, HOOKS, MADE_FOR, Hook

STILL = "still importing"
POLICY = "VERL_USE_EXTERNAL_PLUGINS"
# What verl has after its import, as any process of a run sees it.
PROBE = """
import json, sys
import verl
from verl.trainer.ppo import core_algos
from verl.experimental.reward_loop.reward_manager.registry import REWARD_MANAGER
import verl.experimental.reward_loop.reward_manager
print(json.dumps({
    "version": getattr(verl, "__version__", "?"),
    "estimator": "mrpo" in core_algos.ADV_ESTIMATOR_REGISTRY,
    "manager": "mrpo" in REWARD_MANAGER,
    "loaded": "recipe.mrpo.plugin" in sys.modules,
}))
"""


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Environment of a process that imports verl; without a GPU the import shim must be on its path."""
    out = dict(environment)
    if out.get("VERL_PLATFORM", "").lower() == "cpu":
        from recipe.mrpo.cpu import SHIM_DIR

        out["PYTHONPATH"] = os.pathsep.join([str(SHIM_DIR), *filter(None, [out.get("PYTHONPATH")])])
    return out


def probe(cwd: str, environment: Mapping[str, str], limit_s: float) -> tuple[dict | None, str]:
    """What PROBE prints in a fresh process, or None and the last line of its error."""
    try:
        run = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", PROBE], cwd=cwd, env=child_environment(environment),
            capture_output=True, text=True, timeout=limit_s,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return None, f"{STILL} after {limit_s:g} s"
    if run.returncode != 0:
        return None, (run.stderr.strip().splitlines() or ["no message"])[-1]
    return json.loads(run.stdout.strip().splitlines()[-1]), ""


def check_verl(found: dict | None, error: str) -> Check:
    """`import verl` works in a fresh process."""
    if error.startswith(STILL):
        return Check("verl", False, f"import verl: {error}",
                     "wait longer: --timeout 600. A busy machine or a slow disk may need it.")  # fmt: skip
    if found is None:
        return Check("verl", False, f"import verl fails: {error}",
                     "install the versions of recipe/mrpo/pins.txt; without a GPU, set VERL_PLATFORM=cpu.")  # fmt: skip
    return Check("verl", True, f"verl {found['version']} can be imported")


def check_plugin(name: str, found: dict | None, policy: str, where: str) -> Check:
    """The estimator and the reward manager `mrpo` are registered after `import verl`. `policy`: value of POLICY."""
    if found is None:
        return Check(name, None, "verl cannot be imported")
    if found["estimator"] and found["manager"]:
        return Check(name, True, f"adv_estimator=mrpo and reward manager mrpo are registered {where}")
    if policy and policy.lower() not in ("auto", "") and "mrpo" not in policy.lower().split(","):
        do = f"{POLICY}={policy} keeps verl from loading it; unset it, or add mrpo to its list."
    elif found["loaded"]:
        do = "the plugin is loaded and failed to register: run `python -c 'import verl'` and read its log."
    else:
        do = "install this package in the Python that runs verl: pip install -e . (entry point verl.plugins)."
    return Check(name, False, f"verl has no adv_estimator=mrpo {where}", do)


def check_processes(environment: Mapping[str, str], limit_s: float) -> list[Check]:
    """verl and the plugin in a process started here, and in one started elsewhere, as Ray starts its workers."""
    policy = environment.get(POLICY, "")
    here, error = probe(os.getcwd(), environment, limit_s)
    with tempfile.TemporaryDirectory() as elsewhere:
        # Where even this process has no plugin, another one would say the same.
        worker = probe(elsewhere, environment, limit_s)[0] if here and here["estimator"] else here
    return [
        check_verl(here, error),
        check_plugin("plugin", here, policy, "in a process started here"),
        check_plugin("workers", worker, policy, "in a process started in another directory, as workers are"),
    ]


def check_hooks(hooks: Sequence[Hook] = HOOKS) -> list[Check]:
    """Each place of verl that a part of MRPO is put into: is it as the part needs it? Reads verl's sources only."""
    if module_file("verl") is None:
        return [Check("hooks", False, "verl is not installed", f"install verl=={MADE_FOR}.")]
    return [check_hook(hook) for hook in hooks]


def check_hook(hook: Hook) -> Check:
    """One row of the table. A place that only some runs need is named with them."""
    runs = "" if hook.needed == "always" else f" ({CONDITIONS[hook.needed]})"
    function = hook.target.rpartition(":")[2].rpartition(".")[2]
    if hook.needless():
        return Check("hooks", True, f"{hook.module}: verl does this itself, so {function} does nothing{runs}")
    found = hook.differences()
    if found:
        return Check("hooks", False, f"lost: {'; '.join(found)}, so {hook.lost}{runs}", f"install verl=={MADE_FOR}.")
    return Check("hooks", True, f"{hook.module}: {function}{runs}")
