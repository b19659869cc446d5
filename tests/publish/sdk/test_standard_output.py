"""What the SDK's native part writes to standard output is discarded, and what Python writes is not."""

from tests.publish.sdk.support import needs_standins, python

PREPARE = (
    "import asyncio; from ingestd.publish.sdk import h265; print(asyncio.run(h265.prepare('auto')).way); "
)
LOAD_STANDINS = "from ingestd.publish.sdk import h265; h265.load_standins(); "
MAKE_A_TRACK = (
    "from livekit import rtc; rtc.LocalVideoTrack.create_video_track('x', rtc.EncodedVideoSource(16, 16)); "
)
# The SDK's threads abort a process that takes its time.
LEAVE = "import os, sys; sys.stdout.flush(); os._exit(0)"


@needs_standins
def test_standard_output_is_ours_whatever_the_sdk_finds() -> None:
    ended = python(PREPARE + MAKE_A_TRACK + "print('ours'); " + LEAVE, RUST_LOG="off")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert [line for line in ended.stdout.splitlines() if "H.265" not in line] == ["stand-ins", "ours"]
    loaded = python(LOAD_STANDINS + MAKE_A_TRACK + LEAVE)
    assert loaded.stdout == "Nvidia Decoder is supported.\n", "else none of this is needed"
