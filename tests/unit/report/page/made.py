"""Runs of any size for tests of the page: training dumps with metrics and images, and pairs of evaluations."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from tests.unit.evaluate.made import dump_row, evaluation, generation, judgement, write

SENTENCES = (
    "The image is a frontal chest radiograph.", "The heart is enlarged beyond half of the thorax.",
    "The lungs are clear on both sides.", "A dark band lies below the right hemidiaphragm.",
    "The trachea stands in the midline.", "No pleural effusion is seen at the costophrenic angles.",
    "This fits free air in the abdomen.", "The finding lies on the left side of the patient.",
)  # fmt: skip
ANSWERS = ("free air", "cardiomegaly", "the left lung", "no")


def rollout_texts(draw: random.Random, steps: int) -> tuple[list[str], str, str]:
    """(steps, answer, output) of a made rollout; the steps stand in the output in order."""
    chosen = [draw.choice(SENTENCES) for _ in range(steps)]
    answer = draw.choice(ANSWERS)
    return chosen, answer, f"<think>{' '.join(chosen)}</think><answer>{answer}</answer>"


def made_record(draw: random.Random, index: int, *, source: str) -> tuple[str, dict[str, Any]]:
    """(output, what a record has) of one made rollout: one in 20 judgements fails, one in 30 answers is not known."""
    steps, answer, output = rollout_texts(draw, draw.randint(1, 8))
    labels = None if draw.random() < 0.05 else [int(draw.random() < 0.6) for _ in steps]
    right = None if draw.random() < 0.03 else draw.random() < 0.4
    advantage = draw.uniform(-1.5, 1.5)
    about = {
        "question": f"What is shown in image {index}?", "gold": ["free air"], "gold_reasoning": "There is free air.",
        "data_source": source, "split": "test", "index": str(index), "image_id": f"image{index // 3}.jpg",
    }  # fmt: skip
    return output, {
        "labels": labels, "right": right, "about": about, "steps": steps, "answer": answer,
        "spans": [[9 * k, 9 * k + 9] for k in range(len(steps))],
        "status": "ok" if labels is not None else "failed:timeout",
        "advantage": advantage,
        "step_advantages": [
            advantage if right else abs(advantage) * (1 if valid else -1.5) for valid in labels or [1] * len(steps)
        ],
    }  # fmt: skip


def training_rows(
    count: int, *, seed: int = 0, group: int = 8, step: int = 1, name: str = "prompt"
) -> Iterator[dict[str, Any]]:
    draw = random.Random(seed)
    for number in range(count):
        index = number // group
        output, known = made_record(draw, index, source=("vqa-rad", "slake")[index % 2])
        steps, status = known.pop("steps"), known.pop("status")
        row = dump_row(f"{name}{step}-{index}_{number % group}_0", status=status, **{k: v for k, v in known.items()})
        row["mrpo"] |= {"steps": steps}
        yield row | {"output": output, "step": step}


def training_run(
    folder: Path, *, rows: int = 48, steps: int = 2, group: int = 8, change: Callable | None = None
) -> Path:
    """A run folder: `steps` dumps of `rows` rollouts each, a validation before and after, and metrics.

    `change(row)` may alter each row before it is written.
    """
    for step in range(1, steps + 1):
        made = training_rows(rows, seed=step, group=group, step=step)
        write(folder / "rollouts" / f"{step}.jsonl", map(change, made) if change else made)
    for step in (0, steps):
        made = (row for row in training_rows(12, seed=100 + step, group=1, step=step, name="validated"))
        write(folder / "validation" / f"{step}.jsonl", map(_validated, made))
    metrics = [
        {"step": step, "data": {"mrpo/reward/answer": 0.1 * step, "mrpo/valid_steps": 0.5, "actor/kl_loss": step / 7}}
        for step in range(1, steps + 1)
    ]
    write(folder / "metrics" / "1.jsonl", metrics)
    return folder


def _validated(row: dict[str, Any]) -> dict[str, Any]:
    row["mrpo"] = {k: v for k, v in row["mrpo"].items() if k not in ("advantage", "step_advantages")}
    return row


def evaluated(folder: Path, *, count: int = 30, seed: int = 0, samples: int = 1) -> Path:
    """An evaluation folder; two of different seeds share their questions."""
    draw, pairs = random.Random(seed), []
    for index in range(count):
        for sample in range(samples):
            output, known = made_record(draw, index, source="vqa-rad")
            about, steps, status = known.pop("about"), known.pop("steps"), known.pop("status")
            known = {k: v for k, v in known.items() if k not in ("advantage", "step_advantages")}
            asked = generation(index, sample, about=about, output=output)
            judged = judgement(asked, status=status, judge={"calls": 1, "latency_s": 0.5, "reasons": None}, **known)
            judged["mrpo"]["steps"] = steps
            pairs.append((asked, judged))
    return evaluation(folder, pairs)


def picture(shade: int, size: tuple[int, int] = (40, 30)) -> bytes:
    out = io.BytesIO()
    Image.new("L", size, shade).save(out, "PNG")
    return out.getvalue()


def data_file(file: Path, rows: list[dict[str, Any]]) -> Path:
    """A parquet file of {index, image, question?, private?, source?, split?} rows."""
    import pandas as pd

    file.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame(
        {
            "data_source": [row.get("source", "vqa-rad") for row in rows],
            "images": [[{"bytes": row["image"]}] for row in rows],
            "extra_info": [
                {"split": row.get("split", "test"), "index": row["index"], "question": row.get("question"),
                 "may_leave_machine": not row.get("private", False)}
                for row in rows
            ],
        }
    )  # fmt: skip
    frame.to_parquet(file)
    return file


def block(page: str, name: str) -> Any:
    """The value of a JSON block of a page."""
    start = page.index(f'<script type="application/json" id="{name}">')
    return json.loads(page[page.index(">", start) + 1 : page.index("</script>", start)])
