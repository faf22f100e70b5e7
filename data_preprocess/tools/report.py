"""`python -m data_preprocess report FILE… [--html OUT]`: facts that reviewers ask for, as text and HTML.

For each file: rows, images, duplicates, answer-type balance, how far answer priors alone would get, near copies.
For each pair of files: images in both by bytes and nearly, questions in both. All splits and datasets go in at once.
"""

from __future__ import annotations

import argparse
import base64
import html
import io
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from PIL import Image

from data_preprocess.command.exit_status import guarded
from data_preprocess.command.numbers import hash_bits
from data_preprocess.command.outputs import refuse_overwriting, same_file, with_cards
from data_preprocess.source.errors import DataError
from data_preprocess.source.text import join_key, join_text
from data_preprocess.tools.balance import answer_priors, balance, majority_accuracy, yes_share
from data_preprocess.tools.rows import image_bytes, image_set, infos
from data_preprocess.tools.shared_images import ImageSet, Overlap, compare, duplicates, near_within
from recipe.mrpo.common.help_text import Help

NEAR_BITS = 16
FIELDS = ("answer_type", "question_type", "modality", "organ", "language")
TOP_ANSWERS = 5
EXAMPLES = 6


@dataclass
class FileReport:
    """Facts about one file."""

    name: str
    path: Path
    infos: list[dict[str, Any]]
    images: ImageSet
    near: list[tuple[str, str, int]] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """Numbers for text, HTML and JSON alike."""
        keys = [join_key(i["image_sha256"], i["question"], i["answer"]) for i in self.infos]
        asked = [(i["image_sha256"], join_text(i["question"])) for i in self.infos]
        answers = [i["answer"] for i in self.infos]
        contradicting = {
            pair for pair, rows in duplicates(asked).items() if len({join_text(answers[row]) for row in rows}) > 1
        }
        return {
            "rows": len(self.infos),
            "images": len(self.images.sha256),
            "with gold reasoning": sum(i["gold_reasoning"] is not None for i in self.infos),
            "duplicate rows (image, question, answer)": sum(len(rows) - 1 for rows in duplicates(keys).values()),
            "questions with several answers for one image": len(contradicting),
            "near copies among its images": len(self.near),
            "share of yes among yes/no": _share(yes_share(answers)),
            "right without the image, by the usual answer to the same question": _share(
                majority_accuracy((i["question"], i["answer"]) for i in self.infos)
            ),
            "most frequent answers": ", ".join(f"{a} ({n})" for a, n in answer_priors(answers, top=TOP_ANSWERS)),
        } | {
            f"by {name}": ", ".join(f"{value} ({n})" for value, n in counts.most_common(8))
            for name, counts in balance(self.infos, FIELDS).items()
        }  # fmt: skip


@dataclass
class PairReport:
    """Images, rows and questions that two files have in common."""

    one: FileReport
    other: FileReport
    overlap: Overlap

    def facts(self) -> dict[str, Any]:
        same = {join_key(i["image_sha256"], i["question"], i["answer"]) for i in self.one.infos}
        again = sum(join_key(i["image_sha256"], i["question"], i["answer"]) in same for i in self.other.infos)
        texts = {join_text(i["question"]) for i in self.one.infos}
        known = sum(join_text(i["question"]) in texts for i in self.other.infos)
        return {
            "images in both, by bytes": len(self.overlap.same),
            f"of the {len(self.one.images.sha256)} images of {self.one.name}": _of(self.overlap.same, self.one),
            f"of the {len(self.other.images.sha256)} images of {self.other.name}": _of(self.overlap.same, self.other),
            f"rows of {self.one.name} with such an image": self.overlap.rows_one,
            f"rows of {self.other.name} with such an image": self.overlap.rows_other,
            "near copies": len(self.overlap.near),
            "rows in both (image, question, answer)": again,
            f"rows of {self.other.name} whose question text occurs in {self.one.name}": known,
        }


def _share(value: float | None) -> str:
    return "none" if value is None else f"{100 * value:.1f} %"


def _of(same: list[str], report: FileReport) -> str:
    return _share(len(same) / max(1, len(report.images.sha256)))


def make(files: Sequence[Path], *, near_bits: int) -> tuple[list[FileReport], list[PairReport]]:
    """Reports of the files and of every pair of them. Raises DataError for a file that cannot be read."""
    singles = []
    for file, name in zip(files, _names(files), strict=True):
        report = FileReport(name, file, infos(file), image_set(file))
        report.near = near_within(report.images, max_bits=near_bits)
        singles.append(report)
    pairs = [PairReport(a, b, compare(a.images, b.images, max_bits=near_bits)) for a, b in combinations(singles, 2)]
    return singles, pairs


def _names(files: Sequence[Path]) -> list[str]:
    """`train.parquet` of two datasets needs its folder to be told apart."""
    short = [file.name for file in files]
    return short if len(set(short)) == len(short) else [f"{file.parent.name}/{file.name}" for file in files]


def as_text(singles: list[FileReport], pairs: list[PairReport]) -> str:
    return "\n".join(_lines(singles, pairs))


def _lines(singles: list[FileReport], pairs: list[PairReport]) -> Iterator[str]:
    for single in singles:
        yield f"{single.name}"
        yield from (f"  {name}: {value}" for name, value in single.facts().items())
    for pair in pairs:
        yield f"{pair.one.name} and {pair.other.name}"
        yield from (f"  {name}: {value}" for name, value in pair.facts().items())


_STYLE = """body{font:15px/1.45 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}
table{border-collapse:collapse;margin:.6rem 0 1.6rem}td,th{border:1px solid #ccc;padding:.25rem .6rem;text-align:left;
vertical-align:top}figure{display:inline-block;margin:.4rem;vertical-align:top;width:13rem}img{max-width:13rem;max-height:13rem;
border:1px solid #ccc}figcaption{font-size:12px;overflow-wrap:anywhere}
@media(prefers-color-scheme:dark){body{background:#161616;color:#e6e6e6}}"""


def as_html(singles: list[FileReport], pairs: list[PairReport]) -> str:
    """One page without scripts or outside links; every text of the data is escaped, images are small copies."""
    out = ["<!doctype html><html lang=en><meta charset=utf-8><title>Data report</title>", f"<style>{_STYLE}</style>"]
    out.append("<h1>Data report</h1>")
    for single in singles:
        out += [f"<h2>{html.escape(single.name)}</h2>", _table(single.facts())]
        out.append(_figures([(single, sha256) for sha256 in single.images.sha256[:EXAMPLES]]))
        if single.near:
            out.append("<h3>Near copies</h3>")
            out += [_pair_figures(single, a, single, b, bits) for a, b, bits in single.near[:EXAMPLES]]
    for pair in pairs:
        out += [f"<h2>{html.escape(pair.one.name)} and {html.escape(pair.other.name)}</h2>", _table(pair.facts())]
        if pair.overlap.same:
            shown = [(pair.one, sha256) for sha256 in pair.overlap.same[:EXAMPLES]]
            out += ["<h3>Images in both</h3>", _figures(shown)]
        if pair.overlap.near:
            out.append("<h3>Near copies</h3>")
            out += [_pair_figures(pair.one, a, pair.other, b, bits) for a, b, bits in pair.overlap.near[:EXAMPLES]]
    return "\n".join([*out, "</html>"])


def _table(facts: dict[str, Any]) -> str:
    rows = "".join(f"<tr><td>{html.escape(n)}</td><td>{html.escape(str(v))}</td></tr>" for n, v in facts.items())
    return f"<table>{rows}</table>"


def _pair_figures(one: FileReport, a: str, other: FileReport, b: str, bits: int) -> str:
    return f"<p>{bits} of 256 bits differ</p>{_figures([(one, a), (other, b)])}"


def _figures(shown: list[tuple[FileReport, str]]) -> str:
    """Images by their hash, each with the first row that shows it."""
    out = []
    for report, sha256 in shown:
        row = report.images.rows[sha256][0]
        data = image_bytes(report.path, row, sha256)
        info = report.infos[row]
        caption = f"{report.name}, row {row}: {info['image_id']}. {info['question']} {info['answer']}"
        out.append(
            f'<figure><img alt="" src="{_thumbnail(data)}"><figcaption>{html.escape(caption)}</figcaption></figure>'
        )
    return "".join(out)


def _thumbnail(data: bytes) -> str:
    with Image.open(io.BytesIO(data)) as image:
        small = image.convert("RGB")
        small.thumbnail((208, 208))
    out = io.BytesIO()
    small.save(out, format="JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()


def main(argv: Sequence[str]) -> int:
    """Run the tool. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m data_preprocess report", description=__doc__.splitlines()[0].split(": ", 1)[1],
        formatter_class=Help,
    )  # fmt: skip
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="parquet files of this package")
    parser.add_argument("--html", type=Path, metavar="OUT", help="write the report as one HTML file")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write its numbers as JSON")
    parser.add_argument(
        "--near", type=hash_bits, default=NEAR_BITS, metavar="BITS", help="near: at most so many of 256 bits differ"
    )
    args = parser.parse_args(argv)
    return guarded(lambda: run(args), resumes=False)


def run(args: argparse.Namespace) -> int:
    """Raises DataError for a file that cannot be read, OSError for one that cannot be written."""
    outputs = [path for path in (args.html, args.json) if path is not None]
    refuse_overwriting(outputs, [path for file in args.files for path in with_cards(file)])
    if len(outputs) == 2 and same_file(*outputs):
        raise DataError("--html and --json name the same file")
    singles, pairs = make(args.files, near_bits=args.near)
    print(as_text(singles, pairs))
    private = [s.name for s in singles if not all(i["may_leave_machine"] is True for i in s.infos)]
    if args.html is not None:
        args.html.write_text(as_html(singles, pairs), encoding="utf-8")
        print(f"written: {args.html}")
        if private:
            print(
                f"{args.html} shows images that may not leave this machine (from {', '.join(private)})", file=sys.stderr
            )
    if args.json is not None:
        numbers = {"files": {s.name: s.facts() for s in singles}} | {
            "pairs": [{"one": p.one.name, "other": p.other.name} | p.facts() for p in pairs]
        }
        args.json.write_text(json.dumps(numbers, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
