"""Pictures that WebRTC takes and loses: counted to the picture, and shown all the same."""

import asyncio
import time

import pytest

from ingestd import AccessUnit, Codec, Publication, StreamFigures
from ingestd.delivery.pacer import Pacer
from ingestd.devserver.livekit_server import LiveKitServer
from tests.support.encoded import encode
from tests.support.viewer import Viewer
from tests.support.wait import PATIENCE_S

STEADY_PICTURES = 60  # pictures before the first burst
PACED_AGAIN = 150  # the number of the picture after the last burst
HELD_BACK_S = 0.4  # seconds, in which a dozen pictures come together; less than max_backlog


@pytest.mark.long
async def test_bursts_without_pacing_are_counted_losses_and_mended(
    livekit: LiveKitServer, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One GOP: what is lost in its middle can be seen only when the GOP is handed over again.
    video = encode("h264", frames=180, gop=180, size=(160, 120))
    units = [AccessUnit(data, Codec.H264) for data in video.access_units]
    publication = Publication(
        url=livekit.url,
        api_key=livekit.api_key,
        api_secret=livekit.api_secret,
        room=room,
        identity="cam",
        track="cam",
    )

    async def push(first: int, last: int) -> None:
        begun = time.monotonic()
        for number in range(first, last):
            await asyncio.sleep(begun + (number - first) / video.fps - time.monotonic())
            assert publication.submit(units[number]) is None

    try:
        with Viewer(livekit, room) as viewer:
            await publication.publish()
            await push(0, STEADY_PICTURES)
            await asyncio.to_thread(
                viewer.wait_for_picture, video.reference_hashes[STEADY_PICTURES - 1], timeout=PATIENCE_S
            )
            before = await settled(publication)
            with monkeypatch.context() as patch:
                patch.setattr(Pacer, "submitted", back_to_back)
                await push(STEADY_PICTURES, PACED_AGAIN)
            await push(PACED_AGAIN, len(units))
            await asyncio.to_thread(
                viewer.wait_until,
                lambda: set(video.reference_hashes) <= set(viewer.hashes()),
                timeout=PATIENCE_S,
                what="see all that was pushed",
            )
            after = await settled(publication)
    finally:
        await publication.close()

    lost = after.frames_lost - before.frames_lost
    assert lost == (submitted(after) - submitted(before)) - (after.frames_sent - before.frames_sent)
    assert lost > 0, "without pacing WebRTC loses pictures"
    assert after.frames_submitted == len(units)


def back_to_back(pacer: Pacer, now: float, _frame_interval: float, waiting: int) -> None:
    """No pacing, and first let pictures come together."""
    pacer.ready_at = now if waiting else now + HELD_BACK_S


def submitted(figures: StreamFigures) -> int:
    return figures.frames_submitted + figures.frames_replayed


async def settled(publication: Publication) -> StreamFigures:
    """The figures when WebRTC has been asked several times since the last change."""
    asked, since = publication.figures(), time.monotonic()
    while time.monotonic() < since + 4.0:
        await asyncio.sleep(0.1)
        figures = publication.figures()
        if (submitted(figures), figures.frames_sent) != (submitted(asked), asked.frames_sent):
            asked, since = figures, time.monotonic()
    return publication.figures()
