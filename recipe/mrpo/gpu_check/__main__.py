"""`python -m recipe.mrpo.gpu_check`: the same as `mrpo doctor --run`."""

from __future__ import annotations

import sys

from recipe.mrpo.gpu_check.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
