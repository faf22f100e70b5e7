"""What README and docs tell people to type exists: targets, modules, scripts, options, files."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from recipe.mrpo.options.names import wrong_name
from recipe.mrpo.options.page import main as write_page
from recipe.mrpo.options.page import page, rows
from recipe.mrpo.options.tree import OPTIONS_FILE
from recipe.mrpo.startup.compose import compose_config

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EVERY_PAGE = [
    page
    for pattern in ("*.md", "docs/*.md", "benchmarks/*.md", "data_preprocess/*.md", "examples/**/*.md", "tests/**/*.md")
    for page in sorted(ROOT.glob(pattern))
]


def found(pattern: str) -> list[tuple[str, str]]:
    """(page, match) over all pages."""
    return sorted({(p.name, m) for p in PAGES for m in re.findall(pattern, p.read_text())})


@cache
def verl_config():
    return compose_config("mrpo", [])


def test_the_pages_are_looked_at():
    """The patterns below find something, so that the tests can fail."""
    assert len(found(r"\bmake ([a-z][\w-]*)")) >= 2
    assert len(found(r"python -m ([\w.]+)")) >= 4
    assert len(found(r"\bmrpo\.([a-z_]+(?:\.\w+)*)=")) >= 4


@pytest.mark.parametrize(("page", "target"), found(r"(?:`|^ {4}|^)make ([a-z][\w-]*)"))
def test_make_has_the_target(page, target):
    assert re.search(rf"^{re.escape(target)}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize(("page", "module"), found(r"python -m ([\w.]+)"))
def test_python_has_the_module(page, module):
    """Looked for as a file: to import verl takes seconds."""
    package, *inner = module.rstrip(".").split(".")
    folders = [Path(folder) for folder in find_spec(package).submodule_search_locations]
    assert any(
        folder.joinpath(*inner).with_suffix(".py").is_file() or folder.joinpath(*inner).is_dir() for folder in folders
    )


@pytest.mark.parametrize(("page", "script"), found(r"\b((?:examples|benchmarks)/[\w./-]+\.(?:sh|py))"))
def test_the_script_exists(page, script):
    assert (ROOT / script).is_file()


@pytest.mark.parametrize(("page", "option"), found(r"\+?\bmrpo\.([a-z_]+(?:\.\w+)*)="))
def test_the_option_of_mrpo_exists(page, option):
    """Below open nodes (rewards, members) a user names things."""
    given = OmegaConf.create({})
    OmegaConf.update(given, option, OmegaConf.select(OmegaConf.load(OPTIONS_FILE), option))
    known = OmegaConf.to_container(OmegaConf.load(OPTIONS_FILE), resolve=False)
    assert wrong_name(OmegaConf.to_container(given), known) is None


@pytest.mark.parametrize(
    ("page", "override"),
    found(r"(?<![\w.+])((?:algorithm|data|actor_rollout_ref|reward|trainer)\.[\w.]+)="),
)
def test_verl_has_the_setting(page, override):
    node, _, leaf = override.rpartition(".")
    assert leaf in list(OmegaConf.select(verl_config(), node, throw_on_missing=False))  # `in` itself overlooks ???


@pytest.mark.parametrize("page", EVERY_PAGE, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_a_file_and_a_heading(page):
    for file, heading in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", page.read_text()):
        target = page.parent / file if file else page
        assert target.exists(), file
        assert not heading or heading in headings(target.read_text()), f"{file}#{heading}"


def headings(text: str) -> set[str]:
    """The anchors of a page, as the web view makes them."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", EVERY_PAGE, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_path_in_this_repository_exists(page):
    """Paths from the root, in the words of a sentence."""
    tops = r"(?:recipe|reward_fns|data_preprocess|tests|benchmarks|docs|examples)"
    named = re.findall(rf"`({tops}/[\w./-]+\.\w+)", re.sub(r"`recipe/__init__.py`", "", page.read_text()))
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_page_of_options_is_that_of_the_options_file():
    made = page(OPTIONS_FILE.read_text())
    assert (ROOT / "docs" / "options.md").read_text() == made, (
        "run `python -m recipe.mrpo.options.page docs/options.md`"
    )


def test_asking_for_help_writes_no_page_of_options(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as leave:
        write_page(["--help"])
    assert leave.value.code == 0 and "FILE" in capsys.readouterr().out and list(tmp_path.iterdir()) == []


def test_the_page_of_options_leaves_none_out():
    listed = {row.name for row in rows(OPTIONS_FILE.read_text()) if row.name}

    def names(node, path=""):
        for key, value in node.items():
            name = f"{path}.{key}" if path else key
            yield name
            if isinstance(value, dict):
                yield from names(value, name)

    assert listed == set(names(OmegaConf.to_container(OmegaConf.load(OPTIONS_FILE), resolve=False)))


@pytest.mark.parametrize("line", ["- item", "name value"])  # forms that options.yaml does not use
def test_a_line_that_is_not_understood_is_an_error(line):
    with pytest.raises(ValueError, match=re.escape("options.yaml:1")):
        list(rows(line))
