"""The figures in a few sentences: what is known, what is not, and what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recipe.mrpo.common.printable import printable

FEW = 10
"""Clusters below which a bootstrap over them is not to be trusted."""


def percent(value: float | None, digits: int = 1) -> str:
    return "not known" if value is None else f"{100 * value:.{digits}f} %"


def with_interval(figure: Mapping[str, Any], digits: int = 1) -> str:
    """`64.0 % [51.2, 75.1]`; without ends where there is no interval."""
    if figure["value"] is None or figure["low"] is None:
        return percent(figure["value"], digits) + ("" if figure["value"] is None else " [no interval]")
    low, high = (f"{100 * figure[end]:.{digits}f}" for end in ("low", "high"))
    return f"{percent(figure['value'], digits)} [{low}, {high}]"


def headline(scores: Mapping[str, Any]) -> list[str]:
    """One sentence a line, the most important first."""
    options, micro = scores["options"], scores["answers"]["micro"]
    lines = [f"{printable(scores['run'], 80)}: {_source(scores)}."]
    rule = {"reward": "right is R_ans > tau", "verdict": "right is what the judge of answers says"}[options["answers"]]
    lines.append(
        f"Accuracy {with_interval(micro['accuracy'])}, {_level(options)}: {micro['right']} right, {micro['wrong']} "
        f"wrong, {micro['not_known']} not known of {_n(micro)} ({rule}; {_how(options)})."
    )
    lines += _unknown(micro, options)
    lines += _detectable(micro)
    lines += _reasoning(scores["reasoning"]["overall"])
    lines += _notes(scores)
    return lines


def _source(scores: Mapping[str, Any]) -> str:
    origins = ", ".join(f"{count} rollouts of {origin}" for origin, count in scores["source"]["origins"].items())
    steps = scores["source"]["steps"]
    if not steps:
        return origins
    at = f"step {steps[0]}" if len(steps) == 1 else f"{len(steps)} steps from {steps[0]} to {steps[-1]}"
    return f"{origins}, {at}"


def _n(group: Mapping[str, Any]) -> str:
    rollouts = "" if group["rollouts"] == group["questions"] else f"{group['rollouts']} answers to "
    return f"{rollouts}{group['questions']} questions on {group['images']} images"


def _level(options: Mapping[str, Any]) -> str:
    return f"{100 * options['level']:g} % interval, clustered by {options['cluster']}"


def _how(options: Mapping[str, Any]) -> str:
    return "not known left out, as the released code does" if options["compat"] == "reference" else "not known is wrong"


def _unknown(micro: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
    if not micro["not_known"]:
        return []
    kinds = ", ".join(f"{printable(name, 60)} x{count}" for name, count in micro["not_known_kinds"].items())
    low, high = micro["bounds"]
    return [f"NOT KNOWN: {micro['not_known']} answers ({kinds}). If all of them were wrong {percent(low)}, if all were "
            f"right {percent(high)}."]  # fmt: skip


def _detectable(micro: Mapping[str, Any]) -> list[str]:
    found = micro["detectable"]
    if found is None:
        return []
    if found["clustered"] > 1:
        return ["These questions are too few to tell any two runs apart."]
    return [
        f"Two runs on these questions must differ by {100 * found['clustered']:.1f} points to be told apart "
        f"({100 * found['power']:g} % power, {100 * found['discordant']:g} % discordant questions, design effect "
        f"{found['design_effect']:.2f}; {100 * found['independent']:.1f} points if questions were independent)."
    ]


def _reasoning(found: Mapping[str, Any]) -> list[str]:
    if not found["labelled"]:
        return [f"Reasoning: no rollout has step labels ({_kinds(found)})."]
    stages = found["stages"][0]
    rates = ", ".join(f"{name} {with_interval(stages['rate'][name])}" for name in stages["rate"])
    shares = ", ".join(f"{name} {percent(stages['share'][name]['value'])}" for name in stages["share"])
    lines = [
        f"Valid steps {with_interval(found['valid_steps'])} of {found['steps_labelled']} labelled steps in "
        f"{found['labelled']} rollouts.",
        f"First failures over all rollouts: {rates}; none {found['without_invalid_step']}, without steps "
        f"{found['without_steps']}, not known {found['not_known']}.",
        f"As shares of the {found['failed_first']} first failures (the paper's figure): {shares}.",
    ]
    if found["not_known"]:
        low, high = stages["rate_bounds"]["early"]
        lines.append(f"NOT KNOWN: the labels of {found['not_known']} rollouts ({_kinds(found)}). If all of them failed "
                     f"early, the early rate is {percent(high)}, not {percent(low)}.")  # fmt: skip
    return lines


def _kinds(found: Mapping[str, Any]) -> str:
    return ", ".join(f"{printable(name, 60)} x{count}" for name, count in found["not_known_kinds"].items()) or "none"


def _notes(scores: Mapping[str, Any]) -> list[str]:
    left, lines = scores["left_out"], []
    if left["rows"]:
        lines.append(f"LEFT OUT: {left['rows']} rows of the files; the first: {printable(left['first'][0], 300)}.")
    if left["duplicates"]:
        lines.append(f"LEFT OUT: {left['duplicates']} rollouts whose id an earlier one had.")
    if left["other_conditions"]:
        lines.append(f"{left['other_conditions']} rollouts of other conditions count for looking or guessing alone.")
    if scores["without_cluster"]:
        lines.append(f"{scores['without_cluster']} rollouts have no {scores['options']['cluster']}; they are clustered "
                     "by image.")  # fmt: skip
    clusters = scores["counts"]["clusters"]
    if clusters < FEW:
        lines.append(f"The intervals rest on {clusters} {scores['options']['cluster']}s; fewer than {FEW} say little.")
    failed = scores["judge"]["failed"]
    if failed:
        lines.append(f"The judge failed for {failed} rollouts ({percent(scores['judge']['failed_share'])}).")
    if scores["options"]["answers"] == "reward" and scores["verdicts_known"]:
        lines.append(
            f"{scores['verdicts_known']} answers have a verdict of the judge of answers, too: --answers verdict."
        )
    return lines
