"""Encoders as GStreamer has them, seen by `ingestd-gst --print`; that they obey: test_sender.py."""

import pytest

from tests.sender.command import PICTURE, error_of, printed, run


def test_what_is_set_for_the_user_is_said_with_its_reason() -> None:
    pipeline, *said = printed(f"{PICTURE} ! x264enc bframes=3 bitrate=900")
    begin = f"{PICTURE} !".replace("!", "'!'")
    assert pipeline.startswith(
        f"gst-launch-1.0 {begin} queue max-size-buffers=4 max-size-bytes=0 "
        "max-size-time=0 '!' x264enc bframes=3 bitrate=900 tune=zerolatency rc-lookahead=0 "
        "sliced-threads=true bframes=0 '!' h264parse "
    )
    assert said == [
        "# x264enc: tune=zerolatency: no picture waits in the encoder",
        "# x264enc: rc-lookahead=0: no picture waits in the encoder",
        "# x264enc: sliced-threads=true: no picture waits in the encoder",
        "# x264enc: bframes=0: WebRTC shows pictures in the order in which they are sent",
        "# x264enc: 900kbps at most, less while the link carries less",
        "# x264enc: a queue before it; of a live source it leaves pictures out while encoder or link do not "
        "keep up",
    ]


@pytest.mark.parametrize(
    ("encoder", "instead"),
    [
        ("x264enc rc-lookahead=20", "rc-lookahead=0"),
        ("x264enc intra-refresh=true", "intra-refresh=false"),
        ("x264enc pass=quant", "pass=cbr"),
        ("x265enc qp=30", "qp=-1"),
    ],
)
def test_what_would_keep_an_encoder_from_obeying_or_have_pictures_wait_in_it_is_replaced(
    encoder: str, instead: str
) -> None:
    pipeline, *said = printed(f"{PICTURE} ! {encoder}")
    assert f" {instead} " in pipeline
    assert [line for line in said if f": {instead}: " in line]


def test_what_the_user_has_set_already_is_not_mentioned() -> None:
    _, *said = printed(f"{PICTURE} ! vp8enc deadline=1 end-usage=cbr")
    assert [line for line in said if "deadline" in line or "end-usage" in line] == []


def test_a_bitrate_on_the_command_line_replaces_that_of_the_pipeline() -> None:
    said = printed(f"{PICTURE} ! x264enc bitrate=900", "--bitrate", "1.5Mbps")
    assert "# x264enc: 1.5Mbps at most, less while the link carries less" in said


def test_a_bitrate_that_the_encoder_does_not_take_is_refused_with_those_it_takes() -> None:
    said = "200Mbps is no bitrate for it; it takes 1kbps to 102.4Mbps"
    of_test_picture = run("--print", "--codec", "h265", "--bitrate", "200Mbps")
    assert (of_test_picture.returncode, of_test_picture.stderr) == (
        2,
        f"ingestd-gst: x265enc bitrate=200000: {said}\n",
    )
    assert said in error_of("--print", "--pipeline", "videotestsrc ! x265enc", "--bitrate", "200Mbps")
