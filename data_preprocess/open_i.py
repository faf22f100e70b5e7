"""Indiana University chest X-rays of Open-i (Demner-Fushman et al. 2016, https://openi.nlm.nih.gov/faq): reports.

    python -m data_preprocess.open_i --source DIR --out data/open_i --section impression

`--source` holds `ecgen-radiology/*.xml` (NLMCXR_reports.tgz) and the images `*.png` (NLMCXR_png.tgz), in `NLMCXR_png/`,
`images/` or beside the reports' folder. A row is a study with all its images. The answer is the section that
`--section` names; the gold reasoning is the findings.

No file of the release was available when this was written: the loader is tested on records made in the documented form.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from pathlib import Path

from defusedxml import DefusedXmlException, ElementTree

from data_preprocess.datasets import DatasetInfo, Source
from data_preprocess.source.errors import BadRow, NotThere
from data_preprocess.source.records import LONG, Loaded, Record, shown
from data_preprocess.source.text import clean
from recipe.mrpo.rollout.rule_splitter import rule_steps

INFO = DatasetInfo(
    name="open_i",
    data_source="open-i",
    title="Indiana University chest X-rays (Open-i)",
    homepage="https://openi.nlm.nih.gov/faq",
    licence="CC BY-NC-ND 4.0",
    citation="Demner-Fushman, Kohli, Rosenman, et al. Preparing a collection of radiology examinations for "
    "distribution and retrieval. JAMIA 23(2), 304-310 (2016).",
    hub=None,
    splits=("train", "test"),
    open_test_size=None,
    may_leave_machine=True,
)
SECTIONS = {
    "findings": "Describe the findings of this chest X-ray.",
    "impression": "What is the impression of this chest X-ray?",
}
FOLDER = "ecgen-radiology"
TEST_OF = 10
"""One study of so many is a test row; the release has no splits."""
MAX_BYTES = 4_000_000
"""Size of a report's file; the release's have some kilobytes."""
_MASKED = re.compile(r"X{3,}")
"""The release writes XXXX in the place of words that may name a person, and of others."""
_X_RAY = re.compile(r"\bx-\s?X{3,}", re.IGNORECASE)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--section", choices=tuple(SECTIONS), default="findings", help="the section of the report that is the answer"
    )


def load(source: Source) -> Loaded:
    """Raises NotThere if the folder of the reports or that of the images is missing."""
    folder = source.folder / FOLDER
    files = sorted(folder.glob("*.xml"), key=_number) if folder.is_dir() else []
    if not files:
        raise NotThere(f"no reports in {source.folder}: looked for {FOLDER}/*.xml (NLMCXR_reports.tgz)")
    image = source.image_maker(("NLMCXR_png", "images", "."), ())
    section = source.options["section"]
    loaded = Loaded(files=files)
    left_out: Counter[str] = Counter()
    index: Counter[str] = Counter()
    for number, file in enumerate(files, 1):
        split = "test" if number % TEST_OF == 0 else "train"
        place = index[split]
        index[split] += 1
        if not source.wants(split):
            continue
        try:
            report = read_report(file)
            texts = {name: _unmasked(report.sections.get(name, ""), left_out) for name in SECTIONS}
            if not report.images or not texts[section]:
                left_out["reports without " + ("an image" if not report.images else section)] += 1
                continue
            loaded.records.append(
                Record(
                    split=split,
                    index=place,
                    question=SECTIONS[section],
                    answers=(texts[section],),
                    answer_raw=report.sections[section] if texts[section] != report.sections[section] else None,
                    file=file.name,
                    where=report.study,
                    record_id=report.study,
                    answer_type="OPEN",
                    open_by_type=True,
                    question_type=section,
                    modality="X-ray",
                    organ="chest",
                    context=clean(report.sections.get("indication")),
                    gold_reasoning=texts["findings"] or None,
                    gold_source="the report's findings" if texts["findings"] else None,
                    task=LONG,
                    **shown([(image(f"{name}.png"), name) for name in report.images]),
                )
            )
        except BadRow as error:
            loaded.bad.append(error.of(split))
    loaded.notes.append(f"every {TEST_OF}th report is a test row, because the release has no splits")
    loaded.notes += [f"{count} {what} left out" for what, count in sorted(left_out.items())]
    return loaded


class Report:
    """A report as its file tells it: id of the study, sections by lower-case label, names of its images."""

    def __init__(self, study: str, sections: dict[str, str], images: tuple[str, ...]) -> None:
        self.study, self.sections, self.images = study, sections, images


def read_report(file: Path) -> Report:
    """A file of the release. Raises BadRow for one that is no such XML, or holds an entity (nothing is expanded)."""
    if file.stat().st_size > MAX_BYTES:
        raise BadRow(file.name, "the file", f"it has more than {MAX_BYTES:,} bytes")
    try:
        root = ElementTree.fromstring(file.read_bytes(), forbid_dtd=True)
    except DefusedXmlException as error:
        raise BadRow(
            file.name, "the file", "it has a document type or entities, which no report of the release has"
        ) from error
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise BadRow(file.name, "the file", f"it is no XML: {error}") from error
    uid = root.find("uId")
    study = (uid.get("id") if uid is not None else None) or file.stem
    sections: dict[str, str] = {}
    for part in root.iterfind(".//Abstract/AbstractText"):
        text = clean("".join(part.itertext()))
        if text:
            sections[str(part.get("Label", "")).strip().lower()] = text
    names = dict.fromkeys(str(each.get("id") or "") for each in root.iterfind("parentImage"))
    return Report(study, sections, tuple(filter(None, names)))


def _unmasked(text: str, left_out: Counter[str]) -> str:
    """The text without the sentences that hold a masked word: no model can know it. `x-XXXX` is an x-ray."""
    text = _X_RAY.sub("x-ray", text)
    if not _MASKED.search(text):
        return text
    parts = [text[start:end] for start, end in rule_steps(text, (0, len(text)))]
    kept = [part for part in parts if not _MASKED.search(part)]
    left_out["sentences with a masked word (XXXX)"] += len(parts) - len(kept)
    return " ".join(kept)


def _number(file: Path) -> tuple[int, str]:
    digits = re.sub(r"\D", "", file.stem)[:18]
    return int(digits or 0), file.name


if __name__ == "__main__":
    from data_preprocess.command.dataset import main

    sys.exit(main(["open_i", *sys.argv[1:]]))
