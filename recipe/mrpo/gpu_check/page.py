"""The report as a Markdown block, for docs/gpu.md or an issue."""

from __future__ import annotations

from collections.abc import Sequence

from recipe.mrpo.gpu_check.result import Result

PRECISE = 1e-3


def number(value: object) -> str:
    """A figure in few characters."""
    if isinstance(value, float):
        return f"{value:.1e}" if value and abs(value) < PRECISE else f"{value:.4g}"
    return str(value)


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def markdown(results: Sequence[Result], *, head: str) -> str:
    """A table of the checks, and below it their figures."""
    lines = [head, "", "| check | state | device | s | |", "| --- | --- | --- | --- | --- |"]
    for one in results:
        says = "; ".join(filter(None, (one.says, one.do)))
        lines.append(f"| {one.name} | {one.state} | {one.device} | {one.seconds:.0f} | {cell(says)} |")
    lines += ["", "| check | figure | value |", "| --- | --- | --- |"]
    for one in results:
        lines += [f"| {one.name} | {cell(name)} | {cell(number(value))} |" for name, value in one.figures.items()]
    return "\n".join(lines) + "\n"
