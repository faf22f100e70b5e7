"""The judge's command line.

mrpo judge cache stats  labels.db                  # entries and size of a label cache
mrpo judge cache export labels.db > labels.jsonl   # one JSON line an entry: key, labels, time
mrpo judge cache prune  labels.db --max-mb 100     # the oldest entries go
mrpo judge audit runs/x/rollouts/*.jsonl --data train.parquet mrpo.judge.name=openai mrpo.judge.openai.model=NAME
                                                   # how far a second judge agrees with the labels of a run
mrpo judge distil runs/x --data train.parquet --out DIR   # the run's labels as SFT data for a judge of one's own
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from recipe.mrpo.common.printable import printable
from recipe.mrpo.evaluate import cache_command as cache_tool
from recipe.mrpo.evaluate.distil import command as distil_tool
from recipe.mrpo.evaluate.judge_audit import command as audit_tool
from recipe.mrpo.options.command_line import split_options


def main(argv: Sequence[str] | None = None) -> int:
    """0: done; 1: a file or a judge cannot be used; one sentence says why."""
    parser = argparse.ArgumentParser(
        prog="mrpo judge", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for tool in (cache_tool, audit_tool, distil_tool):
        tool.add_command(commands)
    options, others = split_options(sys.argv[1:] if argv is None else argv)
    arguments = parser.parse_args(others)
    if options and arguments.command not in ("audit", "distil"):
        parser.error(f"unrecognized arguments: {' '.join(options)}")
    arguments.options = options
    try:
        return arguments.run(arguments)
    except KeyboardInterrupt:
        print("stopped; what was judged is in the cache, if one was given", file=sys.stderr)
        return 130
    except (ValueError, PermissionError, OSError) as error:
        print(f"error: {printable(error)}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
