"""WebRTC's own account of what it sends: the only one that can be believed."""

import asyncio
from dataclasses import dataclass

from livekit import rtc

from ingestd.errors import RoomError

# It takes milliseconds; a transport that is being torn down may never answer.
TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class SendStats:
    """One reading for one track; zeros and None until WebRTC has something to say."""

    mime_type: str  # of the negotiated codec, e.g. "video/H264"; "" until negotiated
    frames_encoded: int
    frames_sent: int
    target_bitrate_bps: float | None


async def read(track: rtc.LocalVideoTrack) -> SendStats:
    """Ask WebRTC about ``track``. Raises RoomError where there is no answer."""
    mime_types: dict[str, str] = {}
    codec_id, encoded, sent, target = "", 0, 0, 0.0
    try:
        async with asyncio.timeout(TIMEOUT):
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
                target += outbound.target_bitrate
    return SendStats(mime_types.get(codec_id, ""), encoded, sent, target or None)
