"""Door: python -m recipe.mrpo.worlds.evidence"""

import sys

from recipe.mrpo.quickstart.run import clean_up_previous, run
from recipe.mrpo.report.page.evidence import write_evidence_page
from recipe.mrpo.worlds.evidence.command import main

if __name__ == "__main__":
    sys.exit(main(bounded=run, clean_up=clean_up_previous, page=write_evidence_page))
