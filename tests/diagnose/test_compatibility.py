from dataclasses import replace
from fractions import Fraction

import pytest

from ingestd.diagnose.compatibility import (
    B_FRAMES,
    HIGHEST_LEVEL,
    INTERLACED,
    NO_KEYFRAME,
    NO_PARAMETER_SETS,
    issues,
    remarks,
)
from ingestd.diagnose.explain import explain, fields
from ingestd.media.access_unit import Codec, Format, StreamInfo


def info(codec: Codec, profile: str, chroma: str = "4:2:0", depth: int = 8) -> StreamInfo:
    return StreamInfo(codec, Format.ANNEXB, 640, 480, profile, "3.1", chroma, depth, 30.0)


@pytest.mark.parametrize(
    "stream",
    [
        info(Codec.H264, "Constrained Baseline"),
        info(Codec.H264, "Main"),
        info(Codec.H264, "High"),
        info(Codec.H265, "Main"),
        info(Codec.VP8, ""),
        info(Codec.VP9, "Profile 0"),
        info(Codec.AV1, "Main"),
    ],
)
def test_what_viewers_decode(stream: StreamInfo) -> None:
    assert issues(stream) == []


@pytest.mark.parametrize(
    ("stream", "reasons"),
    [
        (info(Codec.H264, "High 4:4:4 Predictive", "4:4:4"), ["chroma_format"]),
        (info(Codec.H264, "High 4:2:2", "4:2:2", 10), ["chroma_format", "bit_depth"]),
        (info(Codec.H264, "High 10", depth=10), ["bit_depth"]),
        (info(Codec.H264, "High 10"), ["profile"]),
        (info(Codec.H264, "High", "4:0:0"), ["chroma_format"]),
        (info(Codec.H264, "Extended"), ["profile"]),
        (info(Codec.H265, "Main 4:2:2 10", "4:2:2", 10), ["chroma_format", "bit_depth"]),
        (info(Codec.H265, "Main 10", depth=10), ["bit_depth"]),
        (info(Codec.VP9, "Profile 1", "4:4:4"), ["chroma_format"]),
        (info(Codec.VP9, "Profile 2", depth=10), ["bit_depth"]),
        (info(Codec.AV1, "High", "4:4:4"), ["chroma_format"]),
        (info(Codec.AV1, "Professional"), ["profile"]),
    ],
)
def test_what_viewers_do_not_decode(stream: StreamInfo, reasons: list[str]) -> None:
    found = issues(stream)
    assert [issue.reason for issue in found] == reasons
    for issue in found:
        assert stream.profile in issue.seen
        assert "-pix_fmt yuv420p" in explain(issue)
        assert "video/x-raw,format=I420" in explain(issue)


@pytest.mark.parametrize(
    ("stream", "reason", "words"),
    [
        (
            replace(info(Codec.H264, "High"), width=720, height=576, sample_aspect_ratio=Fraction(16, 11)),
            "sample_aspect_ratio",
            "(16:11): browsers show the 720x576 samples as they are, and not as 1047x576",
        ),
        (replace(info(Codec.H265, "Main"), hdr=True), "hdr", "PQ or HLG"),
    ],
)
def test_what_viewers_see_in_another_shape_or_in_other_colours(
    stream: StreamInfo, reason: str, words: str
) -> None:
    [issue] = issues(stream)
    assert (issue.reason, issue.hides) == (reason, False)
    assert words in issue.seen
    assert "ffmpeg: -vf" in explain(issue)


def test_a_picture_stretched_by_a_few_pixels_is_as_it_should_be() -> None:
    assert issues(replace(info(Codec.VP9, "Profile 0"), sample_aspect_ratio=Fraction(1088, 1080))) == []


@pytest.mark.parametrize(("width", "height"), [(8192, 4352), (4352, 8192), (16384, 2176)])
def test_a_picture_of_the_highest_level_is_no_issue(width: int, height: int) -> None:
    assert issues(replace(info(Codec.AV1, "Main"), width=width, height=height)) == []


def test_a_picture_larger_than_any_level_allows_hides_all() -> None:
    [issue] = issues(replace(info(Codec.AV1, "Main"), width=8192, height=4353))
    assert (issue.reason, issue.hides) == ("picture_size", True)
    assert "ffmpeg: -vf scale=3840" in explain(issue)


def test_an_ordinary_stream_gives_no_cause_for_remarks() -> None:
    ordinary = replace(info(Codec.H264, "High"), width=1920, height=1080, level="4")
    assert (issues(ordinary), remarks(ordinary), remarks(info(Codec.VP8, ""))) == ([], [], [])


def test_full_range_is_a_remark_as_browsers_go_by_it() -> None:
    stream = replace(info(Codec.H264, "High"), full_range=True)
    [remark] = remarks(stream)
    assert issues(stream) == []
    assert "ffmpeg: -vf scale=out_range=tv" in explain(remark)


@pytest.mark.parametrize("codec", [Codec.AV1, Codec.VP9, Codec.H265])
def test_codecs_that_some_browsers_lack(codec: Codec) -> None:
    [remark] = remarks(info(codec, "Main"))
    assert remark.reason == f"{codec}_viewers"
    assert "ffmpeg: -c:v libx264" in explain(remark)


def test_the_cure_for_what_x264enc_picks_by_itself_names_the_caps() -> None:
    [issue] = issues(info(Codec.H264, "High 4:4:4 Predictive", "4:4:4"))
    assert "video/x-h264,profile=constrained-baseline` after x264enc" in explain(issue)


def test_the_cure_for_parameter_sets_that_stay_in_caps_names_the_caps_that_put_them_in_band() -> None:
    assert "h264parse ! video/x-h264,stream-format=byte-stream" in explain(NO_PARAMETER_SETS)


def test_the_cure_for_b_frames_names_the_options_of_encoders_of_both_codecs() -> None:
    for encoder in (
        "x264enc", "x265enc", "ffmpeg: -bf 0", "nvh264enc", "nvh265enc", "vaapih264enc", "vaapih265enc",
        "vah264enc",
    ):  # fmt: skip
        assert encoder in explain(B_FRAMES)


def test_every_cure_for_h264_names_the_options_of_software_nvidias_and_vaapis_encoders() -> None:
    chroma, level = (
        issues(stream)[0] for stream in (info(Codec.H264, "High 4:2:2", "4:2:2"), replace(HIGH, level="6.2"))
    )
    for issue in (B_FRAMES, INTERLACED, NO_KEYFRAME, chroma, level):
        for encoder in ("x264enc", "ffmpeg", "nvh264enc", "vah264enc", "vaapih264enc"):
            assert encoder in explain(issue), issue.reason


HIGH = info(Codec.H264, "High")


@pytest.mark.parametrize(
    ("stream", "reasons"),
    [
        (replace(HIGH, interlaced=True), ["interlaced"]),
        (replace(HIGH, layers=2), ["layers"]),
        (replace(HIGH, temporal_layers=3), []),
        (replace(HIGH, level="5.2"), []),
        (replace(HIGH, level="1b"), []),
        (replace(HIGH, level=""), []),
        (replace(HIGH, level="6"), ["level"]),
        (replace(HIGH, level="6.2", interlaced=True), ["level", "interlaced"]),
    ],
)
def test_what_viewers_see_badly_or_only_some_of_them(stream: StreamInfo, reasons: list[str]) -> None:
    found = issues(stream)
    assert [issue.reason for issue in found] == reasons
    assert not any(issue.hides for issue in found)


def test_what_viewers_decode_is_expected_and_what_was_seen_has_the_name_of_the_specification() -> None:
    expected = "4:2:0 of 8 bits per sample"
    chroma, depth = (fields(issue) for issue in issues(info(Codec.H264, "High 4:2:2", "4:2:2", 10)))
    assert (chroma["seen"], chroma["expected"]) == ("H.264 High 4:2:2: chroma is 4:2:2", expected)
    assert (depth["seen"], depth["expected"]) == ("H.264 High 4:2:2: 10 bits per sample", expected)
    [profile] = issues(info(Codec.H265, "Main Still Picture"))
    assert fields(profile)["seen"] == "H.265 Main Still Picture: a profile that viewers do not decode"
    assert fields(profile)["expected"] == "Main"
    [level] = issues(replace(HIGH, level="6"))
    assert fields(level)["expected"] == f"level {HIGHEST_LEVEL} or lower"
