"""What the project knows about a dataset besides how to read it, and the list of all datasets."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_preprocess.source.errors import DataError
from data_preprocess.source.image_refs import FileImage, ZipImage, open_zip
from data_preprocess.source.records import ImageRef, Loaded

NAMES = (
    "vqa_rad",
    "slake",
    "pathvqa",
    "pmc_vqa",
    "vqa_med_2019",
    "vqa_med_2021",
    "quilt_vqa",
    "radimagenet_vqa",
    "mimic_cxr_vqa",
    "own",
)
"""One module each; the order of listings and tables."""


@dataclass(frozen=True)
class DatasetInfo:
    """Facts about a dataset that go into its card and into `python -m data_preprocess`."""

    name: str
    data_source: str
    """verl's `data_source`: groups validation metrics."""
    title: str
    homepage: str
    licence: str
    citation: str
    hub: str | None
    """Hugging Face repository, if there is one."""
    splits: tuple[str, ...]
    open_test_size: int | None
    """Open questions of the study's test set; None for a training-only set."""
    hub_patterns: tuple[str, ...] = ("data/*.parquet",)
    """Files of the repository that a download takes."""
    may_leave_machine: bool = True
    """False: the terms of use forbid sending rows to a service outside (credentialed data)."""
    caution: str = ""


@dataclass(frozen=True)
class Source:
    """Where a dataset lies, and the loader's own options."""

    folder: Path
    images: Path | None = None
    """`--images`: image folder, where it is not inside `folder`."""
    options: dict[str, Any] = field(default_factory=dict)
    twins: Path | None = None
    """Folder of images that may give a copy without names its names (MedThink's clone), where `images` is not given."""

    @property
    def named_images(self) -> Path | None:
        """Where `parquet_shards.names_by_bytes` looks names up."""
        return self.images or self.twins

    def wants(self, split: str) -> bool:
        """Is a split asked for (`--split`)? All are if none is named."""
        return not self.options.get("split") or split in self.options["split"]

    def image_maker(self, folders: tuple[str, ...], archives: tuple[str, ...] = ()) -> Callable[[str], ImageRef]:
        """Name of an image -> where it is: in `--images`, in the first of `folders`, or in the first of `archives`.

        In an archive a name is looked up as it is and under the folders' names, which is how the releases pack it.
        Raises DataError if none of them is there or the archive is broken.
        """
        archive = next((self.folder / name for name in archives if (self.folder / name).is_file()), None)
        if self.images is None and archive is not None and not any((self.folder / name).is_dir() for name in folders):
            try:
                members = set(open_zip(archive).namelist())
            except ValueError as error:
                raise DataError(str(error)) from error

            def in_archive(name: str) -> ImageRef:
                candidates = [name, *(f"{folder}/{name}" for folder in folders)]
                return ZipImage(archive, next((c for c in candidates if c in members), name))

            return in_archive
        folder = self.image_folder(folders)
        return lambda name: FileImage(folder, name)

    def image_folder(self, names: tuple[str, ...]) -> Path:
        """`--images`, or the first of `names` that exists. Raises DataError naming what was looked for."""
        if self.images is not None:
            return self.images
        for name in names:
            if (self.folder / name).is_dir():
                return self.folder / name
        raise DataError(f"no image folder in {self.folder}: looked for {', '.join(names)}; name it with --images DIR")


def module(name: str) -> Any:
    """The module of a dataset. Raises ValueError naming the known ones."""
    if name not in NAMES:
        raise ValueError(f"dataset {name!r} is unknown; choose one of {', '.join(NAMES)}")
    return importlib.import_module(f"data_preprocess.{name}")


def info(name: str) -> DatasetInfo:
    return module(name).INFO


def loader(name: str) -> Callable[[Source], Loaded]:
    return module(name).load
