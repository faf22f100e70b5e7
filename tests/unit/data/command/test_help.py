"""What `--help` of a dataset or tool says."""

from __future__ import annotations

import re
import shlex

import pytest

from data_preprocess import datasets
from data_preprocess.__main__ import TOOLS, main
from data_preprocess.reasoning import gold
from data_preprocess.source.mapping import KEYS, OPTIONAL, REQUIRED
from tests.unit.data.helpers import ROOT, VQA_RAD

README = ROOT / "data_preprocess" / "README.md"


@pytest.fixture
def help_of(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def text(name: str) -> str:
        with pytest.raises(SystemExit) as leave:
            main([name, "--help"])
        assert leave.value.code == 0
        return capsys.readouterr().out

    return text


@pytest.mark.parametrize("name", [*datasets.NAMES, *TOOLS])
def test_defaults_stand_where_there_are_any(help_of, name):
    text = help_of(name)
    assert "(default: " in text or name == "all"
    assert not re.search(r"default: (None|False|\[\])", text) and "(yours, )" not in text


def test_a_default_of_zero_is_told(help_of):
    assert re.search(r"--seed .*\(default: 0\)", help_of("sample"))


def test_help_of_own_data_explains_the_mapping(help_of):
    text = help_of("own")
    explained = text[text.index("A mapping (") :]
    assert [key for key in (*KEYS, *OPTIONAL, *REQUIRED) if not re.search(rf"\b{key}\b", explained)] == []
    assert "README.md" in explained and "official download" not in text


def commands() -> list[list[str]]:
    """The commands of the chapter on the tools."""
    chapter = README.read_text().split("\n## Tools\n")[1].split("\n## ")[0].replace("\\\n", "")
    return [shlex.split(line) for line in chapter.splitlines() if "python -m data_preprocess" in line]


def test_the_readme_has_a_command_for_every_tool_that_works_on_the_sample(tmp_path, monkeypatch):
    """All but the call of a model: its options are read, and nobody is there to answer."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "raw").mkdir(parents=True)
    (tmp_path / "data" / "raw" / "vqa_rad").symlink_to(VQA_RAD)
    (tmp_path / "examples" / "data").mkdir(parents=True)
    (tmp_path / "examples" / "data" / "vqa_rad_sample").symlink_to(VQA_RAD)
    assert main(["vqa_rad", "--source", str(VQA_RAD), "--out", "data/vqa_rad", "--open-only"]) == 0
    ended = {}
    for words in commands():
        more = ["--retries", "0", "--max-calls", "1", "--base-url", "http://127.0.0.1:9/v1"] * (words[3] == "annotate")
        ended[words[3]] = main([*words[3:], *more])
    assert ended == {"all": 4, "report": 0, "sample": 0, "vqa_rad": 0, "annotate": 3}
    assert set(TOOLS) <= set(ended)


def test_the_line_of_gold_reasoning_in_the_readme_is_read(tmp_path):
    line = next(line for line in README.read_text().splitlines() if line.strip().startswith('{"image_name"'))
    (tmp_path / "gold.jsonl").write_text(line.strip() + "\n")
    (texts,) = gold.GoldReasoning.read([tmp_path / "gold.jsonl"]).texts.values()
    assert texts[0][1] == "Dr. N. N."
