"""A run in the terminal: metrics per step, validation before and after, and a few rollouts step by step."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from recipe.mrpo.report.run_files import dump, metrics_by_step, steps_of

ROWS = (
    ("reward: answer", "mrpo/reward/answer"),
    ("reward: process", "mrpo/reward/process"),
    ("reward: length", "mrpo/reward/length"),
    ("wrong answers", "mrpo/wrong_answers"),
    ("steps per rollout", "mrpo/steps_per_rollout"),
    ("valid steps", "mrpo/valid_steps"),
    ("first failure (FFP)", "mrpo/ffp"),
    ("tokens pushed up", "mrpo/tokens/up"),
    ("tokens pushed down", "mrpo/tokens/down"),
    ("tokens left alone", "mrpo/tokens/unchanged"),
    ("steps without a token", "mrpo/unaligned_steps"),
    ("judge failures", "mrpo/judge/failures_total"),
    ("KL loss", "actor/kl_loss"),
    ("gradient norm", "actor/grad_norm"),
    ("rollout/training probs corr.", "training/rollout_actor_probs_pearson_corr"),
    ("seconds", "timing_s/step"),
)
VALIDATION = ("acc", "answer_reward", "process_reward", "length_reward", "steps", "valid_steps", "ffp", "well_formed")


def safe(text: str) -> str:
    """Text of a model without control characters, which a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in text)


def metrics_table(steps: dict[int, dict[str, float]]) -> Table:
    """One column per training step."""
    table = Table(title="Training", title_justify="left")
    table.add_column("")
    training = {number: data for number, data in steps.items() if number > 0}
    for number in training:
        table.add_column(f"step {number}", justify="right")
    for name, key in ROWS:
        if any(key in data for data in training.values()):
            table.add_row(name, *(f"{data[key]:.4g}" if key in data else "-" for data in training.values()))
    return table


def validation_table(steps: dict[int, dict[str, float]]) -> Table | None:
    """Per data source, the numbers of the first and the last validation."""
    validated = [n for n, data in steps.items() if any(key.startswith("val-core/") for key in data)]
    if not validated:
        return None
    table = Table(title="Validation", title_justify="left")
    table.add_column("")
    for number in dict.fromkeys((validated[0], validated[-1])):
        table.add_column("before" if number == 0 else f"after step {number}", justify="right")
    sources = sorted({key.split("/")[1] for n in validated for key in steps[n] if key.startswith("val-core/")})
    for source in sources:
        for name in VALIDATION:
            cells = [_validation_value(steps[n], source, name) for n in dict.fromkeys((validated[0], validated[-1]))]
            if any(cell is not None for cell in cells):
                table.add_row(f"{source}: {name}", *("-" if c is None else f"{c:.4g}" for c in cells))
    return table


def _validation_value(data: dict[str, float], source: str, name: str) -> float | None:
    for key, value in data.items():
        section, _, rest = key.partition("/")
        if section.startswith("val-") and rest.startswith(f"{source}/{name}/mean@"):
            return value
    return None


def interest(row: dict[str, Any]) -> tuple:
    """Sort key: wrong rollouts with valid and invalid steps first, then other wrong ones, then the right ones."""
    record = row["mrpo"]
    labels = record["labels"] or []
    return (not (record["wrong"] and 0 in labels and 1 in labels), not record["wrong"], -len(labels), row["uid"])


def choose(rows: Iterable[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """Up to `count` rollouts worth reading, the last a right one if there is any."""
    ranked = sorted((row for row in rows if row.get("mrpo")), key=interest)
    chosen = ranked[:count]
    right = [row for row in ranked if not row["mrpo"]["wrong"]]
    if right and right[0] not in chosen and chosen:
        chosen[-1] = right[0]
    return chosen


def rollout_text(row: dict[str, Any]) -> Text:
    """One rollout: its case, its rewards, and each step coloured by what shaping did to it."""
    record = row["mrpo"]
    advantage = record.get("advantage")
    shown = "-" if advantage is None else f"{advantage:+.3f}"
    text = Text()
    case = record.get("case") or {}
    text.append(safe(case.get("question") or row["input"].strip().splitlines()[0]), style="bold")
    text.append(f"\n  gold: {safe(str(row['gts']))}    answer: ", style="default")
    text.append(safe(record["answer"] or "(none)"), style="red" if record["wrong"] else "green")
    rewards = ", ".join(
        f"{name} {'-' if value is None else f'{value:+.2f}'}" for name, value in record["rewards"].items()
    )
    text.append(f"\n  A = {shown}    {rewards}    judge: {record['judge_status']}\n")
    for k, step in enumerate(record["steps"]):
        given = (record.get("step_advantages") or [None] * len(record["steps"]))[k]
        label = "?" if record["labels"] is None else "valid" if record["labels"][k] else "invalid"
        factor = "" if not given or not advantage else f" x{abs(given / advantage):.2f}"
        amount = "   -   " if given is None else f"{given:+7.3f}"
        text.append(f"  {amount}{factor:7} {label:8} ", style="default")
        text.append(safe(step) + "\n", style=_colour(given, advantage, record))
    return text


def _colour(given: float | None, advantage: float | None, record: dict[str, Any]) -> str:
    """Green: pushed up; red: pushed down, the harder the stronger; grey: left alone."""
    if given is None or not advantage or not record["wrong"] or record["labels"] is None:
        return "bright_black"
    if given > 0:
        return "green"
    ratio = abs(given / advantage)
    return "bold bright_red" if ratio > 2 else "bright_red" if ratio > 1.3 else "red"


def render(run: Path, console: Console, *, rollouts: int) -> None:
    """Print the summary of a run folder. Raises ValueError if there is nothing to show."""
    steps = metrics_by_step(run)
    if not steps:
        raise ValueError(f'{run} has no metrics/*.jsonl; add trainer.logger=\'["console","file"]\' to the run')
    console.print(metrics_table(steps))
    validation = validation_table(steps)
    if validation is not None:
        console.print(validation)
    dumped = steps_of(run, "rollouts")
    if dumped:
        console.print(f"\nRollouts of step {dumped[-1]}: green pushed up, red pushed down, grey left alone\n")
        for row in choose(dump(run, "rollouts", dumped[-1]), rollouts):
            console.print(rollout_text(row))


def show(run: Path, *, svg: Path | None = None, rollouts: int = 3) -> None:
    """Print the summary to the terminal, and as a picture to `svg`."""
    console = Console(record=svg is not None, width=120 if svg is not None else None, highlight=False)
    render(run, console, rollouts=rollouts)
    if svg is not None:
        console.save_svg(str(svg), title="make quickstart")
