"""A run in the terminal: metrics per step, validation before and after, and a few rollouts step by step."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from recipe.mrpo.common.printable import printable
from recipe.mrpo.evaluate.rows.dump import group_of
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
    ("judge calls", "mrpo/judge/calls_total"),
    ("judge failures", "mrpo/judge/failures_total"),
    ("KL loss", "actor/kl_loss"),
    ("gradient norm", "actor/grad_norm"),
    ("rollout/training probs corr.", "training/rollout_actor_probs_pearson_corr"),
    ("seconds", "timing_s/step"),
)
VALIDATION = ("acc", "answer_reward", "process_reward", "length_reward", "steps", "valid_steps", "ffp", "well_formed")


COUNTS = ("rollouts_total", "crashed_total", "unknown_answer_total")
"""Of wiring/validation_counts.py."""
MAX_COLUMNS = 8
# Text of a model or of a file: at most this many characters are shown.
safe = partial(printable, limit=1000)


def metrics_table(steps: dict[int, dict[str, float]]) -> Table:
    """One column per training step; of a long run the first, the last and some between."""
    table = Table(title="Training", title_justify="left")
    table.add_column("")
    training = {number: data for number, data in steps.items() if number > 0}
    if len(training) > MAX_COLUMNS:
        numbers = list(training)
        places = [round(i * (len(numbers) - 1) / (MAX_COLUMNS - 1)) for i in range(MAX_COLUMNS)]
        training = {numbers[i]: training[numbers[i]] for i in places}
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
                table.add_row(Text(f"{safe(source)}: {name}"), *("-" if c is None else f"{c:.4g}" for c in cells))
        counts = [denominators(steps[n], source) for n in dict.fromkeys((validated[0], validated[-1]))]
        for name in counts[0] or counts[-1]:
            cells = [f"{count[name]:.0f}" if count else "-" for count in counts]
            table.add_row(Text(f"{safe(source)}: {name}"), *cells)
    return table


def denominators(data: dict[str, float], source: str) -> dict[str, float]:
    """Rollouts behind the means of a validation; empty where they were not counted (a run of another release).

    verl counts a crashed rollout as wrong in `acc` and leaves it out of all other means.
    """
    total, crashed, unknown = (data.get(f"mrpo/val/{source}/{name}") for name in COUNTS)
    if total is None or crashed is None or unknown is None:
        return {}
    return {"rollouts in acc": total - unknown, "rollouts in the others": total - crashed, "crashed": crashed}


def _validation_value(data: dict[str, float], source: str, name: str) -> float | None:
    """The mean over the prompts with most rollouts: those with a crashed one have a mean of fewer (mean@1, mean@2)."""
    found: dict[int, float] = {}
    for key, value in data.items():
        section, _, rest = key.partition("/")
        count = rest.removeprefix(f"{source}/{name}/mean@")
        if section.startswith("val-") and count != rest and count.isascii() and count.isdecimal() and len(count) < 9:
            found[int(count)] = value
    return found[max(found)] if found else None


def interest(row: dict[str, Any]) -> tuple:
    """Sort key: wrong rollouts with valid and invalid steps first, then other wrong ones, then the right ones.

    Within each, those that the group set apart (A is not 0) come first, then those with more steps.
    """
    record = row["mrpo"]
    labels = record["labels"] or []
    mixed = bool(record["wrong"]) and len(set(labels)) == 2
    return (not mixed, not record["wrong"], not record.get("advantage"), -len(labels), row["uid"])


def choose(rows: Iterable[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """Up to `count` rollouts worth reading, of different prompts if possible; the last a right one, if any."""
    ranked = sorted((row for row in rows if row.get("mrpo")), key=interest)
    seen: set[str] = set()
    first, others = [], []
    for row in ranked:
        (others if group_of(row["uid"]) in seen else first).append(row)
        seen.add(group_of(row["uid"]))
    chosen = [*first, *others][:count]
    right = [row for row in ranked if row["mrpo"]["wrong"] is False]
    if len(chosen) > 1 and right and all(row["mrpo"]["wrong"] for row in chosen):
        chosen[-1] = right[0]
    return sorted(chosen, key=interest)


def question_of(row: dict[str, Any]) -> str:
    """The question of a dumped rollout: from its record, or the first line of the user's turn in the prompt."""
    question = (row["mrpo"].get("case") or {}).get("question")
    return str(question or row.get("input", "").rpartition("\nuser\n")[2].strip().partition("\n")[0])


def rollout_view(row: dict[str, Any]) -> Group:
    """One rollout: its case, its rewards, and each step coloured by what shaping did to it."""
    record = row["mrpo"]
    advantage = record.get("advantage")
    head = Text()
    head.append(safe(question_of(row)), style="bold")
    head.append(f"\n  gold: {safe(row.get('gts'))}    answer: ")
    colour_of = {True: "red", False: "green", None: "yellow"}
    head.append(safe(record["answer"] or "(none)"), style=colour_of[record["wrong"]])
    rewards = ", ".join(
        f"{name} {'unknown' if value is None else f'{value:+.2f}'}"
        for name, value in record["rewards"].items()
        if record["weights"][name]
    )
    head.append(f"\n  A {_number(advantage)}    R {row['score']:+.2f} = {safe(rewards)}")
    if record["judge_status"] != "ok":
        head.append(f"\n  judge: {safe(record['judge_status'])}", style="yellow")
    steps = Table.grid(padding=(0, 1), pad_edge=True)
    for justify in ("right", "right", "left", "left"):
        steps.add_column(justify=justify, no_wrap=justify == "right")
    given = record.get("step_advantages") or [None] * len(record["steps"])
    for k, step in enumerate(record["steps"]):
        label = "unknown" if record["labels"] is None else "valid" if record["labels"][k] else "invalid"
        factor = "" if given[k] is None or not advantage else f"x{abs(given[k] / advantage):.2f}"
        steps.add_row(Text(_number(given[k])), Text(factor), Text(label), Text(safe(step), colour(given[k], advantage)))
    return Group(head, steps, Text())


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:+.3f}"


def colour(given: float | None, advantage: float | None) -> str:
    """Green: above the rollout's own advantage; red: below it, the harder the stronger; grey: the same."""
    if given is None or advantage is None or abs(given - advantage) <= 1e-6 * abs(advantage):
        return "bright_black"
    if given > advantage:
        return "green"
    ratio = abs(given / advantage) if advantage else 1.0
    return "bold bright_red" if ratio > 2 else "bright_red" if ratio > 1.3 else "red"


def render(run: Path, console: Console, *, rollouts: int) -> None:
    """Print the summary of a run folder. Raises ValueError if there is nothing to show."""
    left_out: list[str] = []
    steps = metrics_by_step(run, left_out=left_out.append)
    if not steps:
        raise ValueError(
            f"{run} has no metrics/*.jsonl. The example scripts write them into OUTPUT_DIR; another run does with "
            'trainer.logger=\'["console","file"]\' and the variable VERL_FILE_LOGGER_PATH=RUN_DIR/metrics/1.jsonl.'
        )
    console.print(metrics_table(steps))
    validation = validation_table(steps)
    if validation is not None:
        console.print(validation)
    dumped = steps_of(run, "rollouts")
    if dumped:
        console.print(f"\nRollouts of step {dumped[-1]}: green pushed up, red pushed down, grey left at A\n")
        found = dump(run, "rollouts", dumped[-1], left_out=left_out.append)
        for row in choose(found, rollouts):
            console.print(rollout_view(row))
    if left_out:
        console.print(Text(f"\nLeft out: {len(left_out)} rows or values, the first is {safe(left_out[0])}", "yellow"))


def show(run: Path, *, svg: Path | None = None, rollouts: int = 3) -> None:
    """Print the summary to the terminal, and as a picture to `svg`."""
    console = Console(record=svg is not None, width=120 if svg is not None else None, highlight=False)
    render(run, console, rollouts=rollouts)
    if svg is not None:
        console.save_svg(str(svg), title="make quickstart")
