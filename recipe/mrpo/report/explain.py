"""`mrpo explain`: the arithmetic of one rollout of a run, a dump or an evaluation.

mrpo explain RUN         a telling rollout of the last step: wrong, with valid and invalid steps
mrpo explain RUN 9f3a    the one whose id, or whose question's id, begins so
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from recipe.mrpo.common.help_text import Help
from recipe.mrpo.evaluate.rollouts import Rollout, parts_of, read_rollouts
from recipe.mrpo.options.tree import load_options
from recipe.mrpo.report.explanation import explanation


class NotOne(ValueError):
    """No rollout, or several, where one was asked for."""


def interest(rollout: Rollout) -> tuple[bool, bool, bool, int]:
    """Sort key: wrong with valid and invalid steps first, then those that the group set apart, then more steps."""
    mixed = rollout.wrong is True and len(set(rollout.labels or ())) == 2
    return (not mixed, rollout.wrong is not True, not rollout.advantage, -len(rollout.steps))


def chosen(rollouts: Iterable[Rollout], which: str | None) -> Rollout:
    """The rollout whose id or question id begins with `which`; None: the most telling one. Raises NotOne."""
    if which is None:
        best = min(rollouts, key=interest, default=None)
        if best is None:
            raise NotOne("it has no rollouts")
        return best
    found: dict[str, Rollout] = {}
    for rollout in rollouts:
        if rollout.id.startswith(which) or rollout.question_id.startswith(which):
            found[rollout.id] = rollout
    if not found:
        raise NotOne(f"no rollout has an id that begins with {which}")
    if len(found) > 1:
        shown = ", ".join(list(found)[:8])
        raise NotOne(f"{len(found)} rollouts begin with {which}; name one of them: {shown}")
    return next(iter(found.values()))


def explain(path: Path, which: str | None, *, step: int | None, tau: float, base: float) -> list[str]:
    """Lines on one rollout of `path`. Raises ValueError in one sentence."""
    left_out: list[str] = []
    steps = None if step is None else [step]
    if which is None and step is None:
        known = [part.step for part in parts_of(path) if part.origin == "train" and part.step is not None]
        steps = [max(known)] if known else None
    origins = ["train"] if which is None and any(part.origin == "train" for part in parts_of(path)) else None

    def rollouts() -> Iterable[Rollout]:
        return read_rollouts(path, steps=steps, origins=origins, left_out=left_out.append)

    if step is not None and step not in (known := sorted({p.step for p in parts_of(path) if p.step is not None})):
        raise ValueError(
            f"{path} has no dump of step {step}; it has {', '.join(map(str, known)) or 'none by its step'}"
        )
    one = chosen(rollouts(), which)
    siblings = [r for r in rollouts() if (r.origin, r.step, r.group) == (one.origin, one.step, one.group)]
    lines = explanation(one, siblings, tau=tau, base=base)
    if left_out:
        distinct = list(dict.fromkeys(left_out))
        lines += ["", f"{len(distinct)} rows were left out, the first is {distinct[0]}"]
    return lines


def main(argv: Sequence[str] | None = None) -> int:
    options = load_options(None)
    parser = argparse.ArgumentParser(
        prog="mrpo explain",
        description="Rewards, group, A, and the label, factor and advantage of each step of one rollout.",
        formatter_class=Help,
    )
    parser.add_argument("run", type=Path, help="a script's OUTPUT_DIR, a dump, or the folder of mrpo evaluate")
    parser.add_argument(
        "rollout",
        nargs="?",
        help="the beginning of its id or of its question's id (default: a telling one)",
    )
    parser.add_argument("--step", type=int, metavar="N", help="a training step (default: the last one)")
    parser.add_argument("--tau", type=float, metavar="X", default=options.tau, help="mrpo.tau of the run")
    parser.add_argument("--factor-base", type=float, default=options.factor_base, metavar="X",
                        help="mrpo.factor_base of the run")  # fmt: skip
    args = parser.parse_args(argv)
    if not args.factor_base >= 1:
        parser.error(f"--factor-base must be at least 1, not {args.factor_base}")
    try:
        lines = explain(args.run, args.rollout, step=args.step, tau=args.tau, base=args.factor_base)
    except (ValueError, OSError) as error:
        print(f"mrpo explain: {args.run}: {error}" if isinstance(error, NotOne) else f"mrpo explain: {error}",
              file=sys.stderr)  # fmt: skip
        return 2
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
