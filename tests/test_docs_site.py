"""The documentation is built as a site without a warning: links hold, and every page is in its menu."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def build(into: Path) -> subprocess.CompletedProcess[str]:
    """As `make docs` does."""
    options = ["--builder", "html", "--conf-dir", "docs", "--fail-on-warning", "--keep-going", "--quiet"]
    command = [sys.executable, "-m", "sphinx", *options, ".", str(into)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    built = build(tmp_path)
    assert built.returncode == 0, built.stderr
    first = (tmp_path / "docs/index.html").read_text()
    assert 'href="encoders.html"' in first
    assert 'href="../CONTRIBUTING.html"' in first
    assert (tmp_path / "index.html").exists(), "the root sends visitors to the first page"


def test_make_docs_builds_it_in_the_same_way() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert "sphinx --builder html --conf-dir docs --fail-on-warning --keep-going --quiet ." in makefile
