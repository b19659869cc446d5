"""Signatures of other protocols and containers, which encoders send by mistake.

What to send instead says `diagnose/foreign_format_diagnoses.py`.
"""

import re

from ingestd.errors import BitstreamError

# ITU-T H.222.0 2.4.3.2; with a timestamp before each packet (M2TS), with the parity of DVB behind it.
_TS_PACKET_BYTES = (188, 192, 204)
TS_PACKETS_SEEN = 4
# In this many bytes MPEG-TS shows itself wherever it was joined.
TS_DETECTABLE_BYTES = max(_TS_PACKET_BYTES) * (TS_PACKETS_SEEN + 1)

# (pattern of the first bytes, reason, what this is)
_Signatures = tuple[tuple[re.Pattern[bytes], str, str], ...]
PROTOCOLS_AND_CONTAINERS: _Signatures = tuple(
    (re.compile(pattern, re.DOTALL), reason, name)
    for pattern, reason, name in (
        (rb"[A-Z_]{3,13} rtsps?:|RTSP/1", "rtsp", "an RTSP message"),
        (rb"(GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|CONNECT|TRACE) [/*h]|HTTP/1|PRI \* HTTP/2", "http",
         "an HTTP message"),
        (rb"\x16\x03[\x00-\x04]..\x01", "tls", "a TLS ClientHello"),
        (rb"PROXY (TCP[46]|UNKNOWN)|\r\n\r\n\0\r\nQUIT\n", "proxy_header", "a PROXY header"),
        (rb"\x03....(\0\0\0\0|\x09\0\x7c\x02)", "rtmp", "an RTMP handshake"),
        (rb"....(ftyp|styp|moov|moof)", "mp4", "MP4"),
        (rb"\x1a\x45\xdf\xa3", "matroska", "Matroska or WebM"),
        (rb"FLV\x01", "flv", "FLV"),
        (rb"OggS", "ogg", "Ogg"),
        (rb"RIFF....AVI ", "avi", "AVI"),
        (rb"nut/multimedia", "nut", "NUT"),
        (rb"YUV4MPEG2 ", "raw_video", "raw video (Y4M)"),
        (rb"\xff\xd8\xff", "jpeg", "JPEG"),
        (rb"\x01\0.{8}\xff{8}", "gdp", "GDP, packets between two pipelines"),
        (rb"SSH-[12]", "ssh", "SSH"),
    )
)  # fmt: skip
RTP_PACKETS_SEEN = 4
_RTCP_PACKET_TYPES = range(200, 208)  # RFC 5761 4
START_CODES: _Signatures = tuple(
    (re.compile(pattern), reason, name)
    for pattern, reason, name in (
        (rb"\0{2,}+\x01\xb3", "mpeg2", "MPEG-1 or MPEG-2 video"),
        # Behind a header of the sender's, as recorders write, or joined at a packet of it.
        (rb"(?s:.{0,64}?)\0\0\x01\xba|\0{2,}+\x01[\xba\xe0-\xef]", "mpeg_ps", "an MPEG program stream"),
        (rb"\0{2,}+\x01[\xb0\xb6]", "mpeg4", "MPEG-4 Part 2 video"),
    )
)


def refuse_mistakes(data: bytes) -> None:
    """Raise BitstreamError if a connection begins as a protocol or container does that is not taken."""
    _refuse(PROTOCOLS_AND_CONTAINERS, data)


def refuse_start_codes(data: bytes) -> None:
    """Raise BitstreamError if a connection begins with a start code of video that WebRTC does not know.

    The length of a NAL unit may look like one: ask for that first.
    """
    _refuse(START_CODES, data)


def _refuse(signatures: _Signatures, data: bytes) -> None:
    for pattern, reason, name in signatures:
        if pattern.match(data):
            raise _refusal(reason, name)


def _refusal(reason: str, name: str) -> BitstreamError:
    return BitstreamError(reason, f"this is {name}, not a video stream ingestd can take")


def refuse_packets(data: bytes) -> None:
    """Refuse MPEG-TS, wherever it was joined, and RTP framed by RFC 4571."""
    for size in _TS_PACKET_BYTES:
        for first in range(min(size, len(data) - size * (TS_PACKETS_SEEN - 1))):
            if data[first : first + size * TS_PACKETS_SEEN : size] == b"\x47" * TS_PACKETS_SEEN:
                raise _refusal("mpeg_ts", "MPEG-TS")
    if _is_rtp(data):
        raise _refusal("rtp", "RTP over TCP")


def _is_rtp(data: bytes) -> bool:
    """Whether there are two packets of RTP from one SSRC (RFC 3550 5.1), RTCP between them or before."""
    position, ssrc = 0, b""
    for _ in range(RTP_PACKETS_SEEN):
        packet = data[position + 2 : position + 14]
        if len(packet) < 12 or packet[0] & 0xC0 != 0x80:  # version 2
            return False
        if packet[1] not in _RTCP_PACKET_TYPES:
            if ssrc:
                return packet[8:] == ssrc != b"\0\0\0\0"
            ssrc = packet[8:]
        position += 2 + int.from_bytes(data[position : position + 2], "big")
    return False
