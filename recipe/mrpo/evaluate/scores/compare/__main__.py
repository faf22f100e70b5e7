"""`mrpo compare`."""

import sys

from recipe.mrpo.evaluate.scores.compare.command import main

if __name__ == "__main__":
    sys.exit(main())
