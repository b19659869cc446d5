"""The status page in Chromium, with streams on a stage: what people see, wide and narrow, light and dark."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Locator, Page, Route, expect

from ingestd.config import Address
from ingestd.observe.history import KEPT_SAMPLES
from ingestd.observe.http import HttpServer
from ingestd.observe.metrics import make_registry
from ingestd.observe.page_files import ASSETS
from ingestd.observe.stream_state import State
from tests.observe.staged import Stage, StagedStream
from tests.support.browser import assert_accessible, assert_fits, chromium, opened, screenshot
from tests.support.tcp_link import Link
from tests.support.wait import PATIENCE_S

PATIENCE_MS = PATIENCE_S * 1000
PIXEL_FORMAT = "ffmpeg add -pix_fmt yuv420p -profile:v high"


def one_of_each() -> dict[str, StagedStream]:
    """A stream in every state."""
    return {
        "waiting": StagedStream("studio", "waiting", connections=0),
        "starting": StagedStream("roof", "starting"),
        "live": StagedStream("front-door"),
        "degraded": StagedStream("garden", "degraded", since=480),
        "frozen": StagedStream("garage", "frozen", since=540),
        "failed": StagedStream("drone", "failed", since=500),
    }


@asynccontextmanager
async def served(stage: Stage, listen: Address | None = None, version: str = "1.2.3") -> AsyncIterator[str]:
    """The page of ``stage``, ten minutes after its first second."""
    server = HttpServer(
        listen or Address("http", "127.0.0.1", 0), stage, make_registry(list, version), version
    )
    now = asyncio.get_running_loop().time()
    for second in range(KEPT_SAMPLES):
        server.sampler.look(now - KEPT_SAMPLES + second)
    try:
        yield str(await server.start())
    finally:
        await server.stop()


def state(page: Page, name: str) -> Locator:
    return page.locator(f'[data-stream="{name}"] [data-state]')


async def open_all(page: Page, open: bool = True) -> None:
    """Open every stream, as a click on each would, or close it."""
    await page.evaluate(
        "(open) => { for (const one of document.querySelectorAll('.stream > details')) one.open = open; }",
        open,
    )


async def test_a_stream_shows_its_plots_of_the_last_ten_minutes_and_goes_on() -> None:
    async with served(Stage(StagedStream("front-door"))) as url, chromium() as browser:
        for width, dark in ((1600, False), (800, True), (400, False)):
            async with opened(browser, url, width=width, dark=dark) as page:
                line = page.locator('figure[data-plot="rate"] path.line')
                await expect(line).to_have_attribute("d", re.compile(r"^M0 "), timeout=PATIENCE_MS)
                drawn = await line.get_attribute("d")
                assert drawn is not None
                assert drawn.count("L") == KEPT_SAMPLES - 1, "every second of ten minutes"
                await expect(page.locator("figure svg")).to_have_count(5)
                marks = page.locator('figure[data-plot="sizes"] path.marks')
                await expect(marks).to_have_attribute("d", re.compile("M"))
                await expect(line).not_to_have_attribute("d", drawn, timeout=PATIENCE_MS)
                await assert_fits(page)
                if width == 1600:
                    await screenshot(page, "status-page")


async def test_in_print_the_plots_of_every_stream_are_there_as_they_are_now() -> None:
    streams = [StagedStream(f"cam-{number}") for number in range(40)]
    async with served(Stage(*streams)) as url, chromium() as browser, opened(browser, url) as page:
        first, last = (page.locator(f'[data-stream="cam-{n}"] figure[data-plot="rate"]') for n in (0, 39))
        await open_all(page)
        line = expect(first.locator("path.line"))
        await line.to_have_attribute("d", re.compile("^M0 "), timeout=PATIENCE_MS)
        assert await last.locator("path.line").count() == 0, "far below the window nothing is drawn"
        await page.pdf()
        drawn = await last.locator("path.line").get_attribute("d")
        assert drawn is not None
        assert drawn.count("L") == KEPT_SAMPLES - 1, "every second of ten minutes"
        for strip in await page.locator("svg.strip").all():
            assert await strip.locator("path.live").get_attribute("d")


async def test_every_state_in_its_own_words_and_without_a_barrier() -> None:
    streams = one_of_each()
    async with served(Stage(*streams.values())) as url, chromium() as browser:
        for width, dark in ((1600, False), (400, True)):
            async with opened(browser, url, width=width, dark=dark) as page:
                for name, staged in streams.items():
                    seen = expect(state(page, staged.name))
                    await seen.to_have_attribute("data-state", name, timeout=PATIENCE_MS)
                await expect(page).to_have_title(", ".join(f"1 {each}" for each in State) + " · ingestd")
                await open_all(page)
                for words in (
                    "viewers missed",
                    "no picture has left for viewers for",
                    "viewers see nothing",
                ):
                    await expect(page.locator(".reason", has_text=words)).to_be_visible()
                await assert_fits(page)
                await assert_accessible(page)
                await open_all(page, False)
                await screenshot(page, "states-narrow" if width == 400 else "states")


async def test_advice_and_commands_are_those_for_the_tool_at_hand() -> None:
    streams = StagedStream("drone", "failed"), StagedStream("studio", "waiting", connections=0)
    async with served(Stage(*streams)) as url, chromium() as browser, opened(browser, url) as page:
        cure = page.locator('[data-stream="drone"] .verdicts > li > .cures')
        command = page.locator('[data-stream="studio"] pre:visible')
        await expect(cure).to_have_text(PIXEL_FORMAT, use_inner_text=True, timeout=PATIENCE_MS)
        await expect(command).to_contain_text("tcp://127.0.0.1:5004")
        await screenshot(page, "advice")
        await page.get_by_label("GStreamer").first.check()
        await expect(cure).to_contain_text("x264enc", use_inner_text=True)
        await expect(command).to_contain_text("tcpclientsink host=127.0.0.1 port=5004")
        await page.reload()
        await expect(command).to_contain_text("tcpclientsink", timeout=PATIENCE_MS)
        others = page.locator('[data-stream="drone"] .others')
        await others.locator("summary").click()
        await expect(others.locator(".cures")).to_have_text(PIXEL_FORMAT, use_inner_text=True)


async def test_a_stream_that_comes_and_one_that_goes() -> None:
    stage = Stage(StagedStream("front-door"))
    async with served(stage) as url, chromium() as browser, opened(browser, url) as page:
        await expect(page.locator("[data-stream]")).to_have_count(1)
        stage.streams.append(StagedStream("roof", "waiting", connections=0))
        await expect(state(page, "roof")).to_have_text("waiting", timeout=PATIENCE_MS)
        stage.streams[1].act = "live"
        stage.streams[1].connections = 1
        await expect(state(page, "roof")).to_have_text("live", timeout=PATIENCE_MS)
        del stage.streams[0]
        await expect(page.locator("[data-stream]")).to_have_count(1, timeout=PATIENCE_MS)
        await expect(page.locator('[data-stream="front-door"]')).to_have_count(0)


async def test_a_stream_that_listens_elsewhere_now_shows_commands_for_the_new_place() -> None:
    stage = Stage(StagedStream("studio", "waiting", connections=0))
    async with served(stage) as url, chromium() as browser, opened(browser, url) as page:
        command = page.locator('[data-stream="studio"] pre:visible')
        await expect(command).to_contain_text("tcp://127.0.0.1:5004", timeout=PATIENCE_MS)
        stage.streams[0].source = "tcp://0.0.0.0:6006"
        await expect(command).to_contain_text("tcp://127.0.0.1:6006", timeout=PATIENCE_MS)


async def test_without_scripts_what_is_not_well_is_told_in_full_as_the_page_loads_itself_again() -> None:
    streams = one_of_each()
    async with (
        served(Stage(*streams.values())) as url,
        chromium() as browser,
        opened(browser, url, java_script_enabled=False) as page,
    ):
        cures = page.locator('[data-stream="drone"] .cures li:visible')
        await expect(cures.filter(has_text=PIXEL_FORMAT)).to_have_count(1)
        await expect(cures.filter(has_text="x264enc")).to_have_count(1)
        await expect(page.locator('[data-stream="studio"] pre').first).to_be_visible()
        await expect(page.locator('[data-stream="front-door"] .facts')).to_be_hidden()


@pytest.mark.long
async def test_a_daemon_that_is_gone_is_told_and_one_that_is_back_too() -> None:
    stage = Stage(StagedStream("front-door"))
    async with chromium() as browser:
        context = await browser.new_context()
        page = await context.new_page()  # its console tells of the lost connection
        async with served(stage) as url:
            await page.goto(url)
            await expect(state(page, "front-door")).to_have_text("live", timeout=PATIENCE_MS)
        await expect(page.get_by_role("alert")).to_contain_text("does not answer since", timeout=PATIENCE_MS)
        port = int(url.rpartition(":")[2])
        async with served(stage, Address("http", "127.0.0.1", port), "1.2.4"):
            await expect(page.get_by_role("alert")).to_be_hidden(timeout=PATIENCE_MS)
            await expect(state(page, "front-door")).to_have_text("live")
            await expect(page.get_by_role("heading", level=1)).to_have_text("ingestd 1.2.4")


async def hastened(page: Page, **constants: int) -> None:
    """Have the script's constants another value: what takes ten seconds takes none."""

    async def answer(route: Route) -> None:
        script = (ASSETS / "page.js").read_text()
        for name, value in constants.items():
            script, changed = re.subn(rf"const {name} = \d+;", f"const {name} = {value};", script)
            assert changed == 1
        await route.fulfill(body=script, content_type="text/javascript")

    await page.route("**/page.js", answer)


async def test_a_connection_that_died_unheard_as_while_a_laptop_sleeps_is_made_anew() -> None:
    async with served(Stage(StagedStream("front-door"))) as url, chromium() as browser:
        with Link(int(url.rpartition(":")[2])) as link:
            page = await browser.new_page()
            await hastened(page, SILENT_MS=1500, RETRY_MS=3000)
            await page.goto(f"http://127.0.0.1:{link.port}/")
            line = page.locator('figure[data-plot="rate"] path.line')
            await expect(line).to_have_attribute("d", re.compile(r"^M0 "), timeout=PATIENCE_MS)
            link.stick()
            await expect(page.get_by_role("alert")).to_contain_text("does not answer", timeout=PATIENCE_MS)
            await expect(page).to_have_title("no answer · ingestd")
            await expect(page.get_by_role("alert")).to_be_hidden(timeout=PATIENCE_MS)
            await expect(page).to_have_title("1 live · ingestd")


async def test_a_tab_in_the_background_keeps_no_connection_and_no_title_that_may_be_untrue() -> None:
    stage = Stage(StagedStream("front-door"))
    async with served(stage) as url, chromium() as browser:
        page = await browser.new_page()
        await hastened(page, HIDDEN_MS=50)
        # Chromium without a window takes every page for visible.
        await page.add_init_script("Object.defineProperty(document, 'hidden', {get: () => !window.seen})")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url.removeprefix(url)))
        await page.goto(url)
        await expect(page).to_have_title("paused · ingestd")
        assert "/api/events" not in asked
        stage.streams[0].act = "failed"
        look = "(seen) => { window.seen = seen; document.dispatchEvent(new Event('visibilitychange')); }"
        await page.evaluate(look, True)
        await expect(page).to_have_title("1 failed · ingestd", timeout=PATIENCE_MS)
        async with page.expect_event("requestfailed", lambda request: "/api/events" in request.url):
            await page.evaluate(look, False)
        await expect(page).to_have_title("paused · ingestd")


@pytest.mark.parametrize("width", [400, pytest.param(1600, marks=pytest.mark.long)])
async def test_sixty_four_streams_and_the_button_that_leaves_those_that_fail(width: int) -> None:
    acts = {7: "degraded", 19: "frozen", 33: "failed", 40: "waiting", 50: "silent"}
    stage = Stage(*[StagedStream(f"camera-{n:02}", acts.get(n, "live"), since=400) for n in range(1, 65)])
    failed = stage.streams[32]
    async with served(stage) as url, chromium() as browser, opened(browser, url, width=width) as page:
        await expect(page.locator("[data-stream]")).to_have_count(64)
        band = page.locator('[data-stream="camera-01"] .strip .live')
        await expect(band).to_have_attribute("d", f"M0 5H{KEPT_SAMPLES}", timeout=PATIENCE_MS)
        await expect(page.locator("[data-stream]").first).to_have_attribute("data-stream", failed.name)
        silent = page.locator('[data-stream="camera-50"] .silence')
        await expect(silent).to_contain_text("the encoder has sent nothing for")
        await expect(silent).to_be_visible()
        await assert_fits(page)
        await assert_accessible(page)
        await page.get_by_role("button", name="1 failed: camera-33").click()
        await expect(page.locator("[data-stream]:visible")).to_have_count(1)
        await page.locator(f'[data-stream="{failed.name}"] summary').first.press("Enter")
        await expect(page.locator(f'[data-stream="{failed.name}"] .plots')).to_be_visible()
        failed.act = "live"
        await expect(page.locator("[data-stream]:visible")).to_have_count(64, timeout=PATIENCE_MS)


async def test_without_scripts_it_is_a_page_that_can_be_read() -> None:
    streams = one_of_each()
    async with (
        served(Stage(*streams.values())) as url,
        chromium() as browser,
        opened(browser, url, width=400, java_script_enabled=False) as page,
    ):
        for name, staged in streams.items():
            await expect(state(page, staged.name)).to_have_text(name)
        await expect(page.locator("figure:visible")).to_have_count(0)
