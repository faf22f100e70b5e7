"""`mrpo score`."""

import sys

from recipe.mrpo.evaluate.scores.command import main

if __name__ == "__main__":
    sys.exit(main())
