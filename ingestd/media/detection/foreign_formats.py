"""What is sent by mistake: other protocols and containers, each named with the option that cures it."""

import re

from ingestd.errors import BitstreamError

_TS_PACKET_BYTES = 188  # ITU-T H.222.0 2.4.3.2
TS_PACKETS_SEEN = 4
# In so many bytes MPEG-TS shows itself wherever it was joined.
TS_DETECTABLE_BYTES = _TS_PACKET_BYTES * (TS_PACKETS_SEEN + 1)

_NO_MUXER = "expected the stream without a container: ffmpeg: -f h264 in place of -f "
_NO_PROTOCOL = "this port takes the bare stream on TCP: ffmpeg: -f h264 tcp://HOST:PORT"

# (pattern of the first bytes, reason, what was seen, what to change)
_Mistakes = tuple[tuple[re.Pattern[bytes], str, str, str], ...]
_PROTOCOLS_AND_CONTAINERS: _Mistakes = tuple(
    (re.compile(pattern, re.DOTALL), reason, seen, cure)
    for pattern, reason, seen, cure in (
        (rb"[A-Z_]{3,13} rtsps?:|RTSP/1", "rtsp", "an RTSP message", _NO_PROTOCOL),
        (rb"(GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|CONNECT|TRACE) [/*h]|HTTP/1|PRI \* HTTP/2", "http",
         "an HTTP message", _NO_PROTOCOL + "; browsers and -method PUT do not belong here"),
        (rb"\x16\x03[\x00-\x04]..\x01", "tls", "a TLS ClientHello",
         "this port speaks plain TCP: connect without TLS, or put a TLS proxy (stunnel) in front of it"),
        (rb"\x03....(\0\0\0\0|\x09\0\x7c\x02)", "rtmp", "an RTMP handshake",
         _NO_PROTOCOL + " in place of -f flv"),
        (rb"....(ftyp|styp|moov|moof)", "mp4", "MP4", _NO_MUXER + "mp4; GStreamer: leave mp4mux out"),
        (rb"\x1a\x45\xdf\xa3", "matroska", "Matroska or WebM",
         _NO_MUXER + "matroska or webm, -f ivf for VP8, VP9 and AV1; GStreamer: leave matroskamux out"),
        (rb"FLV\x01", "flv", "FLV", _NO_MUXER + "flv; GStreamer: leave flvmux out"),
        (rb"OggS", "ogg", "Ogg", _NO_MUXER + "ogg"),
        (rb"RIFF....AVI ", "avi", "AVI", _NO_MUXER + "avi"),
        (rb"nut/multimedia", "nut", "NUT", _NO_MUXER + "nut"),
        (rb"YUV4MPEG2 ", "raw_video", "raw video (Y4M)",
         "expected coded video: add an encoder, -c:v libx264 -f h264"),
        (rb"\xff\xd8\xff", "jpeg", "JPEG", "WebRTC has no JPEG: encode to H.264, -c:v libx264 -f h264"),
        (rb"\x01\0.{8}\xff{8}", "gdp", "the GStreamer Data Protocol", "leave gdppay out of the pipeline"),
        (rb"SSH-[12]", "ssh", "SSH", _NO_PROTOCOL),
    )
)  # fmt: skip


_START_CODES: _Mistakes = tuple(
    (re.compile(pattern), reason, seen, cure)
    for pattern, reason, seen, cure in (
        (rb"\0*\0\0\x01\xb3", "mpeg2", "MPEG-1 or MPEG-2 video", "encode to H.264: -c:v libx264 -f h264"),
        (rb"\0*\0\0\x01\xba", "mpeg_ps", "an MPEG program stream", _NO_MUXER + "mpeg"),
        (rb"\0*\0\0\x01[\xb0\xb6]", "mpeg4", "MPEG-4 Part 2 video", "encode to H.264: -c:v libx264 -f h264"),
    )
)  # fmt: skip


def refuse_mistakes(data: bytes) -> None:
    """Raise BitstreamError if a connection begins as a protocol or container does that is not taken."""
    _refuse(_PROTOCOLS_AND_CONTAINERS, data)


def refuse_start_codes(data: bytes) -> None:
    """Raise BitstreamError if a connection begins with a start code of video that WebRTC does not know.

    The length of a NAL unit may look like one: ask for that first.
    """
    _refuse(_START_CODES, data)


def _refuse(mistakes: _Mistakes, data: bytes) -> None:
    for pattern, reason, seen, cure in mistakes:
        if pattern.match(data):
            raise BitstreamError(reason, f"this is {seen}, not a video stream ingestd can take; {cure}")


def refuse_packets(data: bytes) -> None:
    """Refuse MPEG-TS, wherever it was joined, and RTP framed by RFC 4571."""
    for first in range(min(_TS_PACKET_BYTES, len(data) - _TS_PACKET_BYTES * (TS_PACKETS_SEEN - 1))):
        if (
            data[first : first + _TS_PACKET_BYTES * TS_PACKETS_SEEN : _TS_PACKET_BYTES]
            == b"\x47" * TS_PACKETS_SEEN
        ):
            raise BitstreamError(
                "mpeg_ts", f"this is MPEG-TS; {_NO_MUXER}mpegts; GStreamer: leave mpegtsmux out"
            )
    second = 2 + int.from_bytes(data[:2], "big")
    # Two packets of version 2 from one SSRC (RFC 3550 5.1), the length before each.
    if (
        second + 14 <= len(data)
        and data[2] & 0xC0 == data[second + 2] & 0xC0 == 0x80
        and data[10:14] == data[second + 10 : second + 14] != b"\0\0\0\0"
    ):
        raise BitstreamError(
            "rtp",
            "this is RTP over TCP; send the stream itself: GStreamer: leave rtph264pay and rtpstreampay out",
        )
