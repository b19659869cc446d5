"""The documentation is built as a site without a warning: links hold, every page is in its menu."""

import io
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.support.browser import assert_accessible, chromium, opened

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `make docs` does, into another folder."""
    into = tmp_path_factory.mktemp("site")
    (options,) = re.findall(r"-m sphinx (.*) build/docs$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    command = [sys.executable, "-m", "sphinx", *options.split(), str(into)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return into


def test_the_site_is_built_without_a_warning(site: Path) -> None:
    first = (site / "docs/index.html").read_text()
    assert 'href="encoders.html"' in first
    assert 'href="../CONTRIBUTING.html"' in first
    assert (site / "index.html").exists(), "the root sends visitors to the first page"


class _Quiet(SimpleHTTPRequestHandler):
    def send_head(self) -> io.BytesIO | BinaryIO | None:
        if self.path == "/favicon.ico":  # for which browsers ask, and complain
            self.send_response(204)
            self.end_headers()
            return None
        return super().send_head()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(site: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


async def test_its_menus_have_names_and_no_page_has_a_barrier(site: Path) -> None:
    with served(site) as url:
        async with chromium() as browser:
            for page_name, width in (
                ("docs/index", 1280),
                ("CONTRIBUTING", 1280),
                ("docs/first-stream", 400),
            ):
                async with opened(browser, f"{url}/{page_name}.html", width=width) as page:
                    menu = page.get_by_role("complementary", name="Pages", include_hidden=True)
                    assert await menu.count() == 1
                    captions = menu.get_by_role("heading", level=2, include_hidden=True)
                    assert await captions.all_inner_texts() != []
                    await assert_accessible(page)
