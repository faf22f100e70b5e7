"""MedThink (https://github.com/Tang-xiaoxiao/Medthink): rationales for VQA-RAD, SLAKE, PathVQA.

The repository keeps its data in Git LFS. `medthink_manifest.json` holds path, sha256 and size of its 14 files as the
repository's LFS pointers publish them, so that a download can be told from a pointer, a half file or another version.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from data_preprocess.source.errors import DataError

MANIFEST = Path(__file__).with_name("medthink_manifest.json")
_FOLDERS = {"vqa_rad": "R-RAD", "slake": "R-SLAKE", "pathvqa": "R-PathVQA"}
_SPLITS = {
    "train": ("trainset.json", "train.json"),
    "validation": ("valset.json",),
    "test": ("testset.json", "test.json"),
}


def folder_of(folder: Path, dataset: str) -> Path:
    """The folder of a dataset in a clone; it holds the dataset's images too. Raises DataError if there is none."""
    if dataset not in _FOLDERS:
        raise DataError(f"MedThink has no rationales for {dataset}; it has some for {', '.join(_FOLDERS)}")
    roots = (folder, folder / "Medthink_Dataset")
    found = next((root / _FOLDERS[dataset] for root in roots if (root / _FOLDERS[dataset]).is_dir()), None)
    if found is None:
        raise DataError(f"no {_FOLDERS[dataset]}/ in {folder}: clone MedThink's repository and run `git lfs pull`")
    return found


def files(folder: Path, dataset: str, splits: Iterable[str]) -> list[Path]:
    """MedThink's files for a dataset's splits, open-ended ones first; `folder` is the clone or its `Medthink_Dataset`.

    Raises DataError if MedThink has nothing for the dataset, or the folder none of its files.
    """
    root = folder_of(folder, dataset)
    found = [
        path
        for kind in ("open-end", "closed-end")
        for split in splits
        for name in _SPLITS[split]
        if (path := root / kind / name).is_file()
    ]
    if not found:
        raise DataError(f"{root} holds none of MedThink's files for {', '.join(splits)}")
    return found


def verify(paths: Iterable[Path]) -> None:
    """Compare files with the published sha256. Raises DataError for a file that differs or is not published."""
    published = {entry["path"]: entry for entry in json.loads(MANIFEST.read_text(encoding="utf-8"))}
    for path in paths:
        name = "/".join(("Medthink_Dataset", *path.parts[-3:]))
        if name not in published:
            raise DataError(f"{name} is not among the {len(published)} files that MedThink publishes")
        data = path.read_bytes()
        expected = published[name]
        if data.startswith(b"version https://git-lfs"):
            raise DataError(f"{name} is a Git-LFS pointer, not the file itself; run `git lfs pull`")
        digest = hashlib.sha256(data).hexdigest()
        if (len(data), digest) != (expected["size"], expected["sha256"]):
            raise DataError(
                f"{name} is not the published file: it has {len(data):,} bytes and sha256 {digest[:16]}…, published "
                f"are {expected['size']:,} bytes and {expected['sha256'][:16]}…. Download it again, or use it as it is "
                "with --medthink-check off."
            )
