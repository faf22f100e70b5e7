"""Makes the page: reads the runs, chooses what is shown, and writes one HTML file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recipe.mrpo import __version__
from recipe.mrpo.evaluate.scores.compare.command import compare_paths
from recipe.mrpo.evaluate.scores.options import ScoreOptions
from recipe.mrpo.evaluate.scores.published.read import published
from recipe.mrpo.report.page.beside import beside
from recipe.mrpo.report.page.document import document
from recipe.mrpo.report.page.gather import Run, gather
from recipe.mrpo.report.page.pack import BLOCK, TEXT_LIMIT, Pack
from recipe.mrpo.report.page.pictures import Pictures
from recipe.mrpo.report.page.sample import fair_shares
from recipe.mrpo.rollout.first_failure import STAGES


@dataclass(frozen=True)
class PageOptions:
    """What the page may hold."""

    max_rollouts: int
    """In all; the runs share it, an even part each and what others do not need."""
    max_images: int
    image_side: int
    private_images: bool
    data: tuple[Path, ...]
    """Parquet files with the images; empty: RUN/data/*.parquet."""
    title: str
    scores: ScoreOptions
    also: tuple[Path, ...] = ()
    """Evaluations without the image, or with another one's, of the models of the runs."""


def make_page(paths: Sequence[Path], file: Path, options: PageOptions) -> dict[str, Any]:
    """Write the page of the runs to `file` (whole, or not at all); returns its facts: sizes and what was left out.

    Raises ValueError with a sentence for a path without rollouts, OSError for a file that cannot be written.
    """
    if not file.resolve().parent.is_dir() or file.is_dir():
        raise ValueError(f"--html must be a file in a folder that exists, not {file}")
    names = run_names(paths)
    runs = [
        gather(path, name=name, limit=options.max_rollouts, options=options.scores, also=others)
        for path, name, others in zip(paths, names, beside(paths, options.also), strict=True)
    ]
    for run, share in zip(runs, fair_shares([run.sample.held for run in runs], options.max_rollouts), strict=True):
        run.sample.shrink(share)
    pack = Pack()
    for place, run in enumerate(runs):
        pack.add(place, run.sample)
    pictures = Pictures(options.max_images, options.image_side, options.private_images)
    data = options.data or tuple(
        f for path in paths if path.is_dir() for f in sorted((path / "data").glob("*.parquet"))
    )
    pack.images = pictures.read(data, pack.questions())
    facts = _facts(runs, pack, pictures, options, data)
    overview = {
        "facts": facts,
        "runs": [run.as_json(place) for place, run in enumerate(runs)],
        "comparison": comparison(paths, names, options.scores),
        "published": [
            {"name": row.method, **{stage: row.share(stage) / 100 for stage in STAGES}}
            for row in published().first_failures.rows
        ],
    }

    def blocks() -> Iterator[tuple[str, Any]]:
        yield "overview", overview
        yield from pack.blocks()
        for name, address in pictures.by_hash.items():
            yield f"image-{name}", address

    _write_whole(file, document(options.title, blocks()))
    return facts | {"bytes": file.stat().st_size}


def comparison(paths: Sequence[Path], names: Sequence[str], options: ScoreOptions) -> dict[str, Any] | None:
    """`mrpo compare` of the runs against the first, or the sentence why they are not comparable; None for one run."""
    if len(paths) < 2:
        return None
    try:
        found = compare_paths(paths, options, names=names)
    except ValueError as error:
        return {"refused": str(error)}
    pairs = [{name: value for name, value in pair.items() if name != "changed"} for pair in found["pairs"]]
    return {"notes": found["notes"], "pairs": pairs}


def run_names(paths: Sequence[Path]) -> list[str]:
    """A name for each run: its folder's; folders of one name get their parent's before it, equal ones a number."""
    full = [path.resolve() for path in paths]
    names = [path.name for path in full]
    names = [
        f"{path.parent.name}/{name}" if names.count(name) > 1 else name for path, name in zip(full, names, strict=True)
    ]
    return [f"{name} ({names[:i].count(name) + 1})" if names.count(name) > 1 else name for i, name in enumerate(names)]


def _facts(runs: Sequence[Run], pack: Pack, pictures: Pictures, options: PageOptions, data: Sequence[Path]) -> dict:
    return {
        "title": options.title,
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "version": __version__,
        "rollouts": sum(run.sample.seen for run in runs),
        "shown": len(pack),
        "max_rollouts": options.max_rollouts,
        "block": BLOCK,
        "cut_texts": pack.cut_texts,
        "text_limit": TEXT_LIMIT,
        "questions": len(pack.questions()),
        "questions_with_image": sum(bool(hashes) for hashes in pack.images.values()),
        "data_files": len(data),
        "images": len(pictures.by_hash),
        "max_images": options.max_images,
        "image_side": options.image_side,
        "images_made_small": pictures.made_small,
        "private_images": pictures.private,
        "images_missing": pictures.counts,
    }


def _write_whole(file: Path, pieces: Iterator[str]) -> None:
    handle, name = tempfile.mkstemp(dir=file.resolve().parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
            out.writelines(pieces)
        os.chmod(name, 0o644)
        os.replace(name, file)
    except BaseException:
        os.unlink(name)
        raise
