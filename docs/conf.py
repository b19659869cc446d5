"""Sphinx configuration of the documentation site, whose menu is `docs/index.md`."""

import re
from pathlib import Path

from sphinx.application import Sphinx

from ingestd import __version__

project = "ingestd"
release = __version__
extensions = ["myst_parser", "sphinx_copybutton"]
html_theme = "furo"
html_title = "ingestd"
html_extra_path = ["index.html"]  # sends visitors of the root to the first page
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False

# The source directory is that of the repository, so that links between docs/ and the files beside it hold.
root_doc = "docs/index"
include_patterns = ["docs/*.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "systemd/README.md"]
exclude_patterns = [".*", "build", "dist", "**/__pycache__"]

myst_heading_anchors = 4  # `#section`, as code hosts have it
suppress_warnings = ["misc.highlighting_failure"]  # a transcript or a pipeline with `…` is no valid shell
copybutton_prompt_text = "$ "
MISSING_ATTRIBUTES = {
    '<aside class="sidebar-drawer"': 'aria-label="Pages"',
    '<aside class="toc-drawer"': 'aria-label="On this page"',
    '<p class="caption" role="heading"': 'aria-level="2"',
    '<div class="highlight"><pre': 'tabindex="0"',  # long lines scroll, also by the keyboard
}


def add_menu(_app: Sphinx, name: str, source: list[str]) -> None:
    """Turns each list of links below a heading of the first page into a part of the site's menu."""
    if name != root_doc:
        return
    for part in source[0].split("\n## ")[1:]:
        links = re.findall(r"^- \[(.*?)\]\((\S+)\.md\)", part, re.MULTILINE)
        pages = "\n".join(f"{title} <{page}>" for title, page in links)
        source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {part.splitlines()[0]}\n\n{pages}\n```\n"


def add_attributes(app: Sphinx, _error: Exception | None) -> None:
    """Adds what the theme leaves out, and screen readers and keyboards need."""
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text()
        for tag, attribute in MISSING_ATTRIBUTES.items():
            text = text.replace(f"{tag}>", f"{tag} {attribute}>")
        page.write_text(text)


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", add_menu)
    app.connect("build-finished", add_attributes)
