"""Protocols and containers that encoders send by mistake: named, and no stream is taken for one."""

import random

import pytest

from ingestd.errors import BitstreamError
from ingestd.media.detection.foreign_formats import (
    TS_DETECTABLE_BYTES,
    refuse_mistakes,
    refuse_packets,
    refuse_start_codes,
)
from tests.media.vectors_h26x import AUD, annexb, h265_vps, length_prefixed, slice, sps
from tests.media.vectors_obu import GSTREAMER_LOW_OVERHEAD

TS_PACKET = b"\x47" + bytes(187)
PARITY, TIMESTAMP = bytes(16), b"\x12\x34\x56\x78"  # of 204 bytes and of 192
STREAMS = {
    "Annex B": annexb(AUD, sps(), slice(idr=True)) * 40,
    "H.265": annexb(h265_vps()) * 40,
    "lengths": length_prefixed(sps(), slice(idr=True)) * 40,
    "OBUs": GSTREAMER_LOW_OVERHEAD,
}


@pytest.mark.parametrize(
    ("data", "reason", "name"),
    [
        (b"OPTIONS rtsp://camera/1 RTSP/1.0\r\n", "rtsp", "an RTSP message"),
        (b"ANNOUNCE rtsp://camera/1 RTSP/1.0\r\n", "rtsp", "an RTSP message"),
        (b"GET / HTTP/1.1\r\n", "http", "an HTTP message"),
        (b"PRI * HTTP/2.0\r\n", "http", "an HTTP message"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "tls", "a TLS ClientHello"),
        (b"PROXY TCP6 ::1 ::1 1 2\r\n", "proxy_header", "a PROXY header"),
        (b"PROXY UNKNOWN\r\n", "proxy_header", "a PROXY header"),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", "proxy_header", "a PROXY header"),
        (b"\x03" + bytes(4) + bytes(4) + b"\x17" * 64, "rtmp", "an RTMP handshake"),
        (b"\0\0\0\x18ftypisom", "mp4", "MP4"),
        (b"\0\0\x01\x00moof", "mp4", "MP4"),
        (b"\x1a\x45\xdf\xa3\x9fB\x86", "matroska", "Matroska or WebM"),
        (b"FLV\x01\x05", "flv", "FLV"),
        (b"OggS\0\x02", "ogg", "Ogg"),
        (b"RIFF\x10\0\0\0AVI LIST", "avi", "AVI"),
        (b"nut/multimedia container", "nut", "NUT"),
        (b"YUV4MPEG2 W320 H240", "raw_video", "raw video (Y4M)"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "jpeg", "JPEG"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "ssh", "SSH"),
    ],
)
def test_a_protocol_or_container_is_named(data: bytes, reason: str, name: str) -> None:
    with pytest.raises(BitstreamError) as caught:
        refuse_mistakes(data)
    assert caught.value.reason == reason
    assert caught.value.seen == f"this is {name}, not a video stream ingestd can take"


@pytest.mark.parametrize(
    ("start_code", "reason"), [(0xB3, "mpeg2"), (0xBA, "mpeg_ps"), (0xB0, "mpeg4"), (0xB6, "mpeg4")]
)
def test_a_start_code_of_other_video_is_named_whatever_zeros_are_before_it(
    start_code: int, reason: str
) -> None:
    for zeros in (2, 3, 50):
        with pytest.raises(BitstreamError) as caught:
            refuse_start_codes(bytes(zeros) + bytes([1, start_code]) + b"\x14\x00")
        assert caught.value.reason == reason


@pytest.mark.parametrize("joined_at", [0, 1, 100, 187])
def test_mpeg_ts_is_known_wherever_it_was_joined(joined_at: int) -> None:
    data = (TS_PACKET * 8)[joined_at:]
    with pytest.raises(BitstreamError, match=r"this is MPEG-TS, not a video stream ingestd can take"):
        refuse_packets(data[:TS_DETECTABLE_BYTES])
    refuse_packets(data[: TS_DETECTABLE_BYTES // 2])


@pytest.mark.parametrize("packet", [TIMESTAMP + TS_PACKET, TS_PACKET + PARITY])
def test_mpeg_ts_is_known_whatever_stands_between_its_packets(packet: bytes) -> None:
    for joined_at in (0, 3, 150):
        with pytest.raises(BitstreamError, match="this is MPEG-TS"):
            refuse_packets((packet * 8)[joined_at:][:TS_DETECTABLE_BYTES])


@pytest.mark.parametrize(
    "begin",
    [b"IMKH\1\1" + bytes(range(1, 35)), b"\xff" * 64, b"\0\0\1\xe0\x12\x34"],
    ids=["IMKH", "junk", "PES"],
)
def test_a_program_stream_is_known_behind_a_header_and_where_it_was_joined(begin: bytes) -> None:
    with pytest.raises(BitstreamError, match="this is an MPEG program stream"):
        refuse_start_codes(begin + b"\0\0\1\xba\x44\0\4")


def rtp(sequence_number: int, ssrc: int, size: int = 40) -> bytes:
    """A packet as RFC 4571 frames it."""
    packet = bytes([0x80, 96]) + sequence_number.to_bytes(2, "big") + bytes(4) + ssrc.to_bytes(4, "big")
    packet += b"\x5a" * size
    return len(packet).to_bytes(2, "big") + packet


def test_two_rtp_packets_of_one_source_are_known() -> None:
    with pytest.raises(BitstreamError, match="this is RTP over TCP, not a video"):
        refuse_packets(rtp(1, 0xDECAF) + rtp(2, 0xDECAF))
    refuse_packets(rtp(1, 0xDECAF))
    refuse_packets(rtp(1, 0xDECAF) + rtp(2, 0xBEEF))


def test_rtp_is_known_where_rtcp_comes_between_or_first() -> None:
    rtcp = (28).to_bytes(2, "big") + b"\x80\xc8\0\6" + bytes(range(24))
    for data in (
        rtcp + rtp(1, 7) + rtp(2, 7),
        rtp(1, 7) + rtcp + rtp(2, 7),
        rtcp * 2 + rtp(1, 7) + rtp(2, 7),
    ):
        with pytest.raises(BitstreamError, match="this is RTP over TCP, not a video"):
            refuse_packets(data)
    refuse_packets(rtcp * 8)


@pytest.mark.parametrize("name", STREAMS)
def test_no_stream_is_taken_for_something_else(name: str) -> None:
    data = STREAMS[name]
    refuse_mistakes(data)
    refuse_packets(data)
    if name != "lengths":  # where a length may look like a start code: `refuse_start_codes` says so
        refuse_start_codes(data)


def test_noise_is_nothing_in_particular() -> None:
    noise = random.Random(1).randbytes(4096)
    refuse_mistakes(noise)
    refuse_start_codes(noise)
    refuse_packets(noise)
    refuse_packets(b"")
