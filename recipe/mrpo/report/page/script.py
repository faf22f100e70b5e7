"""The page's own JavaScript: real modules in script/, joined into one script when a page is made.

The modules use two forms only, `import { a, b } from "./x.js";` and `export` before a declaration, so joining is
taking these words away. No tool that is not Python is needed to change the page.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).parent / "script"
MODULES = (
    "dom", "numbers", "data", "words", "theme", "charts", "headline", "comparison", "dots", "accuracy",
    "pass_at", "reasoning", "training", "prior", "looking", "calibration", "judging", "repeats", "about",
    "filters", "route", "list", "shading", "rollout", "siblings", "browser", "keys", "main",
)  # fmt: skip
"""Of the page of runs, in the order in which they are joined: a module comes after those that it imports from."""
EVIDENCE = ("dom", "numbers", "theme", "charts", "evidence")
"""Of the page of `make evidence`."""
_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?function |const |let |class )", re.MULTILINE)
_DECLARED = re.compile(r"^(?:export )?(?:async )?(?:function|const|let|class) (\w+)", re.MULTILINE)


def application(folder: Path = FOLDER, modules: Sequence[str] = MODULES) -> str:
    """The joined script of a page. Raises ValueError for an import that does not fit or a name declared twice."""
    exported: dict[str, set[str]] = {}
    declared: dict[str, str] = {}
    parts = []
    for module in modules:
        source = (folder / f"{module}.js").read_text()
        for names, origin in _IMPORT.findall(source):
            missing = {name.strip() for name in names.split(",") if name.strip()} - exported.get(origin, set())
            if missing:
                raise ValueError(
                    f"script/{module}.js imports {sorted(missing)}, which {origin}.js does not export before"
                )
        for name in _DECLARED.findall(source):
            if name in declared:
                raise ValueError(f"{name} is declared in script/{declared[name]}.js and in script/{module}.js")
            declared[name] = module
        exported[module] = {
            name for name in _DECLARED.findall(source) if re.search(rf"^export .*\b{name}\b", source, re.MULTILINE)
        }
        joined = _EXPORT.sub("", _IMPORT.sub("", source))
        if re.search(r"^(import|export)\b", joined, re.MULTILINE):
            raise ValueError(f"script/{module}.js has an import or export in another form than the two that are joined")
        parts.append(f"// {module}.js\n{joined}")
    return '(() => {\n"use strict";\n' + "\n".join(parts) + "})();\n"
