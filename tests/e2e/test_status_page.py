"""The status page and the preview of a real daemon, in Chromium: an encoder comes, hangs and goes."""

import pytest
from livekit import api
from playwright.async_api import Page, expect

from ingestd.devserver.livekit_server import LiveKitServer
from ingestd.observe.preview import CLIENT
from tests.conftest import RunDaemon
from tests.support.browser import assert_accessible, assert_fits, chromium, opened, screenshot
from tests.support.daemon import Daemon, stream
from tests.support.encoded import encode
from tests.support.push import Encoder, over_and_over
from tests.support.wait import PATIENCE_S

PATIENCE_MS = PATIENCE_S * 1000
# Of those that Chromium decodes everywhere; H.265 needs a hardware decoder.
CODECS = ["h264", *(pytest.param(codec, marks=pytest.mark.long) for codec in ("vp8", "vp9", "av1"))]

NEEDS_CLIENT = pytest.mark.skipif(
    not CLIENT.exists(),
    reason="LiveKit's JavaScript client is not here: scripts/fetch-livekit-client fetches it, by npm",
)


def url(daemon: Daemon, path: str = "") -> str:
    return f"http://127.0.0.1:{daemon.http_port}/{path}"


async def becomes(page: Page, state: str) -> None:
    await expect(page.locator("[data-state]")).to_have_attribute("data-state", state, timeout=PATIENCE_MS)


@pytest.mark.quiet  # where pictures are lost a stream is not live
async def test_the_page_follows_an_encoder_that_comes_falls_silent_and_goes(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    video = encode("h264", frames=60, gop=30, size=(320, 180))
    with run_daemon(stream("cam", room)) as daemon:
        async with chromium() as browser, opened(browser, url(daemon)) as page:
            await becomes(page, "waiting")
            await expect(page.locator("pre").first).to_contain_text(f"tcp://127.0.0.1:{daemon.port()}")
            with Encoder(daemon.port(), video, writing=over_and_over):
                await becomes(page, "live")
                await expect(page.locator(".facts")).to_contain_text("H.264")
            await becomes(page, "waiting")
            with Encoder(daemon.port(), video) as encoder:
                await becomes(page, "live")
                silent = page.locator(".what", has_text="the encoder has sent nothing for")
                await expect(silent).to_be_visible(timeout=PATIENCE_MS)
                await becomes(page, "live")
                assert encoder.finished
            await expect(page.locator(".log")).to_contain_text("encoder connected")


@NEEDS_CLIENT
@pytest.mark.parametrize("codec", CODECS)
async def test_the_preview_plays_the_pictures(
    run_daemon: RunDaemon, livekit: LiveKitServer, codec: str
) -> None:
    video = encode(codec, frames=60, gop=30, size=(640, 360))
    daemon = run_daemon(stream("front-door", f"lobby-{codec}"))
    daemon.config["http"]["preview"] = True
    with daemon, Encoder(daemon.port(), video, writing=over_and_over):
        preview = url(daemon, "preview/front-door")
        async with chromium() as browser, opened(browser, preview, width=800) as page:
            said = page.locator("#said")
            await expect(said).to_contain_text("640×360", timeout=PATIENCE_MS)
            await expect(page.locator("#preview")).to_have_attribute("data-state", "playing")
            await assert_accessible(page)
            if codec == "h264":
                await screenshot(page, "preview")


@NEEDS_CLIENT
async def test_a_preview_whose_room_is_deleted_says_so_in_words(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    daemon = run_daemon(stream("cam", room))
    daemon.config["http"]["preview"] = True
    with daemon:
        preview = url(daemon, "preview/cam")
        async with chromium() as browser, opened(browser, preview, server_goes=True) as page:
            said = page.locator("#said")
            await expect(said).to_contain_text("no encoder is connected", timeout=PATIENCE_MS)
            async with api.LiveKitAPI(livekit.http_url, livekit.api_key, livekit.api_secret) as client:
                await client.room.delete_room(api.DeleteRoomRequest(room=room))
            await expect(said).to_have_text(
                "The room was left (room deleted). Reload to try again.", timeout=PATIENCE_MS
            )


@NEEDS_CLIENT
@pytest.mark.long
async def test_of_a_codec_that_the_browser_does_not_decode_the_preview_says_so_and_what_helps(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    daemon = run_daemon(stream("cam", room))
    daemon.config["http"]["preview"] = True
    video = encode("h265", frames=60, gop=30, size=(320, 180))
    with daemon, Encoder(daemon.port(), video, writing=over_and_over):
        preview = url(daemon, "preview/cam")
        async with chromium() as browser, opened(browser, preview, width=400, dark=True) as page:
            said = page.locator("#said")
            await expect(said).to_contain_text("does not decode H.265", timeout=PATIENCE_MS)
            await expect(said).to_contain_text("have the encoder send H.264")
            await assert_fits(page)
            await assert_accessible(page)
