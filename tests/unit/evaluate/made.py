"""Rows of dumps and folders of evaluations, made for tests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from recipe.mrpo.evaluate.ids import output_hash, question_id, sample_id


def case(index: int | str = 0, *, source: str = "vqa-rad", image: str | None = "a.jpg", **more: Any) -> dict[str, Any]:
    made = {"question": f"Question {index}?", "gold": ["liver"], "gold_reasoning": "It is the liver.",
            "data_source": source, "split": "test", "index": str(index)}  # fmt: skip
    return made | ({} if image is None else {"image_id": image}) | more


def record(labels: Sequence[int] | None = (1, 0), *, right: bool | None = False, about: dict | None = None,
           steps: int | None = None, status: str | None = None, **more: Any) -> dict[str, Any]:  # fmt: skip
    count = len(labels) if labels is not None else 2 if steps is None else steps
    return {
        "steps": [f"Step {k}." for k in range(count)],
        "spans": [[2 * k, 2 * k + 2] for k in range(count)],
        "labels": None if labels is None else list(labels),
        "judge_status": status or ("ok" if labels is not None else "failed:timeout"),
        "rewards": {"answer": None if right is None else float(right), "process": 0.5},
        "weights": {"answer": 1.0, "process": 1.0},
        "answer": "liver",
        "wrong": None if right is None else not right,
        "well_formed": True,
        "response_tokens": 2 * count + 4,
        "case": about or case(),
        "judge": {"calls": 1, "latency_s": 0.5},
        "errors": {},
        "fatal": None,
    } | more  # fmt: skip


def dump_row(uid: str = "p0_0_0", **more: Any) -> dict[str, Any]:
    return {"input": "prompt", "output": "text", "gts": "liver", "score": 0.5, "step": 1, "uid": uid,
            "mrpo": record(**more)}  # fmt: skip


def write(file: Path, rows: Iterable[Any]) -> Path:
    """The rows as JSON lines; a text stands as it is."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return file


def generation(index: int = 0, sample: int = 0, *, about: dict | None = None, **more: Any) -> dict[str, Any]:
    about = about or case(index)
    return {
        "id": sample_id(about, sample), "question_id": question_id(about), "sample": sample,
        "data_source": about["data_source"], "split": about["split"], "index": int(about["index"]),
        "image_sha256": [], "case": about, "prompt": "prompt", "output": "text", "response_tokens": 8,
        "finish_reason": "stop", "answer_logprobs": None, "condition": "image", "input_hash": "x",
    } | more  # fmt: skip


def judgement(of: dict[str, Any], *, verdict: Any = None, repeats: Any = None, **more: Any) -> dict[str, Any]:
    made = record(**({"about": of["case"]} | more))
    return {"id": of["id"], "input_hash": "y", "output_hash": output_hash(of["output"]), "mrpo": made,
            "answer_verdict": verdict, "repeats": repeats}  # fmt: skip


def evaluation(folder: Path, pairs: Iterable[tuple[dict | None, dict | None]], manifest: dict | None = None) -> Path:
    """A folder of (generation, judgement) pairs; None: no such line."""
    pairs = list(pairs)
    write(folder / "generations.jsonl", [g for g, _ in pairs if g is not None])
    write(folder / "judgements.jsonl", [j for _, j in pairs if j is not None])
    if manifest is not None:
        (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
