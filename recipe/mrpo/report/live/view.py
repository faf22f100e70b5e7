"""The state of a running job as a picture for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from recipe.mrpo.common.printable import printable
from recipe.mrpo.judge.spending import NOT_CHOSEN
from recipe.mrpo.judge.when_to_judge import SKIP_REASONS
from recipe.mrpo.report.live.state import JobState
from recipe.mrpo.report.terminal import choose, question_of

safe = partial(printable, limit=160)
BARS = "▁▂▃▄▅▆▇█"
WIDTH = 32
ROWS = (  # metric, its name here
    ("mrpo/reward/answer", "answer reward"),
    ("mrpo/reward/process", "process reward"),
    ("mrpo/wrong_answers", "wrong answers"),
    ("mrpo/valid_steps", "valid steps"),
    ("mrpo/ffp", "first failure position"),
    ("mrpo/ffp/early", "early among first failures"),
    ("mrpo/no_invalid_step", "no invalid step"),
    ("mrpo/groups_without_spread", "groups without spread"),
    ("mrpo/judge/failure_share", "judge failures"),
    ("mrpo/judge/latency_p95_s", "judge latency p95, s"),
    ("mrpo/judge/cost_of_run", "judge cost of the run"),
    ("mrpo/judge/tokens_of_run", "judge tokens of the run"),
    ("mrpo/reward_errors_total", "reward errors"),
    ("actor/kl_loss", "KL loss"),
    ("actor/grad_norm", "gradient norm"),
    ("training/rollout_actor_probs_pearson_corr", "rollout/actor correlation"),
    ("timing_s/step", "seconds a step"),
)
ALARMS = {"mrpo/judge/failure_share": 0.1, "mrpo/reward_errors_total": 0.0, "mrpo/groups_without_spread": 0.9}
"""A value above it is shown in red."""
IN_ORDER = ("ok", *(f"skipped:{reason}" for reason in (*SKIP_REASONS, *NOT_CHOSEN)))
"""A judge's status that is no fault: the rollout was judged, or an option has left it out."""


def sparkline(values: Sequence[float], width: int = WIDTH) -> str:
    """The values as bars, the newest on the right; of many, means of equal parts."""
    if not values:
        return ""
    if len(values) > width:
        edges = [round(i * len(values) / width) for i in range(width + 1)]
        values = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, high = min(values), max(values)
    spread = high - low
    return "".join(BARS[0 if not spread else round((v - low) / spread * (len(BARS) - 1))] for v in values)


def duration(seconds: float) -> str:
    """Seconds as 45 s, 12 min or 3 h 05 min."""
    minutes = int(seconds // 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def view(state: JobState, *, total_steps: int | None, rollouts: int, age_s: float | None) -> RenderableType:
    """The picture. `total_steps`: of the training, if known; `age_s`: seconds since something new was read."""
    parts: list[RenderableType] = [_head(state, total_steps, age_s)]
    if state.metrics:
        parts.append(_metrics(state))
    if state.lines:
        parts.append(_evaluation(state))
    if state.rows and rollouts:
        parts.append(Text(f"\nRollouts of step {state.rows_step}", style="bold"))
        parts += [_rollout(row) for row in choose(state.rows, rollouts)]
    parts += [Text(safe(fault), style="red") for fault in state.faults]
    if state.left_out:
        parts.append(Text(f"{state.left_out} lines could not be read and were left out", style="yellow"))
    return Group(*parts)


def _head(state: JobState, total: int | None, age_s: float | None) -> Text:
    head = Text(safe(state.folder.name), style="bold")
    pace = state.seconds_a_step()
    if state.step is not None:
        head.append(f"   step {state.step}" + (f" of {total}" if total else ""), style="bold cyan")
        if total and pace and total > state.step:
            head.append(f"   about {duration(pace * (total - state.step))} left")
        elif total and total <= state.step:
            head.append("   finished", style="green")
    elif not state.lines:
        head.append("   nothing has been written yet", style="yellow")
    if age_s is not None:
        head.append(f"   last news {duration(age_s)} ago", style="dim")
    return head


def _metrics(state: JobState) -> Table:
    table = Table.grid(padding=(0, 2))
    for justify in ("left", "right", "left", "right"):
        table.add_column(justify=justify, no_wrap=True)
    for name, what in ROWS:
        values = state.series(name)
        if not values:
            continue
        alarm = name in ALARMS and values[-1] > ALARMS[name]
        first = "" if len(values) == 1 else f"{values[0]:.4g} at first"
        table.add_row(
            what,
            Text(f"{values[-1]:.4g}", style="bold red" if alarm else "bold"),
            sparkline(values),
            Text(first, "dim"),
        )
    for name in sorted({n for data in state.metrics.values() for n in data if n.startswith("val-core/")}):
        values = state.series(name)
        source = name.split("/")[1] if name.count("/") > 1 else name
        table.add_row(f"validation, {safe(source)}", Text(f"{values[-1]:.4g}", "bold"), sparkline(values),
                      Text("" if len(values) == 1 else f"{values[0]:.4g} at first", "dim"))  # fmt: skip
    return table


def _evaluation(state: JobState) -> Text:
    out = Text("\n")
    out.append(", ".join(f"{count} {name}" for name, count in state.lines.items()), style="bold")
    if state.answers:
        out.append("\nanswers: " + ", ".join(f"{state.answers[name]} {name}" for name in ("right", "wrong", "unknown")))
    failed = {status: count for status, count in state.judge.items() if status not in IN_ORDER}
    if failed:
        out.append("\njudge: " + ", ".join(f"{count} {safe(status)}" for status, count in failed.items()), "yellow")
    return out


def _rollout(row: dict) -> Text:
    record = row["mrpo"]
    state = {True: ("wrong", "red"), False: ("right", "green"), None: ("unknown", "yellow")}[record["wrong"]]
    out = Text(f"\n{safe(question_of(row))}\n", style="none")
    out.append(f"  {state[0]:8}", style=state[1])
    out.append(f"{safe(record['answer'] or '(no answer)')}   ")
    for label in record["labels"] if record["labels"] is not None else [None] * len(record["steps"]):
        mark, style = {1: ("✓", "green"), 0: ("✗", "red"), None: ("?", "yellow")}[label]
        out.append(mark, style=style)
    advantage = record.get("advantage")
    if advantage is not None:
        out.append(f"   A {advantage:+.2f}", style="dim")
    return out
