"""What names, URLs and choices of a configuration come to, and what is said of those that are not allowed."""

import pytest

from tests.config.support import LIVEKIT, ONE_STREAM, Complains, Loads, stream


def test_https_means_wss(loads: Loads) -> None:
    assert loads(LIVEKIT + ONE_STREAM, LIVEKIT_URL="https://sfu.example").livekit.url == "wss://sfu.example"
    assert loads(LIVEKIT + ONE_STREAM, LIVEKIT_URL="ws://sfu.example:7").livekit.url == "ws://sfu.example:7"


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


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ("attributes: {lens: 1}", "attributes: a mapping of keys to texts is needed; put numbers, true"),
        ("attributes: [lens]", "attributes: a mapping of keys to texts is needed"),
        ("metadata: {floor: 1}", "metadata: a mapping is not text; put it in quotes"),
        (f"metadata: {'x' * 64_001}", "metadata: has 64,001 bytes; allowed: 64,000, as servers take"),
        ("nmae: Door", "nmae: is not known; did you mean name?"),
    ],
)
def test_what_cannot_be_said_of_a_participant(complains: Complains, said: str, complaint: str) -> None:
    (line,) = complains(
        LIVEKIT + "streams:\n" + stream("source: {listen: 'tcp://127.0.0.1:1'}", f"participant: {{{said}}}")
    )
    assert f"participant.{complaint}" in line


def test_attributes_come_from_a_variable_too(loads: Loads) -> None:
    variable = {"INGESTD_STREAMS__0__PARTICIPANT__ATTRIBUTES": "lens=wide, floor=1"}
    config = loads(LIVEKIT + ONE_STREAM, **variable)
    assert config.streams[0].participant.attributes == (("floor", "1"), ("lens", "wide"))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (
            "source: {listen: 'unix:///s', socket_mode: 660}",
            "source.socket_mode: 660 is not the mode of a file; "
            'write "0660" (in quotes), or another up to "0777"',
        ),
        ("live: maybe", "live: 'maybe' is not known; allowed: auto, true, false"),
        ("codec: mjpeg", "codec: 'mjpeg' is not known; allowed: auto, h264, h265, vp8, vp9, av1"),
        ("codec: no", "codec: False is not known; allowed: auto, h264, h265, vp8, vp9, av1"),
        ("format: mkv", "format: 'mkv' is not known; allowed: auto, annexb, length-prefixed, ivf, obu"),
        ("frame_metadata: some", "frame_metadata: 'some' is not known; allowed: auto, true, false"),
        ("track: ''", "track: '' is not usable; allowed: 1 to 256 printable characters"),
    ],
)
def test_a_value_that_is_none(complains: Complains, line: str, complaint: str) -> None:
    assert complains(LIVEKIT + "streams:\n" + stream(line)) == [f"ingestd.yaml:7: streams[0].{complaint}"]
