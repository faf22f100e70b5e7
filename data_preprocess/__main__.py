"""`python -m data_preprocess`: the list of datasets, or one of them with its options."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from data_preprocess import datasets
from recipe.mrpo.common.load import is_own

USAGE = "usage: python -m data_preprocess <dataset or tool> [options]     (--help after it lists its options)"
TOOLS = {
    "all": "the 13K training mix and all test sets of the study, with their sizes checked",
    "report": "overlap, duplicates and balance of parquet files, as text and HTML",
    "annotate": "gold reasoning for rows that have none, by any OpenAI-compatible model",
    "sample": "balanced sampling and pass-rate curation of parquet files",
}


def main(argv: Sequence[str]) -> int:
    """Run a dataset's command or a tool's. Returns the exit status; 2 for an unknown name."""
    if not argv or argv[0] in ("-h", "--help"):
        print(listing())
        return 0
    name = argv[0] if is_own(argv[0]) else argv[0].replace("-", "_")
    if name in TOOLS:
        import importlib

        return importlib.import_module(f"data_preprocess.tools.{name}").main(argv[1:])
    if name not in datasets.NAMES and not is_own(name):
        print(
            f"{USAGE}\nerror: {argv[0]!r} is neither a dataset nor a tool; run it without arguments for the list",
            file=sys.stderr,
        )
        return 2
    from data_preprocess.command.dataset import main as run_dataset

    return run_dataset([name, *argv[1:]])


def listing() -> str:
    lines = [USAGE, "", "datasets:"]
    for name in datasets.NAMES:
        info = datasets.info(name)
        size = f"test {info.open_test_size}" if info.open_test_size else ""
        lines.append(f"  {name:16} {info.title:16} {size:10} {info.licence}")
    lines += ["", "Your own data set: module:name or folder/file.py:name instead of a name (docs/own_parts.md)."]
    lines += ["", "tools:", *(f"  {name:16} {text}" for name, text in TOOLS.items())]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
