"""The HTML file: one document without any outside part, which nothing but its own two scripts may change."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recipe.mrpo.report.page.script import EVIDENCE, MODULES, application

HERE = Path(__file__).parent
KINDS = {"page": MODULES, "evidence": EVIDENCE}
DARK = ':root[data-theme="dark"] {'
# What could end a script element or start a comment in it, what JavaScript once took for line ends, and halves of
# surrogate pairs, which no file in UTF-8 can hold.
_UNSAFE = re.compile("[<>&\u2028\u2029\ud800-\udfff]")


def safe_json(value: Any) -> str:
    r"""JSON that may stand inside a script element whatever texts it holds; NaN and infinity become null.

    >>> safe_json("</script><!--")
    '"\\u003c/script\\u003e\\u003c!--"'
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        text = json.dumps(_finite(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def source_hash(source: str) -> str:
    """The hash of an inline script or style, as a content security policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


def security_policy(scripts: list[str], style: str) -> str:
    """Nothing is loaded; only these scripts run, only this style applies, images are data in the file."""
    allowed = " ".join(map(source_hash, scripts))
    return (
        f"default-src 'none'; script-src {allowed}; style-src {source_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def style_sheet() -> str:
    """page.css, with its dark colours also for a system that is dark where the reader has chosen nothing."""
    css = (HERE / "page.css").read_text()
    _, rule, rest = css.partition(DARK)
    colours, _, after = rest.partition("}\n")
    by_system = f'@media (prefers-color-scheme: dark) {{\n:root:not([data-theme="light"]) {{{colours}}}\n}}\n'
    return css[: -len(rest + rule)] + f"{rule}{colours}}}\n{by_system}{after}"


def document(title: str, blocks: Iterator[tuple[str, Any]], *, kind: str = "page") -> Iterator[str]:
    """Pieces of the file. `blocks`: (id, value) of the JSON blocks, in order; they are not held in memory together.

    `kind`: of KINDS, the page of runs (`page`) or that of `make evidence`; each has a skeleton and its modules.

    The skeleton and the sources come from this folder. Raises ValueError if a source could end its own element.
    """
    vendor, own = (HERE / "vendor" / "vendor.min.js").read_text(), application(modules=KINDS[kind])
    style = style_sheet()
    for source in (vendor, own, style):
        if re.search(r"</(script|style)|<!--", source, re.IGNORECASE):
            raise ValueError("a source of the page holds a text that would end its element")
    skeleton = (HERE / f"{kind}.html").read_text()
    head, _, body = skeleton.partition("<!-- head -->")
    yield head
    policy = security_policy([vendor, own], style)
    yield f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">\n'
    yield f"<title>{html.escape(title)}</title>\n<style>{style}</style>\n"
    before, _, after = body.partition("<!-- data -->")
    yield before
    for name, value in blocks:
        yield f'<script type="application/json" id="{html.escape(name)}">{safe_json(value)}</script>\n'
    yield f"<script>{vendor}</script>\n<script>{own}</script>\n"
    yield after
