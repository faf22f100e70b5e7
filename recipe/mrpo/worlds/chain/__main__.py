"""Door: python -m recipe.mrpo.worlds.chain"""

import sys

from recipe.mrpo.worlds.chain.experiment import main

if __name__ == "__main__":
    sys.exit(main())
