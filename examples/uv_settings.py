"""Prints what pip is configured with on this machine as shell lines for uv, which reads no settings of pip.

    eval "$(python examples/uv_settings.py)"

Mirrors, extra indexes, folders of wheels, certificates, constraints and proxies keep working. Standard library alone.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

# pip's setting -> uv's variable; several values stand apart by white space in both.
VARIABLES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "constraint": "UV_CONSTRAINT",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
    "cert": "SSL_CERT_FILE",
    "proxy": "HTTPS_PROXY",
}
COMMA = ("UV_FIND_LINKS",)
"""Variables in which several values stand apart by commas."""


def pip_settings(lines: list[str]) -> dict[str, list[str]]:
    """Values of each setting from the lines of `pip config list`; the environment's replace those of the files."""
    found: dict[str, dict[str, list[str]]] = {}
    for line in lines:
        name, equals, value = line.partition("=")
        scope, dot, setting = name.rpartition(".")
        if not equals or not dot or scope not in (":env:", "global", "install"):
            continue
        # Quoted as Python text, with line breaks between several values.
        found.setdefault(setting, {})[scope] = value.strip().strip("'\"").replace("\\n", " ").split()
    return {setting: next(by[s] for s in (":env:", "install", "global") if s in by) for setting, by in found.items()}


def uv_variables(settings: dict[str, list[str]], environment: dict[str, str]) -> dict[str, str]:
    """uv's variables for pip's settings; a variable that is set already stays as it is."""
    out = {"UV_INDEX_STRATEGY": "unsafe-best-match"}  # pip looks at all indexes alike, uv by itself at the first alone
    for setting, values in settings.items():
        variable = VARIABLES.get(setting)
        if variable and values:
            out.setdefault(variable, ("," if variable in COMMA else " ").join(values))
    return {name: value for name, value in out.items() if name not in environment}


def main() -> None:
    command = [sys.executable, "-m", "pip", "config", "list", "--disable-pip-version-check"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    for name, value in uv_variables(pip_settings(listed), dict(os.environ)).items():
        print(f"export {name}={shlex.quote(value)}")


if __name__ == "__main__":
    main()
