"""How often the answer reward errs on answers with a verdict, and how many answers a second it scores, on one core.

    python -m benchmarks.bench_answers                       # the shipped rows, without an encoder
    python -m benchmarks.bench_answers --set mrpo.rewards.answer.yes_no=leading --errors develop

The rows are those of tests/data/answers: `develop` was looked at while the rules were written, `held_out` was not.
An answer is called right if its reward is above tau.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from recipe.mrpo.common.jsonl import read_jsonl
from recipe.mrpo.options.command_line import read_options
from reward_fns.answer.reward import answer_reward
from reward_fns.build import build_rewards

DATA = Path(__file__).parents[1] / "tests" / "data" / "answers"
FILES = ("develop", "held_out", "handout")
Row = Mapping[str, Any]


def read_rows(name: str) -> list[Row]:
    return list(read_jsonl(DATA / f"{name}.jsonl"))


def rates(rows: Iterable[Row], score: Callable[[Row], float], *, tau: float) -> dict[str, float]:
    """Shares in [0, 1]: errors of the gate `score > tau`, and wrong answers ranked above right ones of one question."""
    wrong_right: list[bool] = []
    right_wrong: dict[str, list[bool]] = {"short": [], "long": []}
    values: dict[tuple[str, ...], tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for row in rows:
        value = score(row)
        values[(row["question"], *row["golds"])][row["right"]].append(value)
        if row["right"]:
            right_wrong[row["form"]].append(value <= tau)
        else:
            wrong_right.append(value > tau)
    pairs = [w > r for wrong, right in values.values() for w in wrong for r in right]
    return {
        "wrong called right": mean(wrong_right),
        "right called wrong": mean(right_wrong["short"] + right_wrong["long"]),
        "short": mean(right_wrong["short"]),
        "sentences": mean(right_wrong["long"]),
        "wrong above right": mean(pairs),
    }


def mean(values: list[bool]) -> float:
    return sum(values) / len(values) if values else float("nan")


def scorer(overrides: Sequence[str] = ()) -> Callable[[Row], float]:
    """The answer reward with the default options and `mrpo.x=y` words over them."""
    (reward,) = build_rewards({"answer": read_options(overrides).rewards.answer})

    def score(row: Row) -> float:
        answer, options = row["prediction"], reward.fn.options
        return answer_reward(answer, row["golds"], options=options, encoder=None, question=row["question"]).value

    return score


def answers_per_second(rows: Sequence[Row], score: Callable[[Row], float]) -> float:
    start = time.process_time()
    for row in rows:
        score(row)
    return len(rows) / (time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", nargs="*", default=[], metavar="mrpo.x=y", help="options of the answer reward")
    parser.add_argument("--errors", choices=FILES, help="list the rows of this file that the gate judges wrongly")
    args = parser.parse_args()
    score, tau = scorer(args.set), read_options(args.set).tau
    for name in FILES:
        rows = read_rows(name)
        speed = answers_per_second(rows, score)
        shares = "  ".join(f"{what} {share:6.1%}" for what, share in rates(rows, score, tau=tau).items())
        print(f"{name:10} {len(rows):4} rows  {shares}  {speed:6.0f} answers/s (cold)")
    if args.errors:
        for row in read_rows(args.errors):
            value = score(row)
            if (value > tau) != bool(row["right"]):
                verdict = "right" if row["right"] else "wrong"
                print(f"{row['id']} {verdict} {row['kind']:5} {value:.2f} {row['golds']} <- {row['prediction']!r}")


if __name__ == "__main__":
    main()
