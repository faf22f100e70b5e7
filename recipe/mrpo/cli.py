"""The console command `mrpo`: one word for each thing that is not training itself.

    mrpo doctor --data train.parquet --model MODEL     # is this machine ready?
    mrpo doctor --plan | --run                         # what will a run need; does this machine train?
    mrpo data vqa_rad --source DIR --out DIR           # data sets to parquet (python -m data_preprocess)
    mrpo judge audit | distil | cache                  # measure a judge, teach one, look into its cache
    mrpo evaluate --model CHECKPOINT --data FILE --out DIR   # answers of a model, judgements of them, figures
    mrpo score RUN                                     # accuracy, reasoning, intervals, tables of any run
    mrpo compare RUN RUN ...                           # runs on the same questions: what differs, and is it chance?
    mrpo report RUN ... --html FILE                    # one run or several as a page; without --html in the terminal
    mrpo explain RUN [ROLLOUT]                         # the arithmetic of one rollout, step by step
    mrpo watch RUN_DIR                                 # a running job in the terminal
    mrpo backbones | methods                           # the tables

Training stays verl's own command: python -m verl.trainer.main_ppo --config-name mrpo ...
"""

from __future__ import annotations

import argparse
import os
import runpy
import signal
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib.util import find_spec

from recipe.mrpo import __version__

DELEGATES = {  # first word: the module whose own command line takes the rest
    "data": "data_preprocess",
    "judge": "recipe.mrpo.judge",
    "evaluate": "recipe.mrpo.evaluate",
    "score": "recipe.mrpo.evaluate.scores",
    "compare": "recipe.mrpo.evaluate.scores.compare",
    "report": "recipe.mrpo.report",
    "explain": "recipe.mrpo.report.explain",
    "watch": "recipe.mrpo.report.watch",
    "backbones": "recipe.mrpo.backbones",
    "methods": "recipe.mrpo.methods",
}


def delegate(module: str, arguments: Sequence[str]) -> int:
    """Run `python -m module arguments` in this process; its exit status."""
    spec = find_spec(module)
    package = spec is not None and spec.submodule_search_locations is not None
    if spec is None or (package and find_spec(f"{module}.__main__") is None):
        print(f"error: {module} has no command line in this version.", file=sys.stderr)
        return 2
    before, sys.argv = sys.argv, [f"python -m {module}", *arguments]
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # as `python -m` does, so that a user's own module is found
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as leave:
        if isinstance(leave.code, str):
            print(leave.code, file=sys.stderr)
            return 1
        return leave.code or 0
    finally:
        sys.argv = before
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status. Without a word: its help, and exit status 2.

    A reader that has seen enough (`mrpo … | head`) ends it without a word, with the status of SIGPIPE in a shell.
    """
    try:
        code = _main(argv)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python flushes what is left when it ends
        return 128 + signal.SIGPIPE
    return code


def _main(argv: Sequence[str] | None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    if not words:
        print(__doc__, file=sys.stderr)
        return 2
    if words == ["--version"]:
        print(f"mrpo {__version__}")
        return 0
    if words[:1] == ["doctor"] and "--plan" in words:
        from recipe.mrpo.doctor.plan.command import main as plan
        from recipe.mrpo.startup.compose import compose_config

        return plan([word for word in words[1:] if word != "--plan"], compose=compose_config)
    if words[:1] == ["doctor"] and "--run" in words:
        from recipe.mrpo.gpu_check.command import main as check

        return check([word for word in words[1:] if word != "--run"])
    if words and words[0] in DELEGATES:
        return delegate(DELEGATES[words[0]], words[1:])
    if words and not words[0].startswith("-") and words[0] != "doctor":
        close = get_close_matches(words[0], ["doctor", *DELEGATES], n=1)
        meant = f"did you mean mrpo {close[0]}?" if close else f"there are doctor, {', '.join(DELEGATES)}."
        print(f"error: mrpo {words[0]} is unknown; {meant}", file=sys.stderr)
        return 2
    parser = argparse.ArgumentParser(
        prog="mrpo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="doctor | " + " | ".join(DELEGATES))
    from recipe.mrpo.doctor.command import add_arguments, run

    add_arguments(
        commands.add_parser(
            "doctor",
            help="check this machine",
            description="Is this machine ready for a run? `mrpo doctor --plan --help`: the memory, disk and time that "
            "a run needs. `mrpo doctor --run --help`: small real runs on this machine's device.",
        )
    )
    return run(parser.parse_args(words))


if __name__ == "__main__":
    sys.exit(main())
