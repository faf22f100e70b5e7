"""CSV: delimiters, encodings and headers of real spreadsheets."""

from __future__ import annotations

import base64
import io

import pytest
import yaml
from PIL import Image

from data_preprocess.source import delimited
from data_preprocess.source.errors import DataError
from tests.unit.data.helpers import draw, read_rows, run

ROWS = [{"Frage": "Wo liegt die Läsion?", "Antwort": "über der Leber", "Datei": "a.png"}]


@pytest.fixture
def own(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.png").write_bytes(draw())

    def convert(text: str, stored: str = "utf-8", name: str = "q.csv", **mapping) -> int:
        (folder / name).write_text(text, encoding=stored)
        columns = {"question": "Frage", "answer": "Antwort", "image": "Datei"}
        facts = {"name": "x", "file": name, "columns": columns} | mapping
        (folder / "m.yaml").write_text(yaml.safe_dump(facts))
        return run("own", folder, tmp_path / "out", "--mapping", folder / "m.yaml")

    convert.out = tmp_path / "out"
    convert.answers = lambda: [row["extra_info"]["answer"] for row in read_rows(tmp_path / "out" / "train.parquet")]
    return convert


def table(delimiter: str = ",") -> str:
    return "\r\n".join(delimiter.join(line) for line in (ROWS[0].keys(), ROWS[0].values())) + "\r\n"


@pytest.mark.parametrize(
    ("delimiter", "stored", "mapping"),
    [
        (",", "utf-8-sig", {}),
        (",", "utf-16", {}),
        (";", "utf-8", {"delimiter": ";"}),
        (";", "latin-1", {"delimiter": ";", "encoding": "latin-1"}),
        ("\t", "cp1252", {"delimiter": "\t", "encoding": "cp1252"}),
    ],
)
def test_the_tables_that_spreadsheets_write_are_read(own, delimiter, stored, mapping):
    assert own(table(delimiter), stored, **mapping) == 0
    assert own.answers() == ["über der Leber"]


def test_a_tsv_needs_no_delimiter(own):
    assert own(table("\t"), name="q.tsv") == 0 and own.answers() == ["über der Leber"]


@pytest.mark.parametrize(
    ("text", "stored", "mapping", "message"),
    [
        (table(";"), "utf-8", {}, "its columns seem to be separated by ';' (`delimiter` in the mapping)"),
        (table("\t"), "utf-8", {}, r"its columns seem to be separated by '\t'"),
        (table(), "latin-1", {}, "q.csv is not UTF-8 text; save it as UTF-8 (a CSV of `own` may name its `encoding`)"),
        (table(), "utf-8", {"encoding": "no-such"}, "encoding 'no-such' is unknown"),
        (table(), "utf-8", {"encoding": "base64"}, "encoding 'base64' is unknown"),
        (table(), "utf-8", {"delimiter": ";;"}, "delimiter must be one character"),
        ("Frage,Antwort,Antwort,Datei\na,b,c,a.png\n", "utf-8", {}, "q.csv has the column Antwort twice"),
        ("", "utf-8", {}, "q.csv lacks the columns"),
        ('Frage,Antwort,Datei\n"a,b,a.png\n', "utf-8", {}, "no CSV"),
    ],
)
def test_a_table_that_cannot_be_read_is_a_sentence(own, capsys, written, text, stored, mapping, message):
    assert own(text, stored, **mapping) == 1
    told = capsys.readouterr().err
    assert message in told and "Traceback" not in told and written() == []


def test_a_doubled_header_that_no_mapping_names_is_of_no_concern(own):
    assert own("Frage,Antwort,Datei,,\na,liver,a.png,1,2\n") == 0
    assert own.answers() == ["liver"]


def test_images_as_base64_in_a_tsv_are_read(own):
    """The form of several public benchmarks: cells longer than the 131,072 characters that csv allows by itself."""
    noise = io.BytesIO()
    Image.effect_noise((500, 500), 90).save(noise, format="PNG")
    cell = base64.b64encode(noise.getvalue()).decode()
    assert len(cell) > 131_072
    assert own(f"Frage\tAntwort\tDatei\nWhat?\tliver\t{cell}\n", name="q.tsv") == 0
    (row,) = read_rows(own.out / "train.parquet")
    assert row["images"] == [{"bytes": noise.getvalue()}]
    assert row["extra_info"]["image_id"] == f"sha256-{row['extra_info']['image_sha256'][:16]}"


def test_a_cell_beyond_every_image_is_an_error_of_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "LONGEST_CELL", 100)
    (tmp_path / "a.csv").write_text("a,b\n" + "x" * 101 + ",1\n")
    with pytest.raises(DataError, match=r"a.csv, line 1: no CSV \(field larger than field limit \(100\)\)"):
        list(delimited.read_csv(tmp_path / "a.csv", ("a",)))
