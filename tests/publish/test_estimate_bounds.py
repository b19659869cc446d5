"""The bounds of WebRTC's estimate in SDP answers."""

import pytest

from ingestd.publish.estimate_bounds import EstimateBounds, corrected, has_spare_section, with_bounds

BOUNDS = EstimateBounds(start_bps=4_000_000, max_bps=40_000_000)
OURS = "x-google-start-bitrate=4000;x-google-max-bitrate=40000"

# What livekit-server 1.13.5 answers a publisher, shortened.
ANSWER = """\
v=0
o=- 6158291 1 IN IP4 127.0.0.1
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
a=mid:0
m=video 9 UDP/TLS/RTP/SAVPF 108 109 98
a=mid:1
a=rtpmap:108 H264/90000
a=rtcp-fb:108 nack pli
a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f;x-google-start-bitrate=1000
a=rtpmap:109 rtx/90000
a=fmtp:109 apt=108
a=rtpmap:98 VP8/90000
a=recvonly
m=audio 9 UDP/TLS/RTP/SAVPF 111
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_video_codec_gets_the_bounds_and_nothing_else_changes(end: str) -> None:
    before = ANSWER.replace("\n", end)
    after = with_bounds(before, BOUNDS)
    changed = [
        (old, new)
        for old, new in zip(
            before.split(end), after.replace(f"a=fmtp:98 {OURS}{end}", "").split(end), strict=True
        )
        if old != new
    ]
    assert changed == [
        (
            "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
            ";x-google-start-bitrate=1000",
            f"a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f;{OURS}",
        )
    ]
    assert f"a=rtpmap:98 VP8/90000{end}a=fmtp:98 {OURS}{end}a=recvonly" in after


def test_bounds_that_are_there_are_replaced() -> None:
    once = with_bounds(ANSWER, EstimateBounds(1_000_000, 2_000_000))
    assert with_bounds(once, BOUNDS) == with_bounds(ANSWER, BOUNDS)


def test_an_answer_without_video_stays_as_it_is() -> None:
    audio = ANSWER[: ANSWER.index("m=video")]
    assert with_bounds(audio, BOUNDS) == audio
    assert with_bounds("", BOUNDS) == ""


def test_a_track_that_joins_a_connection_raises_its_maximum_and_leaves_its_start() -> None:
    wanted = EstimateBounds(start_bps=8_000_000, max_bps=80_000_000)
    assert corrected(None, wanted) == wanted
    assert corrected(BOUNDS, wanted) == EstimateBounds(start_bps=4_000_000, max_bps=80_000_000)


def test_a_maximum_is_never_below_the_start() -> None:
    less = EstimateBounds(start_bps=1_000_000, max_bps=3_000_000)
    assert corrected(BOUNDS, less) == EstimateBounds(start_bps=4_000_000, max_bps=4_000_000)


def test_a_ceiling_goes_into_the_bandwidth_of_video_and_replaces_the_one_before() -> None:
    sdp = "v=0\r\nm=audio 9 X 0\r\na=mid:0\r\nm=video 9 X 98\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n"
    once = with_bounds(sdp, BOUNDS, 40_000_000)
    assert once == sdp.replace("c=IN IP4 0.0.0.0\r\n", "c=IN IP4 0.0.0.0\r\nb=AS:40000\r\n")
    assert with_bounds(once, BOUNDS, 41_000_000) == once.replace("40000", "41000")
    assert with_bounds(sdp, BOUNDS) == sdp


def test_a_flush_changes_the_parameters_of_every_video_codec_and_takes_the_place_of_the_one_before() -> None:
    once = with_bounds(ANSWER, BOUNDS, flushes=1)
    assert once == with_bounds(ANSWER, BOUNDS).replace(OURS, f"{OURS};x-ingestd-flushes=1")
    assert with_bounds(once, BOUNDS, flushes=2) == with_bounds(ANSWER, BOUNDS, flushes=2)


def test_a_floor_goes_into_the_first_section_that_sends_nothing_of_ours_and_is_the_maximum_there() -> None:
    spare = "m=video 9 X 98\r\na=rtpmap:98 VP8/90000\r\na=fmtp:98 apt=1\r\na=sendonly\r\n"
    track = "m=video 9 X 98\r\na=rtpmap:98 VP8/90000\r\na=recvonly\r\n"
    sdp = "v=0\r\n" + track + spare + spare
    without = with_bounds(sdp, BOUNDS, 30_000_000)
    pinned = with_bounds(sdp, BOUNDS, 30_000_000, floor_bps=5_000_000)
    limited = (
        f"m=video 9 X 98\r\nb=AS:30000\r\na=rtpmap:98 VP8/90000\r\na=fmtp:98 apt=1;{OURS}\r\na=sendonly\r\n"
    )
    assert without.count(limited) == 2, "before there is one nothing is otherwise"
    own = "x-google-min-bitrate=5000;x-google-max-bitrate=5000"
    assert pinned == without.replace(limited, limited.replace(OURS, own).replace("30000", "5000"), 1)
    ended = with_bounds(pinned, BOUNDS, 30_000_000, floor_bps=0)
    own = "x-google-max-bitrate=40000"
    assert ended == without.replace(limited, limited.replace(OURS, own), 1), "a start would begin again"


def test_a_floor_has_no_place_where_every_section_of_video_is_ours() -> None:
    assert not has_spare_section(ANSWER)
    assert has_spare_section(ANSWER.replace("a=recvonly", "a=sendonly"))
    assert not has_spare_section(ANSWER + "a=sendonly\n"), "that of sound"
    assert with_bounds(ANSWER, BOUNDS, floor_bps=5_000_000) == with_bounds(ANSWER, BOUNDS)
