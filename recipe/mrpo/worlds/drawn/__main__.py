"""Door: python -m recipe.mrpo.worlds.drawn --out DIR"""

import sys

from recipe.mrpo.worlds.drawn.command import main

if __name__ == "__main__":
    sys.exit(main())
