"""Random runs with everything that a real one has: right, wrong, not known, failed judgements, repeats, conditions."""

from __future__ import annotations

import random
from pathlib import Path

from tests.unit.evaluate.made import case, dump_row, evaluation, generation, judgement, write

SETS = ("vqa-rad", "slake", "pathvqa")


def about(rng: random.Random, index: int) -> dict:
    source = SETS[index % 3]
    more = {"answer_type": rng.choice(["OPEN", "CLOSED", "open"])} if rng.random() < 0.9 else {}
    if rng.random() < 0.8:
        more |= {"modality": rng.choice(["CT", "MRI", "X-ray"]), "organ": rng.choice(["liver", "lung"]),
                 "question_type": rng.choice(["WHERE", "WHAT"]), "patient": f"p{index % 5}"}  # fmt: skip
    gold = rng.choice(["yes", "no", "liver", "lung"])
    return case(
        index, source=source, image=f"{index % 11}.jpg", gold=[gold], gold_reasoning=rng.choice(["", "So."]), **more
    )


def random_labels(rng: random.Random) -> list[int] | None:
    if rng.random() < 0.15:
        return None
    return [int(rng.random() < 0.7) for _ in range(rng.choice([0, 1, 2, 3, 4, 5, 7]))]


def random_judgement(rng: random.Random, of: dict, known: dict) -> dict:
    labels = random_labels(rng)
    repeats = None
    if labels and rng.random() < 0.4:
        repeats = [None if rng.random() < 0.2 else [int(rng.random() < 0.7) for _ in labels] for _ in range(3)]
    verdict = rng.choice(
        [
            {"label": 1, "status": "ok"},
            {"label": 0, "status": "ok"},
            {"label": None, "status": "failed:http_500"},
            {"label": None, "status": "skipped:no_answer"},
        ]
    )
    answer = None if verdict["status"] == "skipped:no_answer" else rng.choice(["Yes.", "no", "Liver", "kidney"])
    right = rng.choice([True, False, False, None])
    errors = {"answer": "ValueError"} if right is None and rng.random() < 0.5 else {}
    return judgement(of, verdict=verdict, repeats=repeats, labels=labels, right=right, answer=answer, errors=errors,
                     about=known)  # fmt: skip


def random_evaluation(
    folder: Path, *, seed: int, questions: int = 60, samples: int = 3, condition: str = "image"
) -> Path:
    """Cases depend on the question alone, so that two runs have the same ones."""
    rng, pairs = random.Random(seed), []
    for index in range(questions):
        known = about(random.Random(1000 + index), index)
        for sample in range(samples):
            one = generation(index, sample, about=known, condition=condition)
            if rng.random() < 0.7:
                one["answer_logprobs"] = [-rng.random() for _ in range(rng.choice([1, 2, 3]))]
            if rng.random() < 0.05:
                one |= {"output": None, "failure": rng.choice(["timeout", "bad_image"])}
                pairs.append((one, None))
            else:
                pairs.append((one, None if rng.random() < 0.05 else random_judgement(rng, one, known)))
    return evaluation(folder, pairs)


def random_training(folder: Path, *, seed: int, groups: int = 20) -> Path:
    rng = random.Random(seed)
    for step in (1, 2):
        rows = []
        for group in range(groups):
            known = about(random.Random(1000 + group), group)
            for i in range(4):
                right = rng.choice([True, False, None])
                rows.append(dump_row(f"s{step}g{group}_{i}_0", labels=random_labels(rng), right=right, about=known,
                                     advantage=0.1) | {"step": step})  # fmt: skip
        write(folder / "rollouts" / f"{step}.jsonl", rows)
    return folder
