"""How often the answer reward errs on answers with a verdict, and how many answers a second it scores, on one core.

    python -m benchmarks.bench_answers                       # the shipped rows, without an encoder
    python -m benchmarks.bench_answers --leave-one-out       # what each rule earns: rates without it minus with it
    python -m benchmarks.bench_answers --set mrpo.rewards.answer.yes_no=leading --errors develop

The rows are those of tests/data/answers: `develop` was looked at while the rules were written, `held_out` was not.
An answer is called right if its reward is above tau.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

from recipe.mrpo.common.jsonl import read_jsonl
from recipe.mrpo.options.command_line import read_options
from reward_fns.answer import accepted, reward
from reward_fns.answer.conflicts.find import CONFLICTS
from reward_fns.answer.coverage import candidates, covered, gold, reading, stems, yes_no
from reward_fns.answer.reward import answer_reward
from reward_fns.answer.terms import table as terms
from reward_fns.answer.words import synonyms
from reward_fns.build import build_rewards

DATA = Path(__file__).parents[1] / "tests" / "data" / "answers"
FILES = ("develop", "held_out", "handout", "second_writer", "terms")
Row = Mapping[str, Any]
MODULES = {
    "accepted": accepted,
    "candidates": candidates,
    "covered": covered,
    "gold": gold,
    "reading": reading,
    "reward": reward,
    "stems": stems,
    "synonyms": synonyms,
    "terms": terms,
    "yes_no": yes_no,
}
NEVER = re.compile("(?!)")
Table = terms.Table


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


# rule: places where it is used, and what stands in for it
RULES: dict[str, list[tuple[str, Any]]] = {
    "words of the question may be left out": [("gold._in_question", lambda stems, asked, idle: frozenset())],
    "names of the terms table": [("gold.load_terms", lambda: Table(())), ("yes_no.load_terms", lambda: Table(()))],
    "radiology.txt": [("terms:_entries", lambda text: iter(()))],
    "mesh_diseases.txt.xz": [("terms:_diseases", lambda: iter(()))],
    "stems of Latin and Greek forms": [("stems._LATIN", ())],
    "American spelling": [("synonyms:american", lambda text: text)],
    "initials and ordinals": [("gold._ORDINAL", re.compile("(?!)")), ("gold._INITIALS", 99)],
    "several items as one name": [("gold._joined", lambda words, groups, dropped: None)],
    "denied words do not count": [("reading._DENIED_AFTER", NEVER), ("reading._ALL_DENIED", NEVER)],
    "normal findings count as denials": [("reading._ALL_NORMAL", NEVER)],
    "compared and related things do not count": [("reading._RELATED_AFTER", NEVER)],
    "places (above the kidney)": [("reading.LOCATED_BY", NEVER)],
    "causes (due to)": [("reading._CAUSED_BY", NEVER)],
    "left open (cannot be excluded)": [("reading._OPEN", NEVER)],
    "fragments are one list": [("reading._is_fragment", lambda sentence: False)],
    "or, versus, /": [("covered._leaves_choice", lambda *_: False)],
    "lists of candidates": [("covered.is_list_of_candidates", lambda *_: False)],
    "heaps of names": [("candidates._is_heap", lambda *_: False)],
    "one modality, one plane in all sentences": [("covered._ONE_OF_AN_IMAGE", ())],
    "salad": [("covered._is_salad", lambda *_: False)],
    "inside another name (lung cancer)": [("covered.is_inside", lambda *_: False)],
    "said of another subject": [("covered.said_of_another", lambda *_: False)],
    "words of an item in one run": [("covered.in_one_run", lambda *_: True)],
    "against the question's side, plane, modality": [("covered._against_question", lambda *_: False)],
    "conflicts with the gold answer": [("covered.find_conflict", lambda *_: None)],
    "no credit for saying something else": [("reward.is_part", lambda *_: True)],
    "letters of a question's choices": [("reward.read_choices", lambda question: None)],
    "a side without its noun (Left Lung, Right)": [("reward.with_nouns", lambda gold: gold)],
    "both sides at once (both lungs)": [("gold._in_both", lambda item: item)],
    "counts before their parts": [("accepted._before_parts", lambda text: text)],
    "the question's noun in a list": [("candidates._without", lambda words, stems: words)],
    "what a thing is part or typical of": [("candidates._RELATES", frozenset())],
    "names spelled out over a list": [("candidates._named_together", lambda stems, wanted: frozenset())],
    "another organ than the question's": [("covered._of_another_organ", lambda *_: False)],
    "taken back": [("covered._takes_back", lambda *_: False)],
    "said of the other side": [("covered.on_another_side", lambda *_: False)],
    "yes/no: all is normal": [("yes_no._all_normal", lambda *_: False)],
    "yes/no: a narrower subject": [("yes_no._SUBJECT", NEVER)],
    "yes/no: sentences": [("yes_no._by_words", lambda *_: yes_no._Said(""))],
}


def leave_one_out() -> None:
    rows = [row for name in FILES for row in read_rows(name)]
    tau, everything = read_options([]).tau, rates(rows, scorer(), tau=read_options([]).tau)
    print(f"{'all rules':46}" + "".join(f"{share:14.2%}" for share in everything.values()))
    print(f"{'without':46}" + "".join(f"{what.split()[0] + ' ' + what.split()[-1]:>14}" for what in everything))
    for rule, places in RULES.items():
        with ExitStack() as stack:
            for place, stand_in in places:
                module, _, name = place.replace(":", ".").rpartition(".")
                stack.enter_context(patch.object(MODULES[module], name, stand_in))
            forget()
            without = rates(rows, scorer(), tau=tau)
        print(
            f"{rule:46}" + "".join(f"{without[what] - share:+14.2%}" for what, share in everything.items()), flush=True
        )
    forget()
    for kind in CONFLICTS:
        without = rates(rows, scorer([f"mrpo.rewards.answer.conflicts=[{','.join(set(CONFLICTS) - {kind})}]"]), tau=tau)
        print(f"{'conflict ' + kind:46}" + "".join(f"{without[w] - share:+14.2%}" for w, share in everything.items()))


def forget() -> None:
    """Empty the caches of the answer reward, which hold what the rule that is left out has done."""
    for name, module in list(sys.modules.items()):
        if name.startswith("reward_fns.answer"):
            for part in vars(module).values():
                if hasattr(part, "cache_clear"):
                    part.cache_clear()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", nargs="*", default=[], metavar="mrpo.x=y", help="options of the answer reward")
    parser.add_argument("--errors", choices=FILES, help="list the rows of this file that the gate judges wrongly")
    parser.add_argument("--leave-one-out", action="store_true", help="the rates without each rule in turn")
    args = parser.parse_args()
    if args.leave_one_out:
        return leave_one_out()
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
