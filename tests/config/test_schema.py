"""The types of keys: what a value comes to, and what is said of one that is not allowed."""

import pytest

from ingestd.config import (
    Address,
    SourceConfig,
)
from ingestd.media.access_unit import Codec, Format
from tests.config.support import LIVEKIT, ONE_STREAM, Complains, Loads, stream


def test_every_value_is_typed(loads: Loads) -> None:
    config = loads(
        LIVEKIT
        + "streams:\n"
        + stream(
            "source: {connect: 'unix:///run/cam.sock', idle_timeout: 2m}",
            "codec: h264",
            "format: length-prefixed",
            "max_bitrate: 1.5 Mbps",
            "max_framerate: 29.97",
            "max_backlog: 1",
            "b_frames: reject",
            "frame_metadata: off",
            "feedback: {inline: true, webhook: 'https://example.org/hook'}",
        )
    )

    (cam,) = config.streams
    assert cam.source.address == Address("unix", path="/run/cam.sock")
    assert cam.source.idle_timeout == 120
    assert (cam.codec, cam.format) == (Codec.H264, Format.LENGTH_PREFIXED)
    assert (cam.max_bitrate, cam.max_framerate, cam.max_backlog) == (1_500_000, 29.97, 1.0)
    assert cam.b_frames == "reject"
    assert cam.frame_metadata is False
    assert cam.feedback.inline
    assert cam.feedback.webhook == "https://example.org/hook"


def test_an_idle_timeout_of_0_is_none(loads: Loads) -> None:
    config = loads(LIVEKIT + "streams:\n" + stream("source: {listen: 'unix:///s', idle_timeout: 0}"))

    assert config.streams[0].source.idle_timeout is None


def test_https_means_wss(loads: Loads) -> None:
    assert loads(LIVEKIT + ONE_STREAM, LIVEKIT_URL="https://sfu.example").livekit.url == "wss://sfu.example"
    assert loads(LIVEKIT + ONE_STREAM, LIVEKIT_URL="ws://sfu.example:7").livekit.url == "ws://sfu.example:7"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("max_bitrate: 9kbps", "max_bitrate: '9kbps' is out of range; allowed: 10kbps to 1Gbps"),
        (
            "max_framerate: fast",
            "max_framerate: 'fast' is not a number of frames per second, e.g. 60, or auto",
        ),
        (
            "source: {listen: 'unix:///s', socket_mode: 660}",
            "source.socket_mode: 660 is not the mode of a file; "
            'write "0660" (in quotes), or another up to "0777"',
        ),
        ("live: maybe", "live: 'maybe' is not known; allowed: auto, true, false"),
        ("framerate: 500", "framerate: 500 is out of range; allowed: 1 to 240"),
        ("max_framerate: .nan", "max_framerate: nan is out of range; allowed: 1 to 240"),
        ("codec: mjpeg", "codec: 'mjpeg' is not known; allowed: auto, h264, h265, vp8, vp9, av1"),
        ("codec: no", "codec: False is not known; allowed: auto, h264, h265, vp8, vp9, av1"),
        ("format: mkv", "format: 'mkv' is not known; allowed: auto, annexb, length-prefixed, ivf, obu"),
        ("b_frames: drop", "b_frames: 'drop' is not known; allowed: auto, warn or reject"),
        ("frame_metadata: some", "frame_metadata: 'some' is not known; allowed: auto, true, false"),
        ("video_codec: h264", "video_codec: is not known; did you mean codec?"),
        ("max_bitrat: 1", "max_bitrat: is not known; did you mean max_bitrate?"),
        ("track: ''", "track: '' is not usable; allowed: 1 to 256 printable characters"),
        ("simulcast: maybe", "simulcast: 'maybe' is not known; allowed: false"),
        (
            "feedback: 5",
            "feedback: 5 is not usable; a mapping is needed, with the keys inline, webhook, "
            "webhook_secret_file, min_bitrate",
        ),
    ],
)
def test_a_bad_key_of_a_stream(complains: Complains, line: str, complaint: str) -> None:
    assert complains(LIVEKIT + "streams:\n" + stream(line)) == [f"ingestd.yaml:7: streams[0].{complaint}"]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("auto", "auto"),
        ("native", "native"),
        ("off", "off"),
        ("'off'", "off"),
        ("false", "off"),
        ("null", "auto"),
    ],
)
def test_how_h265_is_published_is_one_of_three(loads: Loads, written: str, read: str) -> None:
    text = f"{LIVEKIT}  h265: {written}\n{ONE_STREAM}"
    assert loads(text).livekit.h265 == read
    assert loads(text, INGESTD_LIVEKIT__H265="off").livekit.h265 == "off"


def test_a_fourth_way_to_publish_h265_is_an_error(complains: Complains) -> None:
    assert complains(f"{LIVEKIT}  h265: on\n{ONE_STREAM}") == [
        "ingestd.yaml:4: livekit.h265: True is not known; allowed: auto, native, off"
    ]


def test_a_source_is_met_in_exactly_one_way(complains: Complains) -> None:
    both = "source: {listen: 'tcp://127.0.0.1:1', connect: 'tcp://127.0.0.1:2'}"
    assert complains(LIVEKIT + "streams:\n" + stream(both)) == [
        "ingestd.yaml:7: streams[0].source: both listen and connect are set; allowed: exactly one of them"
    ]
    (line,) = complains(LIVEKIT + "streams:\n" + stream("source: {}"))
    assert line.startswith(
        "ingestd.yaml:7: streams[0].source: neither listen nor connect is set; write listen:"
    )


def test_a_format_that_cannot_carry_the_codec(complains: Complains) -> None:
    assert complains(LIVEKIT + "streams:\n" + stream("codec: vp8", "format: annexb")) == [
        "ingestd.yaml:5: streams[0]: format annexb cannot carry codec vp8; allowed with it: h264, h265"
    ]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.9.8.7", "::1", "::ffff:192.168.1.5", "fe80::1%eth0", "fd00::5"]
)
def test_loopback_and_private_peers_may_dial_in_by_default(host: str) -> None:
    assert SourceConfig(listen=Address("tcp", "::", 5004)).allows(host)


@pytest.mark.parametrize("host", ["8.8.8.8", "2001:db8::1", "::ffff:8.8.8.8", "172.32.0.1", "", "nonsense"])
def test_nobody_else_may(host: str) -> None:
    assert not SourceConfig(listen=Address("tcp", "::", 5004)).allows(host)


def test_a_unix_socket_asks_nobody() -> None:
    assert SourceConfig(listen=Address("unix", path="/run/s")).allows("")
