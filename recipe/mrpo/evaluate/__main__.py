"""`mrpo evaluate`."""

import os
import sys

from recipe.mrpo.evaluate.phases.command import main

if __name__ == "__main__":
    status = main()
    if "vllm" in sys.modules:  # its libraries print pages about their own memory when an interpreter ends
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)
