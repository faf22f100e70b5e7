"""The images of the shown questions, from the parquet files of a run: each once, made small."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from recipe.mrpo.common.images import BROKEN, FORMATS, as_rgb
from recipe.mrpo.endpoint.privacy import may_leave_machine
from recipe.mrpo.endpoint.prompt_images import Images
from recipe.mrpo.evaluate.data_rows import keyed_rows
from recipe.mrpo.report.page.pack import question_key

MAX_PIXELS = 100_000_000


@dataclass
class Pictures:
    """Images of the page by the hash of their bytes, and what is not among them."""

    limit: int
    side: int
    """Longest side in pixels."""
    keep_private: bool
    """Keep images of rows that may not leave this machine? The page then must stay here, too."""
    by_hash: dict[str, str] = field(default_factory=dict)
    """data: addresses by SHA-256 of the original bytes."""
    private: int = 0
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("beyond_limit", "unreadable", "left_out_private", "other_question"), 0)
    )
    made_small: int = 0
    _private_seen: set[str] = field(default_factory=set)

    def read(self, files: Sequence[Path], questions: Sequence[Mapping[str, Any]]) -> dict[int, list[str]]:
        """Hashes of the images of each question (by its place in `questions`) that has a row in `files`."""
        wanted = {question_key(question): place for place, question in enumerate(questions)}
        found: dict[int, list[str]] = {}
        for key, row in keyed_rows(files):
            place = wanted.get(key)
            if place is None or place in found:
                continue
            asked = row["extra_info"].get("question")
            if asked is not None and asked != questions[place]["question"]:
                self.counts["other_question"] += 1  # files of another release: its image would be another
                continue
            found[place] = self._of_row(row)
        for place, question in enumerate(questions):  # an evaluation names its images by their hashes
            same = [name for name in question["image_ids"] if name in self.by_hash]
            if place not in found and same:
                found[place] = same
        return found

    def _of_row(self, row: Mapping[str, Any]) -> list[str]:
        images = Images.of_row(row.get("images"))
        if images.problem is not None:
            self.counts["unreadable"] += 1
        private = not may_leave_machine(row["extra_info"], row="a row of the data")
        if private and not self.keep_private:
            self.counts["left_out_private"] += len(images.read)
            return []
        hashes = []
        for data, _ in images.read:
            name = hashlib.sha256(data).hexdigest()
            if name not in self.by_hash and not self._store(name, data):
                continue
            if private and name not in self._private_seen:
                self._private_seen.add(name)
                self.private += 1
            hashes.append(name)
        return hashes

    def _store(self, name: str, data: bytes) -> bool:
        if len(self.by_hash) >= self.limit:
            self.counts["beyond_limit"] += 1
            return False
        try:
            self.by_hash[name] = self._address(data)
        except BROKEN:
            self.counts["unreadable"] += 1
            return False
        return True

    def _address(self, data: bytes) -> str:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise ValueError(f"an image of {opened.width} x {opened.height} pixels")
            picture = as_rgb(opened)
        if max(picture.size) > self.side:
            self.made_small += 1
            picture.thumbnail((self.side, self.side))
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=82, optimize=True)
        return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
