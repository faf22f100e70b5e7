"""Processor seconds of starting, part by part: each import in a fresh process, the least of a few starts.

A line is what the part costs beyond those that it is said to need (in brackets), which are imported before the clock
starts. verl imports the plugin in every process of a run, so its line is paid by the driver, every Ray worker and
every vLLM engine; for these two lines verl is told to load no plugin, so that they can be told apart.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

PARTS = (
    ("numpy", "", "import numpy"),
    ("torch", "numpy", "import torch"),
    ("transformers", "torch", "import transformers"),
    ("ray", "", "import ray"),
    ("verl", "torch, ray", "import verl"),
    ("plugin", "verl", "import recipe.mrpo.plugin"),
    ("main_ppo and all that it loads", "verl", "import verl.trainer.main_ppo"),
    ("options", "omegaconf", "from recipe.mrpo.options.tree import load_options; load_options({})"),
    ("steps", "", "import recipe.mrpo.rollout.steps"),
    ("answer reward with its tables", "", "import reward_fns.answer.reward"),
    ("judge's client", "", "import recipe.mrpo.endpoint.client"),
    ("mrpo --help", "", "import recipe.mrpo.cli"),
)
APART = ("verl", "plugin")
MEASURE = """
import time, sys, os
{before}
t = time.process_time()
{code}
print('CPU', time.process_time() - t, 'torch' in sys.modules)
"""


def measure(name: str, needs: str, code: str, repeats: int) -> tuple[float, bool]:
    """Least processor seconds, and whether torch was loaded by then."""
    before = "\n".join(f"import {module}" for module in needs.split(", ") if module)
    env = {**os.environ, **({"VERL_USE_EXTERNAL_PLUGINS": "none"} if name in APART else {})}
    found = []
    for _ in range(repeats):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", MEASURE.format(before=before, code=code)],
            capture_output=True, text=True, check=True, env=env,
        )  # fmt: skip
        line = next(line for line in done.stdout.splitlines() if line.startswith("CPU "))
        found.append((float(line.split()[1]), line.endswith("True")))
    return min(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=2, help="starts of each part (default: %(default)s)")
    parser.add_argument("--max-plugin-s", type=float, help="status 1 if the plugin takes longer")
    args = parser.parse_args()
    plugin = 0.0
    for name, needs, code in PARTS:
        seconds, torch = measure(name, needs, code, args.repeats)
        plugin = seconds if name == "plugin" else plugin
        label = f"{name} [{needs}]" if needs else name
        print(f"{label:<44} {seconds:7.3f} s   torch {'loaded' if torch else 'not loaded'}", flush=True)
    if args.max_plugin_s is not None and plugin > args.max_plugin_s:
        raise SystemExit(f"the plugin takes {plugin:.3f} s, more than {args.max_plugin_s:g}")


if __name__ == "__main__":
    main()
