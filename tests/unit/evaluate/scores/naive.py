"""A second computation of the scores, from the lines of the files and the formulas; it imports nothing of ours.

Slow and plain on purpose: loops over dicts, fractions of counts, no numpy.
"""

from __future__ import annotations

import json
import math
from itertools import combinations
from pathlib import Path


def rows_of_evaluation(folder: Path) -> list[dict]:
    """One flat dict for each answer."""
    judged = {}
    for line in (folder / "judgements.jsonl").read_text().splitlines():
        judged[json.loads(line)["id"]] = json.loads(line)
    rows = []
    for line in (folder / "generations.jsonl").read_text().splitlines():
        g = json.loads(line)
        j = judged.get(g["id"]) or {"mrpo": None, "answer_verdict": None, "repeats": None}
        rows.append(_row(g["case"], j["mrpo"], g["question_id"]) | {
            "logprobs": g["answer_logprobs"], "condition": g["condition"], "verdict": j["answer_verdict"],
            "repeats": j["repeats"] or [], "failure": g.get("failure"), "sample": g["sample"]})  # fmt: skip
    return rows


def rows_of_dump(file: Path) -> list[dict]:
    rows = []
    for line in file.read_text().splitlines():
        r = json.loads(line)
        about = r["mrpo"]["case"]
        rows.append(_row(about, r["mrpo"], (about["data_source"], about["split"], about["index"])))
    return rows


def _row(about: dict, record: dict | None, question) -> dict:
    record = record or {"steps": [], "labels": None, "wrong": None, "answer": None}
    return {
        "question": question,
        "image": (about["data_source"], about.get("image_id")),
        "patient": (about["data_source"], about["patient"]) if "patient" in about else None,
        "set": about["data_source"],
        "type": about["answer_type"].upper() if "answer_type" in about else None,
        "modality": about.get("modality"),
        "gold": about["gold"][0],
        "asked": (about["data_source"], about["image_id"], about["question"], tuple(about["gold"])),
        "has_gold_reasoning": bool(about["gold_reasoning"]),
        "wrong": record["wrong"],
        "answer": record["answer"],
        "labels": record["labels"],
        "steps": len(record["steps"]),
    }


# --- answers ---


def right_of(row: dict, rule: str) -> bool | None:
    if rule == "reward":
        return None if row["wrong"] is None else not row["wrong"]
    verdict = row["verdict"]
    if verdict is None or verdict["status"].startswith("failed"):
        return None
    return False if verdict["status"] == "skipped:no_answer" else verdict["label"] == 1


def accuracy(rows: list[dict], rule: str = "reward") -> dict:
    right = sum(right_of(r, rule) is True for r in rows)
    wrong = sum(right_of(r, rule) is False for r in rows)
    return {"right": right, "wrong": wrong, "not_known": len(rows) - right - wrong, "value": right / len(rows),
            "most": (len(rows) - wrong) / len(rows), "questions": len({r["question"] for r in rows}),
            "images": len({r["image"] for r in rows})}  # fmt: skip


def released_accuracy(rows: list[dict]) -> float:
    """O / (O + X) of the answers that were shown to the judge and got one of both marks."""
    marks = [r["verdict"]["label"] for r in rows if r["answer"] and r["verdict"] and r["verdict"]["label"] is not None]
    return sum(marks) / len(marks)


def pass_at(rows: list[dict], k: int, rule: str = "reward") -> float:
    """The share of k-subsets of a question's answers with a right one, averaged over questions: counted, no formula."""
    by_question: dict = {}
    for r in rows:
        by_question.setdefault(r["question"], []).append(right_of(r, rule) is True)
    shares = []
    for given in by_question.values():
        subsets = list(combinations(given, k))
        if subsets:
            shares.append(sum(any(s) for s in subsets) / len(subsets))
    return sum(shares) / len(shares)


# --- reasoning ---


def first_failure(labels: list[int]) -> tuple[float, float] | None:
    """(FFP, FAR), k* counted from 1."""
    for k_star, v in enumerate(labels, start=1):
        if v == 0:
            big_k = len(labels)
            ffp = 0.0 if big_k == 1 else (k_star - 1) / (big_k - 1)
            after = labels[k_star:]
            return ffp, (after.count(0) / len(after) if after else 0.0)
    return None


def reasoning(rows: list[dict], cuts: tuple[float, float], width: float) -> dict:
    labelled = [r for r in rows if r["labels"]]
    failures = [(first_failure(r["labels"])) for r in labelled]
    failed = [f for f in failures if f is not None]
    stages = {"early": 0, "mid": 0, "late": 0}
    for ffp, _ in failed:
        stages["early" if ffp < cuts[0] else "mid" if ffp < cuts[1] else "late"] += 1
    bins: list[list[float]] = [[] for _ in range(round(1 / width))]
    for ffp, far in failed:
        n = 0
        while n < len(bins) - 1 and ffp >= (n + 1) * width - 1e-9:
            n += 1
        bins[n].append(far)
    known = [r for r in rows if r["labels"] is not None]
    right = [r for r in labelled if r["wrong"] is False]
    wrong = [r for r in labelled if r["wrong"] is True]
    unknown = sum(r["labels"] is None for r in rows)
    return {
        "labelled": len(labelled),
        "failed": len(failed),
        "unknown": unknown,
        "without_steps": sum(r["labels"] == [] for r in rows),
        "valid_steps": sum(sum(r["labels"]) for r in labelled) / sum(len(r["labels"]) for r in labelled),
        "steps_per_answer": sum(r["steps"] for r in known) / len(known),
        "ffp": sum(f for f, _ in failed) / len(failed),
        "far": sum(f for _, f in failed) / len(failed),
        "share": {name: n / len(failed) for name, n in stages.items()},
        "rate": {name: n / len(rows) for name, n in stages.items()},
        "rate_most": {name: (n + unknown) / len(rows) for name, n in stages.items()},
        "bins": [(len(b), sum(b) / len(b) if b else None) for b in bins],
        "right_with_invalid": sum(0 in r["labels"] for r in right) / len(right),
        "wrong_with_valid": sum(0 not in r["labels"] for r in wrong) / len(wrong),
    }


def released_valid_steps(rows: list[dict]) -> float:
    """mean_score of the released code: one row a question, gold reasoning needed, a failed judgement is all 0."""
    seen, valid, steps = set(), 0, 0
    for r in rows:
        if r["asked"] in seen:
            continue
        seen.add(r["asked"])
        if r["has_gold_reasoning"]:
            steps += r["steps"]
            valid += sum(r["labels"] or [])
    return valid / steps


# --- the rest ---


def calibration(rows: list[dict], bins: int) -> float:
    """ECE of the joint probability, bin by bin."""
    known = [(math.prod(math.exp(v) for v in r["logprobs"]), r["wrong"] is False)
             for r in rows if r["logprobs"] and r["wrong"] is not None]  # fmt: skip
    error = 0.0
    for n in range(bins):
        inside = [(c, ok) for c, ok in known if n / bins <= c < (n + 1) / bins or (n == bins - 1 and c == 1)]
        if inside:
            gap = sum(ok for _, ok in inside) / len(inside) - sum(c for c, _ in inside) / len(inside)
            error += len(inside) / len(known) * abs(gap)
    return error


def flips(rows: list[dict]) -> tuple[int, int]:
    """(pairs of labels that differ, pairs)."""
    pairs = [(a, b) for r in rows if r["labels"] for again in r["repeats"] if again is not None
             for a, b in zip(r["labels"], again, strict=True)]  # fmt: skip
    return sum(a != b for a, b in pairs), len(pairs)


def yes_bias(rows: list[dict]) -> float:
    closed = [r for r in rows if r["type"] == "CLOSED"]
    given = sum((r["answer"] or "").lower().strip(".") == "yes" for r in closed)
    return (given - sum(r["gold"] == "yes" for r in closed)) / len(closed)


def gain(seen: list[dict], blind: list[dict]) -> float:
    """Mean over the questions of both: share of right samples with the image, minus without it."""

    def means(rows):
        by: dict = {}
        for r in rows:
            by.setdefault(r["question"], []).append(r["wrong"] is False)
        return {q: sum(v) / len(v) for q, v in by.items()}

    a, b = means(seen), means(blind)
    common = a.keys() & b.keys()
    return sum(a[q] - b[q] for q in common) / len(common)
