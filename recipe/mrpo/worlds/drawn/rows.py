"""Scenes as rows of verl's parquet, by the package's own schema; `data_source` says that they are synthetic."""

from __future__ import annotations

import hashlib
from itertools import islice
from pathlib import Path
from typing import Any

from data_preprocess.convert.parquet import write_parquet
from data_preprocess.convert.schema import RL_SCHEMA, make_row
from data_preprocess.source.image_refs import InlineImage
from data_preprocess.source.records import Record
from recipe.mrpo.worlds.drawn.picture import png
from recipe.mrpo.worlds.drawn.scene import SPLITS, Scene, scenes

DATA_SOURCE = "synthetic-drawn"
SHIFTED = "synthetic-drawn-shifted"
"""Combinations that training never sees; verl validates it as a set beside the first."""
TAG = "think"


def row(scene: Scene, split: str, index: int) -> dict[str, Any]:
    """One row of RL_SCHEMA."""
    image = png(scene)
    sha256 = hashlib.sha256(image).hexdigest()
    name = f"{split}-{index}.png"
    record = Record(
        split="train" if split == "train" else "test",
        index=index,
        question=scene.question.text,
        answers=(scene.question.answer(scene.truth),),
        image=InlineImage(name, image),
        image_id=name,
        file="drawn",
        where=index,
        answer_type="OPEN",
        question_type=f"chain of {len(scene.truth)}, {scene.question.depends} dependent",
        gold_reasoning=" ".join(scene.question.steps(scene.truth)),
        gold_source=DATA_SOURCE,
    )
    return make_row(
        record,
        [image],
        hashes=[sha256],
        quirks=(),
        data_source=SHIFTED if split == "shifted" else DATA_SOURCE,
        tag=TAG,
        may_leave_machine=True,
        sft=False,
    )


def write(folder: Path, *, counts: dict[str, int], cascade: float, seed: int) -> None:
    """`train.parquet`, `test.parquet` and `shifted.parquet` in `folder`; the same arguments give the same bytes."""
    for split in SPLITS:
        drawn = islice(scenes(split, cascade=cascade, seed=seed), counts[split])
        rows = (row(scene, split, index) for index, scene in enumerate(drawn))
        write_parquet(rows, folder / f"{split}.parquet", schema=RL_SCHEMA)
