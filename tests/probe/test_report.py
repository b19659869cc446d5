import json
from dataclasses import fields, replace

from ingestd.diagnose.compatibility import B_FRAMES, Issue, issues
from ingestd.media.access_unit import Codec, Format, StreamInfo
from ingestd.probe.analyser import Analyser
from ingestd.probe.report import WIDTH_COLUMNS, as_json, as_text, plot
from ingestd.probe.report_model import Report
from ingestd.probe.running_statistics import Column
from tests.support.encoded import encode


def findings_of(data: bytes, *, live: bool = False) -> Report:
    analyser = Analyser(live=live)
    analyser.feed(data)
    analyser.finish()
    return analyser.report()


def test_a_stream_without_a_fault() -> None:
    stream = encode("h264", frames=60, gop=20, slices=2, aud=True)
    before, _, after = as_text("front-door.h264", findings_of(stream.container)).partition("  bitrate ")
    assert before.splitlines() == [
        "front-door.h264: 60 pictures, 2 s",
        "",
        "  codec       H.264 Constrained Baseline, level 1.3",
        "  picture     320x240, 4:2:0, 8 bits",
        "  rate        30 pictures/s declared",
    ]
    lines = after.splitlines()
    assert "kbit/s; " in lines[0]
    assert lines[1:8] == [
        "  keyframes   every 20 pictures, 667 ms",
        "  B-frames    none",
        "  slices      2 per picture",
        "  SPS, PPS    in band, with every keyframe",
        "  delimiters  before every picture",
        "  format      Annex-B byte stream",
        "",
    ]
    axis = "▲───────────────────▲───────────────────▲───────────────────"
    assert lines[13].endswith(f"0 └{axis}")
    assert lines[-3:] == [f"{'▲ keyframe':>{lines[13].index('▲') + 10}}", "", "WebRTC will show it."]


def test_what_is_in_the_way_comes_last_with_its_cure() -> None:
    stream = encode("h264", frames=31, gop=31, bframes=2, profile="main")
    text = as_text("b.h264", findings_of(stream.container))
    verdict = text[text.index("WebRTC") :].splitlines()
    assert verdict[0] == "WebRTC will not show it well:"
    assert verdict[1].startswith("  - the stream has B-frames")
    assert "    → ffmpeg: -bf 0" in verdict
    assert "  B-frames    20 of 31 pictures" in text
    assert "  keyframes   a single one" in text


def test_each_tool_has_a_line() -> None:
    found = findings_of(encode("h264", frames=8).container)
    verdict = as_text("x", replace(found, issues=(B_FRAMES,))).splitlines()
    assert verdict[verdict.index("    → encode without them") :] == [
        "    → encode without them",
        "    → x264, x265: bframes=0",
        "    → x264enc: bframes=0 (or tune=zerolatency)",
        "    → x265enc: option-string=bframes=0 (or tune=zerolatency)",
        "    → ffmpeg: -bf 0",
        "    → nvh264enc, nvh265enc: bframes=0 (or zerolatency=true)",
        "    → vah264enc, vah265enc: b-frames=0",
        "    → vaapih264enc, vaapih265enc: max-bframes=0",
    ]


def test_fields_and_layers_are_told_and_hide_nothing() -> None:
    found = findings_of(encode("h264", frames=8).container)
    info = StreamInfo(
        Codec.H264, Format.ANNEXB, 320, 240, "High", "4", "4:2:0", 8, 30.0, interlaced=True, layers=2
    )
    said = replace(found, interlaced=True, layers=2, temporal_layers=3, issues=tuple(issues(info)))
    lines = as_text("x", said).splitlines()
    assert "  picture     320x240, 4:2:0, 8 bits, interlaced" in lines
    assert "  layers      2 in each picture, 3 temporal" in lines
    assert "WebRTC will not show it well:" in lines
    interlaced, _ = json.loads(as_json("x", said))["issues"]
    assert (interlaced["reason"], interlaced["hides"]) == ("interlaced", False)
    assert interlaced["seen"].startswith("the stream is interlaced")
    assert interlaced["cure"].startswith("encode whole frames; ffmpeg: `-vf yadif`")


def test_no_line_is_wider_than_a_terminal() -> None:
    stream = encode("h264", frames=31, gop=31, bframes=2, profile="main")
    text = as_text("b.h264", findings_of(stream.container))
    assert max(map(len, text.splitlines())) <= WIDTH_COLUMNS


def test_options_to_copy_are_not_broken() -> None:
    found = findings_of(encode("vp8", frames=8).container)
    for words in range(8, 24):
        issue = Issue("profile", "add " * words + "`-pix_fmt yuv420p`", Codec.VP8)
        assert "`-pix_fmt yuv420p`" in as_text("x", replace(found, issues=(issue,)))


def test_a_stream_that_says_nothing_of_itself() -> None:
    units = encode("h264", frames=60, gop=20).access_units
    text = as_text("delta.h264", findings_of(b"".join(units[1:20])))
    assert text.startswith("delta.h264: 19 pictures\n")
    for line in (
        "  picture     unknown: no headers seen",
        "  rate        unknown: neither timestamps nor headers say it",
        "  keyframes   none",
        "WebRTC will not show it:",
        "  - no keyframe came, and no viewer can begin to decode without one",
    ):
        assert line in text.splitlines()


def test_writes_are_told_of_sockets_only() -> None:
    stream = encode("vp8", frames=8)
    assert "writes" not in as_text("x", findings_of(stream.container))
    assert "  writes     0.1 per picture" in as_text("x", findings_of(stream.container, live=True))


def test_faults_are_named_before_the_verdict() -> None:
    text = as_text("cut.ivf", findings_of(encode("vp8", frames=8).container[:-3]))
    assert text.index("\n! IVF: the connection ended after") < text.index("WebRTC will show it.")
    assert "gst-launch-1.0 -e" in text


def test_json_is_one_object_of_the_documented_names() -> None:
    stream = encode("vp8", frames=30, gop=10)
    said = json.loads(as_json("x.ivf", findings_of(stream.container)))
    assert set(said) == {"source"} | {field.name for field in fields(Report)}
    assert (said["source"], said["codec"], said["format"]) == ("x.ivf", "vp8", "ivf")
    assert (said["width"], said["pictures"], said["gop_longest"]) == (320, 30, 10)
    assert said["curve"][10] == {"largest": len(stream.access_units[10]), "keyframe": True}
    assert (said["b_frames"], said["issues"]) == (None, [])


def test_keyframes_stand_out_and_are_marked() -> None:
    columns = [Column(4000, True), *[Column(400, False)] * 3, Column(3600, True), Column(1, False)]
    assert plot(columns, "4 kB") == [
        "4 kB │█   ▄",
        "     │█   █",
        "     │█   █",
        "     │█   █",
        "     │█▄▄▄█▁",
        "   0 └▲───▲─",
    ]
