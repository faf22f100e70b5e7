"""The file that a page is: data that cannot become markup, and a policy that lets nothing else run or load."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe.mrpo.report.page.document import document, safe_json, security_policy
from recipe.mrpo.report.page.script import EVIDENCE, MODULES, application
from recipe.mrpo.report.page.script import FOLDER as SCRIPTS

texts = st.text(st.characters() | st.sampled_from("<>&\u2028\u2029\ud800\udfff\x00'\"\\"))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_json_in_a_page_is_the_value_and_holds_no_markup(value):
    text = safe_json(value)
    assert json.loads(text) == value
    assert not set(text) & set("<>&\u2028\u2029")
    text.encode("utf-8")  # halves of surrogate pairs are escaped


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_json_does_not_know_is_not_known(number):
    assert safe_json({"a": [number, 1.0]}) == '{"a":[null,1.0]}'


def page(title: str = "Title") -> str:
    return "".join(document(title, iter([("overview", {"text": "</script><script>alert(1)</script>"})])))


def test_a_page_has_three_kinds_of_script_and_each_is_allowed_by_its_hash():
    text = page()
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    data = re.findall(r'<script type="application/json" id="[\w-]+">', text)
    assert (len(scripts), len(data), text.count("<script")) == (2, 1, 3)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)[1].replace("&#x27;", "'")
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    for source in (*scripts, style):
        assert base64.b64encode(hashlib.sha256(source.encode()).digest()).decode() in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy


def test_the_policy_stands_before_everything_that_it_governs():
    text = page()
    assert text.index("Content-Security-Policy") < min(
        text.index("<style"), text.index("<script"), text.index("<title")
    )


def test_a_page_names_no_address_that_a_browser_would_load():
    """Besides names of XML name spaces there is no address; nothing has src, and links lead into the page."""
    text = page()
    addresses = set(re.findall(r"https?://[^\"'`\s<>)]+", text))
    assert all(address.startswith("http://www.w3.org/") for address in addresses)
    skeleton = re.sub(r"<(script|style)\b.*?</\1>", "", text, flags=re.DOTALL)
    assert not re.search(r"\bsrc=|@import|url\(", skeleton)
    assert set(re.findall(r'href="([^"]*)"', skeleton)) == {"#overview", "#rollouts"}


def test_a_title_is_text():
    assert "<title>&lt;img src=x&gt;</title>" in page("<img src=x>")


def test_the_policy_names_the_hash_of_each_source():
    digest = base64.b64encode(hashlib.sha256(b"a").digest()).decode()
    assert f"script-src 'sha256-{digest}'; style-src 'sha256-{digest}'" in security_policy(["a"], "a")


def test_every_module_of_the_page_is_joined():
    assert {file.stem for file in SCRIPTS.glob("*.js")} == set(MODULES) | set(EVIDENCE)
    for modules in (MODULES, EVIDENCE):
        assert not re.search(r"^(import|export)\b", application(modules=modules), re.MULTILINE)


def test_a_module_of_the_page_is_one_concept():
    sizes = {file.name: len(file.read_text().splitlines()) for file in SCRIPTS.glob("*.js")}
    assert {name: lines for name, lines in sizes.items() if lines > 250} == {}


FORBIDDEN = (
    "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "DOMParser", "setHTML",
    "createContextualFragment", "fetch(", "XMLHttpRequest", "import(", "WebSocket", "sendBeacon", "localStorage",
)  # fmt: skip


@pytest.mark.parametrize("word", FORBIDDEN)
def test_the_page_never_parses_markup_nor_code_nor_asks_the_network(word):
    assert word not in application()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('import { a } from "./dom.js";\n', "does not export"),
        ("export function h() {}\n", "is declared in"),
        ("export default 1;\n", "another form"),
    ],
)
def test_a_module_that_cannot_be_joined_is_refused(tmp_path, source, message):
    for file in SCRIPTS.glob("*.js"):
        (tmp_path / file.name).write_text(file.read_text())
    last = tmp_path / f"{MODULES[-1]}.js"
    last.write_text(source + last.read_text())
    with pytest.raises(ValueError, match=message):
        application(tmp_path)
