"""WebRTC's send statistics of a track: the only count of sent pictures that can be believed."""

import asyncio
import time
from dataclasses import dataclass

from livekit import rtc

from ingestd.errors import RoomError

# It takes milliseconds; a transport that is being torn down may never answer.
STATISTICS_TIMEOUT_S = 5.0
# Between two readings WebRTC rests this many times as long as it took to count. Else many tracks that begin
# at once would take each other's time for that.
REST_RATIO = 4


@dataclass(frozen=True, slots=True)
class SendStats:
    """One reading for one track; zeros and None until WebRTC has something to say."""

    mime_type: str  # of the negotiated codec, e.g. "video/H264"; "" until negotiated
    frames_encoded: int
    frames_sent: int
    target_bitrate_bps: float | None
    at: float  # when WebRTC counted, seconds on the monotonic clock


async def read(track: rtc.LocalVideoTrack) -> SendStats:
    """Read the statistics of ``track``. Raises RoomError where WebRTC does not answer."""
    mime_types: dict[str, str] = {}
    codec_id, encoded, sent, target_bps, at_us = "", 0, 0, 0.0, time.time_ns() // 1000
    try:
        async with asyncio.timeout(STATISTICS_TIMEOUT_S):
            entries = await track.get_stats()
    except Exception as error:  # the SDK raises no narrower one
        raise RoomError("no_statistics", f"WebRTC does not answer for the track: {error!r}") from None
    for entry in entries:
        match entry.WhichOneof("stats"):
            case "codec":
                mime_types[entry.codec.rtc.id] = entry.codec.codec.mime_type
            case "outbound_rtp":
                outbound = entry.outbound_rtp.outbound
                codec_id = entry.outbound_rtp.stream.codec_id
                encoded += outbound.frames_encoded
                sent += outbound.frames_sent
                target_bps += outbound.target_bitrate
                at_us = entry.outbound_rtp.rtc.timestamp
    at = time.monotonic() - (time.time_ns() // 1000 - at_us) / 1e6
    return SendStats(mime_types.get(codec_id, ""), encoded, sent, target_bps or None, at)


class Statistics:
    """Reads the statistics of a track repeatedly, less often where the machine is busy."""

    def __init__(self, track: rtc.LocalVideoTrack) -> None:
        self._track = track
        self._took_s: float | None = None  # the last reading

    async def next(self, interval_s: float) -> SendStats:
        """Return a reading, at least ``interval_s`` seconds after the last one. Raises like `read`."""
        if self._took_s is not None:
            await asyncio.sleep(max(interval_s, REST_RATIO * self._took_s))
        began_at = time.monotonic()
        stats = await read(self._track)
        self._took_s = time.monotonic() - began_at
        return stats
