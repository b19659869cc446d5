"""The sections of a configuration: what their keys come to, and which go together."""

import pytest

from ingestd.config import (
    Address,
    SourceConfig,
)
from ingestd.media.access_unit import Codec, Format
from tests.config.support import LIVEKIT, Complains, Loads, stream


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


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("b_frames: drop", "b_frames: 'drop' is not known; allowed: auto, warn or reject"),
        ("video_codec: h264", "video_codec: is not known; did you mean codec?"),
        ("max_bitrat: 1", "max_bitrat: is not known; did you mean max_bitrate?"),
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


def test_a_rate_that_is_the_least_and_above_the_most_is_refused_where_it_is_written(
    complains: Complains, loads: Loads
) -> None:
    text = LIVEKIT + "streams:\n"
    (said,) = complains(text + stream("max_bitrate: 1Mbps", "feedback: {min_bitrate: 2Mbps}"))
    assert said.endswith("feedback.min_bitrate 2Mbps is above max_bitrate 1Mbps; allowed: at most that")
    for fits in ("feedback: {min_bitrate: 50kbps}", "feedback: {inline: true}"):
        assert loads(text + stream("max_bitrate: 50kbps", fits)).streams[0].max_bitrate == 50_000
