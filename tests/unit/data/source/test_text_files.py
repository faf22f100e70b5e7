"""Text files of any origin: every encoding that says what it is, and a sentence for whatever cannot be read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_preprocess.source.errors import BadRow, DataError
from data_preprocess.source.fields import optional_text
from data_preprocess.source.text_files import (
    NotRead,
    parse_json,
    read_json_lines,
    read_json_list,
    read_text,
    read_yaml,
)

RECORDS = [{"question": "Wo liegt die Läsion?", "answer": "左肺"}]
DEEP = 200_000


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-32-le"])
def test_json_in_every_encoding_that_tells_itself_is_read(tmp_path, encoding):
    text = json.dumps(RECORDS, ensure_ascii=False)
    (tmp_path / "a.json").write_text(text, encoding=encoding)
    (tmp_path / "a.jsonl").write_text(text[1:-1] + "\n\n" + text[1:-1], encoding=encoding)
    assert read_json_list(tmp_path / "a.json") == RECORDS
    assert list(read_json_lines(tmp_path / "a.jsonl")) == [("line 1", RECORDS[0]), ("line 3", RECORDS[0])]


def test_latin_1_is_named_as_an_encoding_and_not_as_a_truncated_download(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps([{"q": "Läsion"}], ensure_ascii=False), encoding="latin-1")
    with pytest.raises(DataError, match=r"^a.json is not UTF-8 text; save it as UTF-8"):
        read_json_list(tmp_path / "a.json")
    (tmp_path / "a.jsonl").write_text('{"q": "Läsion"}\n{"q": "x"}\n', encoding="latin-1")
    bad, good = read_json_lines(tmp_path / "a.jsonl")
    assert "it is not UTF-8 text; save the file as UTF-8" in str(bad[1]) and good == ("line 2", {"q": "x"})


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("[" * DEEP, "deep nesting, cut off"),
        ("[" * DEEP + "]" * DEEP, "deep nesting, whole"),
        ('{"a":' * DEEP + "1" + "}" * DEEP, "deep nesting of objects"),
        ("[1" + "0" * 5000 + "]", "an integer of over 4,300 digits"),
        ("[1, 2", "cut off"),
        ("", "empty"),
        ("{'a': 1}", "Python, not JSON"),
        ("\x00", "a NUL"),
    ],
)
def test_hostile_json_is_a_sentence_with_the_file(tmp_path, content, why):
    (tmp_path / "a.json").write_text(content)
    (tmp_path / "a.jsonl").write_text(content + "\n")
    with pytest.raises(DataError, match=r"^a.json is no JSON") as caught:
        read_json_list(tmp_path / "a.json")
    assert len(str(caught.value)) < 400, why
    assert all(isinstance(value, BadRow) for _, value in read_json_lines(tmp_path / "a.jsonl"))


@given(st.binary(max_size=60))
def test_any_bytes_are_json_or_not_read(data):
    try:
        parse_json(data)
    except NotRead as error:
        assert str(error)


def test_a_field_that_stands_twice_in_a_record_is_refused_and_others_are_not(tmp_path):
    (tmp_path / "a.json").write_text('[{"answer": "left", "answer": "right", "question": "Where?"}]')
    (record,) = read_json_list(tmp_path / "a.json")
    assert optional_text(record, "question", tmp_path / "a.json", 0) == "Where?"
    with pytest.raises(BadRow, match="answer stands twice"):
        optional_text(record, "answer", tmp_path / "a.json", 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: [" * 5000, "a.yaml is no YAML"),
        ("a: " + "[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ("name: 1" + "0" * 5000, "a.yaml is no YAML"),
        ("name: one\nname: two", "the key name stands twice"),
        ("name: 2024-13-45", "a.yaml is no YAML"),
        ("name: !!python/object/apply:os.mkdir [x]", "a.yaml is no YAML"),
        ("a: \x00", "a.yaml is no YAML"),
        ("? [a]\n: b", "a.yaml is no YAML"),
    ],
)
def test_hostile_yaml_is_a_sentence_with_the_file(tmp_path, content, message):
    (tmp_path / "a.yaml").write_text(content)
    with pytest.raises(DataError, match=message):
        read_yaml(tmp_path / "a.yaml")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git-LFS pointer"),
        (b"\n<!DOCTYPE html><html>", "is a web page"),
        (b"PK\x03\x04", "is a zip archive; unzip it first"),
        (b"\x1f\x8b\x08", "is a gzip archive"),
    ],
)
def test_a_file_of_another_kind_is_named_by_its_kind(tmp_path, content, message):
    (tmp_path / "train.json").write_bytes(content)
    with pytest.raises(DataError, match=f"train.json {message}"):
        read_json_list(tmp_path / "train.json")


def test_a_file_that_is_not_there_or_a_folder_is_a_sentence(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_text(tmp_path / "no.json")
    with pytest.raises(DataError, match="is a folder, not a file"):
        read_text(tmp_path)
    with pytest.raises(DataError, match="cannot be used"):
        read_text(tmp_path / "a\0.json")


def test_a_number_of_too_many_digits_is_told_by_their_number():
    with pytest.raises(NotRead, match=r"^Exceeds the limit \(4300 digits\) .* value has 5001 digits$"):
        parse_json("1" + "0" * 5000)
