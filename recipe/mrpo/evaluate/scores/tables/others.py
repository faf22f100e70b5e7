"""Looking or guessing, answer-prior bias, labels that flip, calibration and the judge, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from recipe.mrpo.evaluate.scores.tables.table import Cell, Figure, Table


def other_tables(scores: Mapping[str, Any]) -> Iterator[Table]:
    """Only those for which the run has something."""
    for key, make in (("looking", _looking), ("prior", _prior), ("repeats", _repeats), ("calibration", _calibration)):
        if scores[key] is not None:
            yield make(scores[key])
    yield _judge(scores["judge"])


def _looking(found: Mapping[str, Any]) -> Table:
    rows: list[list[Cell]] = [
        [name, group["questions"], group["images"], Figure.of(group["accuracy"]), None, None, None]
        for name, group in found["conditions"].items()
    ]
    for name in ("no_image", "other_image"):
        against = found.get(f"image_against_{name}")
        if against and against["questions"]:
            rows.append([f"image minus {name}", against["questions"], None, None, Figure.of(against["gain"]),
                         Figure.of(against["right_without"]), Figure.of(against["same_answer"])])  # fmt: skip
    headers = ("condition", "questions", "images", "accuracy", "gain", "right without", "same answer")
    notes = ("Gain: points that the question's own image adds, question by question. Same answer: in both conditions.",)
    return Table("looking", "Looking or guessing (%)", headers, rows, notes)


def _prior(found: Mapping[str, Any]) -> Table:
    rows: list[list[Cell]] = [[row["answer"], Figure(row["given"]), Figure(row["gold"])] for row in found["most_given"]]
    best = found["best_constant"]
    notes = (
        f"{found['answers']} closed answers. Yes: given {Figure(found['yes_given'])} %, gold "
        f"{Figure(found['yes_gold'])} %, bias {Figure.of(found['yes_bias'])} points. Distance of the two distributions "
        f"{Figure(found['distance'])} %. The constant answer {best['answer']!r} is right for "
        f"{Figure(best['accuracy'])} %.",
    )
    return Table("prior", "Answers to closed questions: how often given, how often right (%)",
                 ("answer", "given", "gold"), rows, notes)  # fmt: skip


def _repeats(found: Mapping[str, Any]) -> Table:
    row: list[Cell] = [found["rollouts"], found["judgements"], found["judgements_failed"], Figure.of(found["flipped"]),
                       found["to_invalid"], found["to_valid"], Figure.of(found["unstable_steps"])]  # fmt: skip
    headers = ("rollouts", "judgements again", "failed", "labels flipped", "1 to 0", "0 to 1", "unstable steps")
    return Table("repeats", "The same judge asked again (%)", headers, [row])


def _calibration(found: Mapping[str, Any]) -> Table:
    rows: list[list[Cell]] = [
        [name, f"{row['from']:.1f} to {row['to']:.1f}", row["answers"], Figure(row.get("confidence")),
         Figure(row.get("accuracy"))]
        for name in ("joint", "mean")
        for row in found[name]["bins"]
    ]  # fmt: skip
    notes = [
        f"{name}: ECE {Figure(found[name]['ece'])} %, Brier score {Figure(found[name]['brier'], None, None, False, 3)}"
        for name in ("joint", "mean")
    ]
    missing = f"{found['without_probability']} without probabilities, {found['not_known']} not known"
    notes.append(f"{found['answers']} answers; {missing}.")
    headers = ("probability of the answer's tokens", "bin", "answers", "confidence", "accuracy")
    return Table("calibration", "Probability of the answer against accuracy (%)", headers, rows, notes)


def _judge(found: Mapping[str, Any]) -> Table:
    rows: list[list[Cell]] = [[f"status {name}", count] for name, count in found["status"].items()]
    rows += [[f"reward error {name}", count] for name, count in found["reward_errors"].items()]
    rows += [[name.replace("_", " "), value] for name, value in found["used"].items()]
    if found["latency_s"] is not None:
        rows.append(["seconds of all judgements", round(found["latency_s"], 1)])
    return Table("judge", "The judge of steps", ("", "count"), rows)
