"""What is found in streams by real encoders, beside what PyAV and ffprobe say of them."""

import json
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import Codec, Format
from ingestd.probe.analyser import Analyser
from ingestd.probe.report import as_text
from ingestd.probe.report_model import Report, With
from tests.media.encoders import encode as encode_yuv420p
from tests.media.encoders import long_start_codes, obu_file
from tests.media.vectors_ivf import GSTREAMER_VP8
from tests.support.encoded import ENCODERS, EncodedStream, encode

START_CODE = b"\0\0\0\1"
# How many start codes of a picture may have three bytes, which become four.
START_CODES = {"h264": 4, "h265": 4, "vp8": 0, "vp9": 0, "av1": 0}
H264 = encode("h264", frames=60, gop=20)


def survey_of(data: bytes) -> Report:
    analyser = Analyser(live=False)
    analyser.feed(data)
    analyser.finish()
    return analyser.report()


def without_sets(unit: bytes) -> bytes:
    """The H.264 access unit, SPS and PPS left out."""
    nals = unit.replace(b"\0" + START_CODE[1:], START_CODE[1:]).split(START_CODE[1:])[1:]
    return b"".join(START_CODE + nal for nal in nals if nal[0] & 31 not in (7, 8))


def ffprobe(data: bytes, name: str, folder: Path) -> dict[str, Any]:
    path = folder / name
    path.write_bytes(data)
    command = ["ffprobe", "-v", "error", "-show_streams", "-show_packets", "-of", "json", str(path)]
    answer = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    found: dict[str, Any] = json.loads(answer)
    return found


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="no ffprobe to compare with: install ffmpeg")
@pytest.mark.parametrize("codec", list(ENCODERS))
def test_figures_are_those_of_ffprobe(codec: str, tmp_path: Path) -> None:
    stream = encode(codec, frames=60, gop=20, fps=25)
    found = survey_of(stream.container)
    truth = ffprobe(stream.container, f"x.{ {'h265': 'hevc'}.get(codec, codec) }", tmp_path)
    (video,), packets = truth["streams"], truth["packets"]
    sizes = [int(packet["size"]) for packet in packets]
    keyframes = [number for number, packet in enumerate(packets) if "K" in packet["flags"]]

    assert found.codec == codec
    assert (found.width, found.height) == (video["width"], video["height"])
    assert f"yuv{found.chroma_format}p".replace(":", "") == video["pix_fmt"]
    assert (found.pictures, found.keyframes) == (len(packets), len(keyframes))
    assert found.declared_frame_rate == float(Fraction(video["r_frame_rate"])) == 25
    assert (found.gop_shortest, found.gop_longest) == (20, 20)
    assert found.gop_seconds == pytest.approx(0.8)
    assert found.seconds == pytest.approx(len(packets) / 25)
    assert found.bytes == pytest.approx(sum(sizes), abs=START_CODES[codec] * len(sizes))
    assert found.bitrate_bps == found.bytes * 8 / (len(packets) / 25)
    mean = sum(sizes[number] for number in keyframes) / len(keyframes)
    assert found.keyframe_bytes == pytest.approx(mean, abs=START_CODES[codec])
    assert found.curve[0].largest == pytest.approx(sizes[0], abs=START_CODES[codec])
    if codec != "av1":  # of which ffprobe's libdav1d says nothing
        assert (found.profile or "").removesuffix(" 0") in (video["profile"], "Profile")
    if codec in ("h264", "h265"):
        level = video["level"] / (10 if codec == "h264" else 30)
        assert found.level == f"{level:g}"


@pytest.mark.parametrize("codec", ["vp8", "vp9", "av1"])
def test_the_rate_of_a_file_is_measured_by_its_timestamps(codec: str) -> None:
    found = survey_of(encode(codec, frames=60, gop=20, fps=25).container)
    assert found.measured_frame_rate == pytest.approx(25)


def test_the_timestamps_and_not_the_header_are_what_is_measured() -> None:
    stream = encode("vp8", frames=60, gop=20, fps=25)
    every_other = stream.header + b"".join(stream.pieces[::2])
    found = survey_of(every_other)
    assert found.measured_frame_rate == pytest.approx(12.5)
    assert found.declared_frame_rate == 25


def test_where_one_file_follows_another_the_time_begins_again() -> None:
    stream = encode("vp8", frames=60, gop=20, fps=25)
    found = survey_of(stream.container + stream.container)
    assert found.pictures == 120
    assert found.measured_frame_rate == pytest.approx(25)
    assert found.seconds == pytest.approx(4.8)


def test_gstreamers_ivf() -> None:
    found = survey_of(GSTREAMER_VP8)
    assert (found.codec, found.format, found.pictures) == (Codec.VP8, Format.IVF, 3)
    assert found.parameter_sets is None


def test_av1_without_a_container() -> None:
    packets = encode_yuv420p("libaom-av1", {"usage": "realtime", "cpu-used": "8", "lag-in-frames": "0"})
    found = survey_of(obu_file([packet.data for packet in packets]))
    assert (found.codec, found.format, found.pictures) == (Codec.AV1, Format.OBU, 12)
    assert found.parameter_sets is With.EVERY
    assert (found.seconds, found.bitrate_bps) == (None, None)
    assert found.gop_mean == 5


@pytest.mark.parametrize("slices", [1, 4])
@pytest.mark.parametrize("aud", [False, True])
def test_slices_and_delimiters(slices: int, aud: bool) -> None:
    found = survey_of(encode("h264", frames=8, slices=slices, aud=aud).container)
    assert (found.slices_least, found.slices_most) == (slices, slices)
    assert found.access_unit_delimiters is (With.EVERY if aud else With.NONE)


def test_b_frames_are_counted_and_stand_in_the_way() -> None:
    found = survey_of(encode("h264", frames=31, gop=31, bframes=2, profile="main").container)
    assert found.b_frames == 20
    assert [issue.reason for issue in found.issues] == ["b_frames"]


def test_no_b_frames_and_nothing_in_the_way() -> None:
    found = survey_of(H264.container)
    assert (found.b_frames, found.issues) == (0, ())


def test_h265_is_said_to_be_seen_by_few_browsers() -> None:
    found = survey_of(encode("h265", frames=8).container)
    assert [issue.reason for issue in found.issues] == ["h265_viewers"]


@pytest.mark.parametrize(
    ("lacking", "expected"),
    [
        ((), With.EVERY),
        ((20, 40), With.FIRST),
        ((20,), With.SOME),
        ((0, 20, 40), With.NONE),
        ((0,), With.SOME),
    ],
)
def test_parameter_sets_in_band(lacking: tuple[int, ...], expected: With) -> None:
    units = [without_sets(unit) if n in lacking else unit for n, unit in enumerate(H264.access_units)]
    found = survey_of(b"".join(units))
    assert found.parameter_sets is expected
    reasons = [issue.reason for issue in found.issues]
    assert reasons == (["no_parameter_sets"] if expected is With.NONE else [])
    assert (found.width is None) == (expected is With.NONE)


def test_pictures_before_the_first_keyframe() -> None:
    found = survey_of(b"".join(H264.access_units[5:]))
    assert (found.pictures_before_keyframe, found.keyframes, found.gop_longest) == (15, 2, 20)


def test_no_keyframe_at_all() -> None:
    found = survey_of(b"".join(H264.access_units[1:20]))
    assert [issue.reason for issue in found.issues] == ["no_keyframe"]
    assert (found.keyframes, found.keyframe_bytes, found.parameter_sets) == (0, None, None)


def test_a_change_of_size() -> None:
    larger = encode("h264", frames=8, size=(640, 480))
    found = survey_of(H264.container + larger.container)
    assert (found.width, found.height, found.header_changes) == (640, 480, 1)


def test_a_cut_file_is_said_to_be() -> None:
    stream = encode("vp8", frames=8)
    found = survey_of(stream.container[:-3])
    (fault,) = found.faults
    assert (found.pictures, fault.reason, fault.count) == (7, "cut_frame", 1)


def test_what_comes_in_small_reads_is_the_same() -> None:
    whole, analyser = survey_of(H264.container), Analyser(live=False)
    for first in range(0, len(H264.container), 100):
        analyser.feed(H264.container[first : first + 100])
    analyser.finish()
    assert analyser.report() == whole


def live(stream: EncodedStream, fps: float, cut: int) -> Analyser:
    """Each picture in this many reads, at its time."""
    analyser = Analyser(live=True)
    for number, piece in enumerate(stream.pieces):
        size = -(-len(piece) // cut)
        for first in range(0, len(piece), size):
            analyser.feed(piece[first : first + size], 100.0 + number / fps)
    return analyser


@pytest.mark.parametrize("cut", [1, 3])
def test_a_live_stream_is_measured_by_its_arrival(cut: int) -> None:
    analyser = live(H264, fps=15, cut=cut)
    analyser.finish()
    found = analyser.report()
    assert found.measured_frame_rate == pytest.approx(15)
    assert found.declared_frame_rate == 30
    assert found.seconds == pytest.approx(4)
    assert found.reads_per_picture == pytest.approx(cut, rel=0.05)


def test_a_silence_ends_a_picture_and_what_comes_after_all_corrects_it() -> None:
    analyser = Analyser(live=True)
    first, second = H264.access_units[:2]
    analyser.feed(first, 100.0)
    analyser.feed(second[:-20], 100.1)
    assert analyser.quiet_at is not None
    analyser.flush()
    analyser.feed(second[-20:], 101.0)
    analyser.finish()
    found = analyser.report()
    assert (found.pictures, found.bytes) == (2, len(long_start_codes(first)) + len(long_start_codes(second)))
    assert [fault.reason for fault in found.faults] == ["torn_picture"]


def test_figures_of_a_long_stream_need_no_more_memory() -> None:
    analyser = Analyser(live=False)
    for _ in range(50):
        analyser.feed(H264.container)
    found = analyser.report()
    assert len(found.curve) <= 64
    assert found.pictures >= 49 * 60


def test_noise() -> None:
    analyser = Analyser(live=False)
    analyser.feed(bytes(range(7, 256)) * 50)
    with pytest.raises(BitstreamError, match="no video that is known here"):
        analyser.finish()
    assert not analyser.understood


def test_a_stream_of_recovery_points_hides_itself_from_browsers() -> None:
    options = {"preset": "veryfast", "x264-params": "intra-refresh=1:bframes=0:scenecut=0"}
    packets = [packet.data for packet in encode_yuv420p("libx264", options, 40, 10)]
    found = survey_of(b"".join(packets[1:]))  # joined behind its only IDR picture
    assert found.keyframes == found.recovery_points == 3
    assert [(issue.reason, issue.hides) for issue in found.issues] == [("recovery_points", True)]
    assert "all by recovery point, not IDR" in " ".join(as_text("x", found).split())

    from_the_start = survey_of(b"".join(packets))
    assert (from_the_start.keyframes, from_the_start.recovery_points) == (1, 0)
    assert from_the_start.issues == ()


def test_a_stream_that_goes_on_in_another_codec_is_told_by_its_end() -> None:
    found = survey_of(H264.container + encode("h265", frames=20, gop=20).container)
    assert (found.codec, found.pictures, found.header_changes) == (Codec.H265, 80, 1)
    assert (found.slices_least, found.slices_most) == (1, 1)
