"""Image cells in every form that tables use; anything else is a sentence with the column."""

from __future__ import annotations

import base64
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from data_preprocess.source.pictures import is_inline, named_pictures, pictures, safe_name
from tests.unit.data.helpers import draw, read_rows, run

PNG = draw()
TEXT = base64.b64encode(PNG).decode()
BINARY = pa.binary()
STRUCT = pa.struct([("bytes", BINARY), ("path", pa.string())])


@pytest.fixture
def own(tmp_path):
    """Converts a parquet file with one image column; `own.rows()` are the rows written."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "b.png").write_bytes(PNG)

    def convert(kind: pa.DataType, *cells, **mapping) -> int:
        texts = [f"{n}?" for n in range(len(cells))]
        columns = {"q": pa.array(texts), "a": pa.array(["liver"] * len(cells)), "img": pa.array(cells, kind)}
        pq.write_table(pa.table(columns), folder / "q.parquet")
        facts = {"name": "x", "file": "q.parquet", "columns": {"question": "q", "answer": "a", "image": "img"}}
        (folder / "m.yaml").write_text(yaml.safe_dump(facts | mapping))
        return run("own", folder, tmp_path / "out", "--mapping", folder / "m.yaml")

    convert.rows = lambda: read_rows(tmp_path / "out" / "train.parquet")
    return convert


READ = [
    ("bytes", BINARY, PNG, ""),
    ("large bytes", pa.large_binary(), PNG, ""),
    ("Hugging Face's Image", STRUCT, {"bytes": PNG, "path": "a.png"}, "a.png"),
    ("the same without bytes", STRUCT, {"bytes": None, "path": "b.png"}, "b.png"),
    ("verl's images", pa.list_(STRUCT), [{"bytes": PNG, "path": None}], ""),
    ("this package's images", pa.list_(pa.struct([("bytes", BINARY)])), [{"bytes": PNG}], ""),
    ("a list of bytes", pa.list_(BINARY), [PNG], ""),
    ("verl's other form", pa.struct([("image", pa.string())]), {"image": "b.png"}, "b.png"),
    ("a map", pa.map_(pa.string(), BINARY), {"bytes": PNG}, ""),
    ("base64", pa.string(), TEXT, ""),
    ("base64 with line breaks", pa.string(), "\n".join(TEXT[i : i + 60] for i in range(0, len(TEXT), 60)), ""),
    ("base64 for addresses", pa.large_string(), base64.urlsafe_b64encode(PNG).decode().rstrip("="), ""),
    ("a data URL", pa.string(), f"data:image/png;base64,{TEXT}", ""),
    ("base64 as bytes of a struct", pa.struct([("bytes", pa.string())]), {"bytes": TEXT}, ""),
    ("a path", pa.string(), "b.png", "b.png"),
    ("a list of a path", pa.list_(pa.string()), ["b.png"], "b.png"),
    ("a dictionary of paths", pa.dictionary(pa.int32(), pa.string()), "b.png", "b.png"),
]


@pytest.mark.parametrize(("what", "kind", "cell", "name"), READ, ids=[row[0] for row in READ])
def test_an_image_is_read_from_every_form_of_cell(own, what, kind, cell, name):
    assert own(kind, cell) == 0
    (row,) = own.rows()
    assert row["images"] == [{"bytes": PNG}]
    assert row["extra_info"]["image_id"] == (name or f"sha256-{row['extra_info']['image_sha256'][:16]}")


REFUSED = [
    ("numbers", pa.int64(), 3, "q.parquet: the column img holds int64, not images"),
    ("pixels", pa.list_(pa.int64()), [1, 2], "q.parquet: the column img holds list<element: int64>, not images"),
    ("true", pa.bool_(), True, "the column img holds bool"),
    ("another struct", pa.struct([("x", BINARY)]), {"x": PNG}, "the column img holds struct<x: binary>"),
    ("nothing", STRUCT, None, "row 0 of q.parquet, column img, holds no image bytes"),
    ("an empty list", pa.list_(BINARY), [], "holds no image bytes"),
    ("empty text", pa.string(), " ", "holds no image bytes"),
    ("nine images", pa.list_(BINARY), [PNG] * 9, "the row has 9 images, more than the 8 of --max-images"),
    ("an address", pa.string(), "https://x.org/a.png", "holds an address (https://x.org/a.png): download the images"),
    ("a data URL of text", pa.string(), "data:text/plain,hello", "holds a data URL without base64"),
    ("half of base64", pa.string(), f"data:image/png;base64,{TEXT[:81]}", "holds broken base64"),
    ("an absolute path", pa.string(), "/etc/passwd", "leads out of its folder"),
    ("a path upwards", pa.string(), "../b.png", "leads out of its folder"),
    ("a NUL in a name", pa.string(), "b\0.png", "holds a control character"),
    ("a long name", pa.string(), "b" * 300 + ".png", "File name too long"),
    ("a file that is not there", pa.string(), "c.png", "the image c.png is missing in"),
]


@pytest.mark.parametrize(("what", "kind", "cell", "message"), REFUSED, ids=[row[0] for row in REFUSED])
def test_any_other_cell_is_a_sentence(own, capsys, written, what, kind, cell, message):
    assert own(kind, cell) == 1
    told = capsys.readouterr().err
    assert message in told and "Traceback" not in told and len(told) < 1000 and written() == []


def test_a_record_of_json_may_hold_its_image(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    rows = [{"q": f"{n}?", "a": "liver", "img": cell} for n, cell in enumerate([TEXT, [{"bytes": TEXT}], ["a.png"]])]
    (folder / "a.png").write_bytes(PNG)
    (folder / "q.json").write_text(json.dumps(rows))
    facts = {"name": "x", "file": "q.json", "columns": {"question": "q", "answer": "a", "image": "img"}}
    (folder / "m.yaml").write_text(yaml.safe_dump(facts))
    assert run("own", folder, tmp_path / "out", "--mapping", folder / "m.yaml") == 0
    assert [row["images"] for row in read_rows(tmp_path / "out" / "train.parquet")] == [[{"bytes": PNG}]] * 3


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.png", "a.png"),
        ("images/train/a.png", "images/train/a.png"),
        ("images\\a.png", "images/a.png"),
        ("/home/someone/.cache/huggingface/a.png", "a.png"),
        ("C:\\Users\\someone\\a.png", "a.png"),
        ("\\\\server\\share\\a.png", "a.png"),
        ("~/patients/a.png", "a.png"),
        ("../../patients/a.png", "a.png"),
        ("file:///home/someone/a.png", "a.png"),
        ("https://host.example/a.png", "a.png"),
        ("/", ""),
        ("C:", ""),
        ("..", ""),
        ("a\0.png", ""),
        ("", ""),
    ],
)
def test_no_path_of_another_machine_becomes_a_name(path, name):
    assert safe_name(path) == name


@given(st.text())
def test_a_name_never_leads_out_of_its_folder(path):
    name = safe_name(path)
    assert not name.startswith(("/", "~")) and ".." not in name.split("/") and "\\" not in name


@given(st.text(max_size=120), st.sampled_from(["png", "jpg", "dcm", "tiff"]))
def test_a_name_with_an_ending_is_no_base64(stem, ending):
    assert not is_inline(f"x{stem}.{ending}")


KEYS = st.sampled_from(["bytes", "path", "image", "x"])
CELLS = st.recursive(
    st.none() | st.binary() | st.text() | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
    max_leaves=6,
)


@given(CELLS)
def test_any_cell_is_read_or_refused_with_a_reason(cell):
    try:
        assert all(isinstance(picture, (bytes, str)) for picture in pictures(cell))
        assert [picture for picture, _ in named_pictures(cell)] == pictures(cell)
    except ValueError as error:
        assert str(error)
