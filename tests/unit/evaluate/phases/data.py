"""Small data files for evaluations: real rows of this package's schema, made in memory."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from data_preprocess.convert.prompts import user_prompt
from data_preprocess.convert.schema import RL_SCHEMA


def picture(number: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 32), (number * 37 % 256, number * 91 % 256, 40)).save(out, "PNG")
    return out.getvalue()


def row(index: int, *, image: int | None = None, private: bool = False, **changed: Any) -> dict[str, Any]:
    """Question `index` about image number `image`, by default one image for two questions."""
    data = picture(index // 2 if image is None else image)
    question, answer = f"What is shown in part {index}?", ("axial", "yes", "no", "ct")[index % 4]
    info = {
        "split": "test", "index": index, "question": question, "answer": answer, "answers": [answer],
        "answer_raw": answer, "answer_type": "OPEN", "question_type": "PLANE", "image_id": f"image_{index // 2}.png",
        "image_sha256": hashlib.sha256(data).hexdigest(), "image_names": [f"image_{index // 2}.png"],
        "image_hashes": [hashlib.sha256(data).hexdigest()], "image_quirks": [], "record_id": str(index),
        "modality": "CT", "organ": "HEAD", "language": "en", "context": None,
        "gold_reasoning": f"The image shows the {answer} view. It is clear.", "gold_source": "made",
        "may_leave_machine": not private, **changed,
    }  # fmt: skip
    return {
        "data_source": "made", "prompt": [{"role": "user", "content": user_prompt(question, tag="think", images=1)}],
        "images": [{"bytes": data}], "ability": "medical_vqa",
        "reward_model": {"style": "rule", "ground_truth": answer}, "extra_info": info,
    }  # fmt: skip


def write(file: Path, rows: list[dict[str, Any]], *, group: int = 3) -> Path:
    """A parquet file with several row groups, so that reading one row crosses their borders."""
    pq.write_table(pa.Table.from_pylist(rows, schema=RL_SCHEMA), file, row_group_size=group)
    return file
