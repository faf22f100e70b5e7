"""Entry point `verl.plugins`: verl imports this module at the end of `import verl`, in every process.

It only installs the post-import hooks of `hooks.py`, so that a process pays for a part of MRPO when it loads the part
of verl that the part belongs to. verl hides an exception of a plugin (DEBUG level), hence the log line.
"""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)


def _install() -> None:
    from recipe.mrpo.common.environment import on_cpu
    from recipe.mrpo.hooks import install

    install()
    if on_cpu():
        from recipe.mrpo.cpu import activate

        activate()


try:
    _install()
except Exception:
    logger.exception("MRPO could not register itself in verl; this run has no adv_estimator=mrpo.")
    raise
