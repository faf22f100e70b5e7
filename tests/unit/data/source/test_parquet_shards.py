"""Shards: images known by their bytes, only named columns read, labels by name, damage told with the file."""

from __future__ import annotations

import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from tests.unit.data.helpers import draw, hf_image, read_rows, run, write_hf

ONE, OTHER = draw(), draw(size=(50, 20))


def shards(folder, *images, question="What?", answer="liver") -> None:
    rows = [{"image": image, "question": question, "answer": answer} for image in images]
    write_hf(folder, "data/train-0.parquet", rows)


def ids(out) -> list[str]:
    return [row["extra_info"]["image_id"] for row in read_rows(out / "train.parquet")]


def test_images_that_share_a_path_are_told_apart_by_their_bytes(tmp_path):
    """The hub's converters write one path for all: no row is a duplicate of another image's."""
    shards(tmp_path / "in", hf_image(ONE, "image.jpg"), hf_image(OTHER, "image.jpg"), hf_image(ONE, "image.jpg"))
    assert run("vqa_rad", tmp_path / "in", tmp_path / "out", "--drop-duplicates") == 0
    rows = read_rows(tmp_path / "out" / "train.parquet")
    assert [row["images"][0]["bytes"] for row in rows] == [ONE, OTHER]
    assert [info["image_id"] for info in (row["extra_info"] for row in rows)] == [
        f"sha256-{row['extra_info']['image_sha256'][:16]}/image.jpg" for row in rows
    ]


def test_a_shared_path_in_several_files_is_told_apart_too(tmp_path):
    for number, image in enumerate((ONE, OTHER)):
        row = {"image": hf_image(image, "image.jpg"), "question": "What?", "answer": "liver"}
        write_hf(tmp_path / "in", f"data/train-0000{number}-of-00002.parquet", [row])
    run("vqa_rad", tmp_path / "in", tmp_path / "out")
    assert len(set(ids(tmp_path / "out"))) == 2


def test_several_rows_of_one_image_keep_its_name(tmp_path):
    shards(tmp_path / "in", hf_image(ONE, "a.jpg"), hf_image(ONE, "a.jpg"), hf_image(OTHER, "b.jpg"))
    run("vqa_rad", tmp_path / "in", tmp_path / "out")
    assert ids(tmp_path / "out") == ["a.jpg", "a.jpg", "b.jpg"]


def test_gold_reasoning_of_a_shared_path_joins_to_no_other_image(tmp_path, capsys):
    shards(tmp_path / "in", hf_image(ONE, "image.jpg"), hf_image(OTHER, "image.jpg"))
    gold = {"image_name": "image.jpg", "question": "What?", "answer": "liver", "reasoning": "It is the liver."}
    (tmp_path / "gold.jsonl").write_text(json.dumps(gold))
    assert run("vqa_rad", tmp_path / "in", tmp_path / "out", "--gold-reasoning", tmp_path / "gold.jsonl") == 0
    assert "0 matched, 2 unmatched, 2 ambiguous" in capsys.readouterr().out


def test_no_path_of_the_machine_that_made_a_file_reaches_a_row_or_a_card(tmp_path):
    shards(tmp_path / "in", hf_image(ONE, "/home/someone/ward3/a.jpg"), hf_image(OTHER, "C:\\Users\\someone\\b.jpg"))
    run("vqa_rad", tmp_path / "in", tmp_path / "out")
    assert ids(tmp_path / "out") == ["a.jpg", "b.jpg"]
    assert all(b"someone" not in path.read_bytes() for path in (tmp_path / "out").iterdir())


def test_columns_that_nobody_names_are_not_read(tmp_path):
    """A mask or a raw file beside the image: 24 MiB that stay on disk."""
    folder = tmp_path / "in"
    folder.mkdir()
    size, rows = 2**18, 96
    columns = {
        "image": pa.array([hf_image(ONE, f"{n}.png") for n in range(rows)]),
        "question": pa.array([f"{n}?" for n in range(rows)]),
        "answer": pa.array(["liver"] * rows),
        "mask": pa.array([os.urandom(size) for _ in range(rows)]),
    }
    pq.write_table(pa.table(columns), folder / "train.parquet", compression="none")
    del columns
    pool, before = pa.proxy_memory_pool(pa.default_memory_pool()), pa.default_memory_pool()
    pa.set_memory_pool(pool)
    try:
        assert run("vqa_rad", folder, tmp_path / "out") == 0
    finally:
        pa.set_memory_pool(before)
    assert 0 < pool.max_memory() < 4 * 2**20


def labelled(folder, names, *values) -> None:
    """A file as `datasets` writes a ClassLabel."""
    columns = {"image": [hf_image(ONE)] * len(values), "question": ["Is it?"] * len(values), "answer": list(values)}
    features = {"answer": {"names": names, "_type": "ClassLabel"}}
    meta = {"huggingface": json.dumps({"info": {"features": features}})}
    folder.mkdir(parents=True)
    pq.write_table(pa.table(columns).replace_schema_metadata(meta), folder / "train.parquet")


def test_a_class_label_becomes_its_name(tmp_path):
    labelled(tmp_path / "in", ["no", "yes"], 1, 0)
    assert run("vqa_rad", tmp_path / "in", tmp_path / "out") == 0
    rows = read_rows(tmp_path / "out" / "train.parquet")
    assert [row["reward_model"]["ground_truth"] for row in rows] == ["yes", "no"]


@pytest.mark.parametrize(
    ("value", "message"), [(7, "the label 7 is not one of its 2 names"), (-1, "row 0: answer is empty")]
)
def test_a_label_without_a_name_is_a_bad_row(tmp_path, capsys, value, message):
    labelled(tmp_path / "in", ["no", "yes"], value)
    assert run("vqa_rad", tmp_path / "in", tmp_path / "out") == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("meta", [b"{", b"[]", b'{"info": 3}', b'{"info": {"features": {"answer": [1]}}}'])
def test_odd_metadata_of_a_file_are_passed_over(tmp_path, meta):
    (tmp_path / "in").mkdir()
    table = pa.table({"image": [hf_image(ONE)], "question": ["a?"], "answer": ["b"]})
    pq.write_table(table.replace_schema_metadata({b"huggingface": meta}), tmp_path / "in" / "train.parquet")
    assert run("vqa_rad", tmp_path / "in", tmp_path / "out") == 0


def damaged(folder, column: str) -> None:
    """A file with one byte range of a column's pages overwritten."""
    images = [hf_image(os.urandom(4000), None) for _ in range(40)]
    texts = [f"{n} {os.urandom(300).hex()}?" for n in range(40)]
    columns = {"image": pa.array(images), "question": pa.array(texts), "answer": pa.array(["liver"] * 40)}
    folder.mkdir()
    file = folder / "train.parquet"
    pq.write_table(pa.table(columns), file, compression="none", use_dictionary=False)
    group = pq.ParquetFile(file).metadata.row_group(0)
    chunks = [group.column(number) for number in range(group.num_columns)]
    chunk = next(chunk for chunk in chunks if chunk.path_in_schema.startswith(column))
    with file.open("r+b") as stream:
        stream.seek(chunk.data_page_offset)
        stream.write(b"\xff" * 40)


@pytest.mark.parametrize("column", ["image", "question"])
@pytest.mark.parametrize("options", [(), ("--skip-bad",)])
def test_a_damaged_page_names_the_file_and_ends_the_run(tmp_path, capsys, written, column, options):
    damaged(tmp_path / "in", column)
    assert run("vqa_rad", tmp_path / "in", tmp_path / "out", *options) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: train.parquet is damaged (") and "download it again" in told and written() == []


@pytest.mark.parametrize("column", ["question", "image"])
def test_text_that_is_not_utf_8_is_told_with_its_place(tmp_path, capsys, column):
    bad = pa.Array.from_buffers(pa.string(), 1, pa.array([b"K\xf6pfchen"]).buffers())
    good = {"question": pa.array(["What?"]), "answer": pa.array(["liver"]), "image": pa.array(["a.png"])}
    (tmp_path / "in").mkdir()
    pq.write_table(pa.table(good | {column: bad}), tmp_path / "in" / "train.parquet")
    assert run("vqa_rad", tmp_path / "in", tmp_path / "out") == 1
    told = capsys.readouterr().err
    assert f"{column} holds text that is not UTF-8" in told and "train.parquet" in told


def test_a_column_that_stands_twice_is_refused(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    columns = [pa.array([hf_image(ONE)]), pa.array(["What?"]), pa.array(["liver"]), pa.array(["lung"])]
    table = pa.Table.from_arrays(columns, names=["image", "question", "answer", "answer"])
    pq.write_table(table, tmp_path / "in" / "train.parquet")
    assert run("vqa_rad", tmp_path / "in", tmp_path / "out") == 1
    assert "train.parquet has the column answer twice" in capsys.readouterr().err


def test_names_of_columns_with_dots_are_names(tmp_path):
    (tmp_path / "in").mkdir()
    columns = {"image.mask": [b"x"], "image": [hf_image(ONE, "a.png")], "my.q": ["What?"], "answer": ["liver"]}
    pq.write_table(pa.table(columns), tmp_path / "in" / "q.parquet")
    facts = {"name": "x", "file": "q.parquet", "columns": {"question": "my.q", "answer": "answer", "image": "image"}}
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(facts))
    assert run("own", tmp_path / "in", tmp_path / "out", "--mapping", tmp_path / "m.yaml") == 0
    assert ids(tmp_path / "out") == ["a.png"]


def test_bad_rows_do_not_shift_the_index_of_later_ones(tmp_path):
    for number in range(2):
        rows = [{"image": hf_image(ONE), "question": "What?", "answer": answer} for answer in ("", f"liver {number}")]
        write_hf(tmp_path / "in", f"data/train-0000{number}-of-00002.parquet", rows)
    assert run("vqa_rad", tmp_path / "in", tmp_path / "out", "--skip-bad") == 0
    assert [row["extra_info"]["index"] for row in read_rows(tmp_path / "out" / "train.parquet")] == [1, 3]


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("/abs/*.csv", "must be a name inside --source"),
        ("../x.csv", "must be a name inside --source"),
        (".", "must be a name inside --source"),
        ("./", "must be a name inside --source"),
        ("C:\\x.csv", "must be a name inside --source"),
        ("**x*.csv", "the file pattern **x*.csv cannot be used"),
        ("q\0.csv", "is no YAML"),
        ("*", "no file of"),
    ],
)
def test_a_file_pattern_that_cannot_be_used_is_a_sentence(tmp_path, capsys, file, message):
    (tmp_path / "in").mkdir()
    facts = {"name": "x", "file": file, "columns": {"question": "q", "answer": "a", "image": "i"}}
    (tmp_path / "m.yaml").write_text(f"file: {file}" if "\0" in file else yaml.safe_dump(facts))
    assert run("own", tmp_path / "in", tmp_path / "out", "--mapping", tmp_path / "m.yaml") == 1
    assert message in (told := capsys.readouterr().err) and "Traceback" not in told
