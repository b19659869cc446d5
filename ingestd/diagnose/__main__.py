"""`python -m ingestd.diagnose`: prints docs/diagnoses.md."""

import sys

from ingestd.diagnose.docs_page import docs_page

sys.stdout.write(docs_page())
