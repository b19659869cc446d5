"""Pipelines as GStreamer makes them, seen by `ingestd-gst --print` and on the socket."""

import subprocess

import pytest

from tests.sender.command import PICTURE, error_of, printed
from tests.support.wait import PATIENCE_S


@pytest.mark.parametrize("name", ["x264enc", "vp9enc"])
def test_a_shell_plays_what_is_printed(name: str) -> None:
    pipeline, *_ = printed(f"videotestsrc num-buffers=3 ! {name} name='my encoder'", "--bitrate", "600kbps")
    assert "bitrate=600" in pipeline
    done = subprocess.run(["bash", "-c", pipeline], capture_output=True, text=True, timeout=PATIENCE_S)
    assert (done.returncode, "Got EOS from element" in done.stdout) == (0, True), done


def test_a_pipeline_may_end_with_caps() -> None:
    pipeline, *_ = printed(f"{PICTURE} ! x264enc ! video/x-h264,stream-format=avc")
    assert "'!' video/x-h264,stream-format=avc '!' identity '!' h264parse" in pipeline


def test_of_several_encoders_the_one_of_that_name_is_told() -> None:
    two = (
        f"{PICTURE} ! tee name=t ! queue ! x264enc bitrate=5000 ! fakesink  t. ! queue ! x264enc bitrate=700"
    )
    assert "several video encoders (x264enc, x264enc)" in error_of("--print", "--pipeline", two)
    assert "# x264enc: 700kbps at most, less while the link carries less" in printed(f"{two} name=encoder")


@pytest.mark.parametrize(
    ("pipeline", "said"),
    [
        ("videotestsrc ! x264enc ! fakesink", "has no open end: leave its sink out"),
        ("x264enc", "has no source"),
        ("videotestsrc", "has no video encoder that could be asked for keyframes: end it with one"),
        ("videotestsrc ! jpegenc", "known are x264enc, openh264enc, x265enc"),
        ("filesrc location=/a ! h264parse", "omxh264enc; what is encoded already needs no ingestd-gst"),
        (f"{PICTURE} ! x264enc bitrate=0", "x264enc bitrate=0: 0bps is no bitrate for it; it takes 1kbps to"),
        (
            "videotestsrc ! x265enc bitrate=-5",
            "x265enc bitrate=-5: 0bps is no bitrate for it; it takes 1kbps",
        ),
        ("videotestsrc ! x264enc ! mp4mux", "does not end with H264"),
        ("videotestsrc ! theoraenc", "theoraenc makes video/x-theora"),
        ("videotestsrc ! nosuchenc", 'no element "nosuchenc"'),
        ("videotestsrc ! x264enc bitrat=1", 'no property "bitrat" in element "x264enc"'),
        ("videotestsrc ! ! x264enc", "is not understood"),
        ("", "is not understood"),
    ],
)
def test_a_pipeline_that_cannot_work_exits_with_2_and_says_what_to_change(pipeline: str, said: str) -> None:
    assert said in error_of("--print", "--pipeline", pipeline)


def test_what_viewers_cannot_decode_is_not_sent() -> None:
    only_444 = "videotestsrc is-live=true ! video/x-raw,format=Y444 ! x264enc"
    said = error_of("--to", "tcp://127.0.0.1:9", "--pipeline", only_444, code=1)
    assert "put `videoconvert` before the encoder" in said
