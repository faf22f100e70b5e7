"""Facts about the data sets, where a source lies, and how a data set is found by its name."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from data_preprocess.source.errors import DataError, NotThere
from data_preprocess.source.image_refs import FileImage, ZipImage, open_zip
from data_preprocess.source.mapping import SPLITS
from data_preprocess.source.records import ImageRef, Loaded
from recipe.mrpo.common.load import NotLoaded, is_own, load_object

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
    "open_i",
    "own",
)
"""One module each; the order of listings and tables."""


@dataclass(frozen=True, kw_only=True)
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
    may_leave_machine: bool
    """False: no row may go to a service outside this machine (credentialed data, patients who were not asked)."""
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
                tops = {member.split("/")[0] for member in members if not member.startswith("__MACOSX")}
            except ValueError as error:
                raise DataError(str(error)) from error

            def in_archive(name: str) -> ImageRef:
                candidates = [name, *(f"{folder}/{name}" for folder in folders)]
                if len(tops) == 1:  # all lies in one folder more
                    candidates += [f"{top}/{candidate}" for top in tops for candidate in candidates]
                return ZipImage(archive, next((c for c in candidates if c in members), name))

            return in_archive
        folder = self.image_folder(folders)
        return lambda name: FileImage(folder, name)

    def image_folder(self, names: tuple[str, ...]) -> Path:
        """`--images`, or the first of `names` that exists. Raises NotThere naming the folders that were looked for."""
        if self.images is not None:
            return self.images
        for name in names:
            if (self.folder / name).is_dir():
                return self.folder / name
        raise NotThere(f"no image folder in {self.folder}: looked for {', '.join(names)}; name it with --images DIR")


class Dataset(Protocol):
    """A data set as a command takes it: a module of this package, or an object of the user's own.

    It may have `add_arguments(parser)`, which adds its own options (`Source.options` holds them), and EPILOG, the
    last words of its `--help`.
    """

    INFO: DatasetInfo

    def load(self, source: Source) -> Loaded: ...


def get(name: str) -> Dataset:
    """The data set of that name, or the user's own one (`module:name`, `folder/file.py:name`).

    Raises ValueError naming the known ones, DataError for an own one that is not there or not whole.
    """
    if is_own(name):
        return _own(name)
    if name not in NAMES:
        raise ValueError(f"dataset {name!r} is unknown; choose one of {', '.join(NAMES)}, or your own as module:name")
    return importlib.import_module(f"data_preprocess.{name}")


def _own(name: str) -> Dataset:
    try:
        part = load_object(name, "data set")
    except NotLoaded as error:
        raise DataError(str(error)) from error
    if not isinstance(getattr(part, "INFO", None), DatasetInfo) or not callable(getattr(part, "load", None)):
        raise DataError(f"the data set {name} must have INFO (a data_preprocess.datasets.DatasetInfo) and load(source)")
    unknown = sorted(set(part.INFO.splits) - set(SPLITS))
    if unknown or not part.INFO.splits:
        raise DataError(f"the data set {name}: INFO.splits must be some of {', '.join(SPLITS)}, not {part.INFO.splits}")
    return part


def info(name: str) -> DatasetInfo:
    return get(name).INFO
