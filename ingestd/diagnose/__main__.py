"""`python -m ingestd.diagnose`: prints docs/diagnoses.md."""

import sys

from ingestd.diagnose.docs_page import docs_page

if __name__ == "__main__":
    sys.stdout.write(docs_page())
