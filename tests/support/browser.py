"""Chromium for tests: pages that fail the test where they log an error, checks by axe-core, screenshots."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.support.wait import PATIENCE_S

ROOT = Path(__file__).parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",  # as root, as in containers
    "--autoplay-policy=no-user-gesture-required",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
)
AXE = ROOT / ".cache/axe.min.js"
expect.set_options(timeout=PATIENCE_S * 1000)  # 5 s by itself, which a busy machine may take
# `make screenshots` sets it to docs/img.
SCREENSHOTS = os.environ.get("INGESTD_SCREENSHOTS")


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A headless browser; skips the test where none is installed."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium here: scripts/browser installs it, or as root: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        await browser.close()


@asynccontextmanager
async def opened(
    browser: Browser,
    url: str,
    *,
    width: int = 1280,
    dark: bool = False,
    server_goes: bool = False,
    **options: Any,
) -> AsyncIterator[Page]:
    """A page in a window of that width. What the browser logs as a warning or error fails the test.

    Not where the server ends the connection (``server_goes``), of which LiveKit's client may warn.
    """
    said: list[str] = []
    context = await browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", **options
    )
    page = await context.new_page()
    page.on(
        "console", lambda m: said.append(f"{m.type}: {m.text}") if m.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: said.append(str(error)))
    await page.goto(url)
    yield page
    await context.close()
    assert server_goes or said == [], f"the browser's console has errors: {said}"


async def assert_accessible(page: Page) -> None:
    """axe-core finds no violation."""
    if not AXE.exists():
        pytest.skip("axe-core is not here: scripts/browser fetches it, by npm")
    # By the browser's own protocol, as the page's policy lets no other script in.
    await page.evaluate(AXE.read_text())
    found = await page.evaluate("axe.run().then((found) => found.violations)")
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []


async def assert_fits(page: Page) -> None:
    """Nothing is wider than the window, and no two texts in a heading of a stream lie upon each other."""
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
    assert await page.evaluate(OVERLAPS) == []


# Pairs of neighbours with a text of their own whose boxes share more than a pixel.
OVERLAPS = """
() => {
  const found = [], PARENTS = "header, summary, figcaption, .facts > div, .log li, .command";
  for (const parent of document.querySelectorAll(PARENTS)) {
    const boxes = [...parent.children].map((e) => [e, e.getBoundingClientRect()])
      .filter(([, box]) => box.width && box.height);
    for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) {
      const [a, b] = [boxes[i][1], boxes[j][1]];
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (wide > 1 && high > 1 && getComputedStyle(boxes[j][0]).position !== "absolute")
        found.push([boxes[i][0].outerHTML.slice(0, 80), boxes[j][0].outerHTML.slice(0, 80)]);
    }
  }
  return found;
}
"""


async def screenshot(page: Page, name: str) -> None:
    """Take the picture of that name for the documentation, where it is wanted."""
    if SCREENSHOTS:
        await page.locator("body").screenshot(path=ROOT / SCREENSHOTS / f"{name}.png", animations="disabled")
