"""The documentation is built as a site without a warning: links hold, and every page is in its menu."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def build(into: Path) -> subprocess.CompletedProcess[str]:
    """As `make docs` does, into another folder."""
    (options,) = re.findall(r"-m sphinx (.*) build/docs$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    command = [sys.executable, "-m", "sphinx", *options.split(), str(into)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    built = build(tmp_path)
    assert built.returncode == 0, built.stderr
    first = (tmp_path / "docs/index.html").read_text()
    assert 'href="encoders.html"' in first
    assert 'href="../CONTRIBUTING.html"' in first
    assert (tmp_path / "index.html").exists(), "the root sends visitors to the first page"
