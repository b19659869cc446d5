"""Streams by the encoders that users run, of ffmpeg and of GStreamer, beside what ffprobe says of them.

None of these encoders writes fields as pictures of their own (PAFF): `test_h264.py` has them made by hand.
"""

import json
import shlex
import shutil
import subprocess
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import pytest
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

from ingestd.media.access_unit import AccessUnit, Codec, Format, StreamInfo
from ingestd.media.demuxer import Demuxer
from tests.media.encoders import SIZE, decode, encode, long_start_codes
from tests.media.vectors_h26x import AUD, START
from tests.support.wait import PATIENCE_S

WIDTH, HEIGHT = SIZE
PICTURES, RATE = 12, 25

X264 = "-c:v libx264 -preset veryfast -f h264 -x264-params "
X265 = "-c:v libx265 -preset ultrafast -f hevc -x265-params log-level=none:pools=1:"
X264ENC = "x264enc speed-preset=veryfast key-int-max=5 "
X264ENC_OUT = " ! video/x-h264,stream-format=byte-stream"
X265ENC = "x265enc speed-preset=ultrafast key-int-max=5 option-string=pools=1"
X265ENC_OUT = " ! video/x-h265,stream-format=byte-stream"


class Way(NamedTuple):
    """How to encode: behind the test picture, by ffmpeg or GStreamer, in a format of its raw video."""

    encoder: str
    pixels: str = ""


FFMPEG = {
    "x264 slices, no delimiters": Way(X264 + "slices=3:bframes=0"),
    "x264 pyramid": Way(X264 + "aud=1:bframes=3:b-adapt=0:b-pyramid=normal"),
    "x264 open gop": Way(X264 + "open-gop=1:bframes=2:b-adapt=0:keyint=5"),
    "x264 intra refresh": Way(X264 + "intra-refresh=1:keyint=5:bframes=0"),
    "x264 mbaff": Way(X264 + "interlaced=1:bframes=1:slices=2"),
    "x264 bottom field first": Way(X264 + "bff=1:bframes=0"),
    "x264 fake interlaced": Way(X264 + "fake-interlaced=1:bframes=0"),
    "x264 dump_extra": Way("-flags +global_header -bsf:v dump_extra " + X264 + "keyint=5:bframes=0"),
    "x264 filler": Way(X264 + "nal-hrd=cbr:filler=1:vbv-maxrate=400:vbv-bufsize=400:bitrate=400"),
    "x264 zerolatency": Way("-c:v libx264 -tune zerolatency -profile:v baseline -f h264"),
    "x264 4:2:2": Way(X264 + "bframes=0", "yuv422p"),
    "x264 4:4:4": Way(X264 + "bframes=0", "yuv444p"),
    "x264 10 bit": Way(X264 + "bframes=0", "yuv420p10le"),
    "x264 level 6.2": Way(X264 + "level=6.2"),
    "x265 slices, delimiters": Way(X265 + "aud=1:slices=2:bframes=0"),
    "x265 pyramid": Way(X265 + "bframes=4:b-adapt=0:b-pyramid=1"),
    "x265 open gop": Way(X265 + "open-gop=1:bframes=2:b-adapt=0:keyint=5:min-keyint=5"),
    "x265 intra refresh": Way(X265 + "intra-refresh=1:keyint=5:bframes=0"),
    "x265 fields": Way(X265 + "interlace=tff:bframes=0"),
    "x265 dump_extra": Way("-flags +global_header -bsf:v dump_extra " + X265 + "keyint=5:bframes=0"),
    "x265 hrd": Way(X265 + "hrd=1:vbv-maxrate=400:vbv-bufsize=400:bitrate=400"),
    "x265 temporal layers": Way(X265 + "temporal-layers=1:bframes=3:b-adapt=0"),
    "x265 4:2:2 10 bit": Way(X265 + "bframes=0", "yuv422p10le"),
    "x265 4:4:4": Way(X265 + "bframes=0", "yuv444p"),
    "libvpx": Way("-c:v libvpx -deadline realtime -g 5 -f ivf"),
    "libvpx hidden frames": Way("-c:v libvpx -auto-alt-ref 1 -lag-in-frames 6 -g 8 -f ivf"),
    "libvpx-vp9": Way("-c:v libvpx-vp9 -deadline realtime -g 5 -f ivf"),
    "libvpx-vp9 superframes": Way("-c:v libvpx-vp9 -auto-alt-ref 1 -lag-in-frames 8 -g 8 -f ivf"),
    "libvpx-vp9 4:4:4": Way("-c:v libvpx-vp9 -deadline realtime -f ivf", "yuv444p"),
    "libvpx-vp9 10 bit": Way("-c:v libvpx-vp9 -deadline realtime -f ivf", "yuv420p10le"),
    "libaom": Way("-c:v libaom-av1 -usage realtime -cpu-used 8 -g 5 -f ivf"),
    "libaom obu": Way("-c:v libaom-av1 -usage realtime -cpu-used 8 -g 5 -f obu"),
    "libaom 10 bit": Way("-c:v libaom-av1 -usage realtime -cpu-used 8 -f ivf", "yuv420p10le"),
    # Not with low delay, in which it hangs now and then.
    "svt-av1": Way("-c:v libsvtav1 -preset 12 -g 5 -f ivf"),
}
GSTREAMER = {
    "x264enc slices, no delimiters": Way(
        X264ENC + "aud=false bframes=0 option-string=slices=3" + X264ENC_OUT
    ),
    "x264enc pyramid": Way(X264ENC + "bframes=3 b-adapt=false b-pyramid=true" + X264ENC_OUT),
    "x264enc open gop": Way(X264ENC + "bframes=2 option-string=open-gop=1" + X264ENC_OUT),
    "x264enc intra refresh": Way(X264ENC + "intra-refresh=true bframes=0" + X264ENC_OUT),
    "x264enc interlaced": Way(
        X264ENC + "interlaced=true bframes=0" + X264ENC_OUT, "I420,interlace-mode=interleaved"
    ),
    "x264enc filler": Way(X264ENC + "option-string=nal-hrd=cbr:filler=1 pass=cbr bitrate=400" + X264ENC_OUT),
    "x264enc 4:4:4": Way(X264ENC + X264ENC_OUT, "Y444"),
    "x264enc 4:2:2 10 bit": Way(X264ENC + X264ENC_OUT, "I422_10LE"),
    "x265enc": Way(X265ENC + ":bframes=0" + X265ENC_OUT),
    "x265enc pyramid": Way(X265ENC + ":bframes=3:b-adapt=0" + X265ENC_OUT),
    "vp8enc": Way("vp8enc deadline=1 keyframe-max-dist=5 ! avmux_ivf"),
    "vp9enc": Way("vp9enc deadline=1 keyframe-max-dist=5 ! avmux_ivf"),
    "vp9enc 4:4:4": Way("vp9enc deadline=1 ! avmux_ivf", "Y444"),
    "av1enc": Way("av1enc cpu-used=8 ! av1parse ! video/x-av1,stream-format=obu-stream,alignment=tu"),
}
# Those of x264 and x265 by ffmpeg are for `make test-long`: `test_outside_truth.py` has PyAV's each time.
STREAMS = [
    pytest.param("ffmpeg", name, marks=[pytest.mark.long] if name.startswith(("x264", "x265")) else [])
    for name in FFMPEG
] + [pytest.param("gstreamer", name) for name in GSTREAMER]

FFPROBE = "ffprobe -v error -show_streams -of json -f {demuxer} {path}"
CHROMA = {"4:2:0": "yuv420p", "4:2:2": "yuv422p", "4:4:4": "yuv444p"}


def run_encoder(tool: str, name: str, path: Path) -> None:
    size = f"{WIDTH}x{HEIGHT}"
    if tool == "ffmpeg":
        encoder, pixels = FFMPEG[name]
        picture = f"-f lavfi -i testsrc2=size={size}:rate={RATE} -frames:v {PICTURES}"
        command = f"ffmpeg -v error -nostdin {picture} -pix_fmt {pixels or 'yuv420p'} {encoder} {path}"
    else:
        encoder, pixels = GSTREAMER[name]
        raw = f"format={pixels or 'I420'},width={WIDTH},height={HEIGHT},framerate={RATE}/1"
        command = (
            f"gst-launch-1.0 -q videotestsrc pattern=ball num-buffers={PICTURES} ! video/x-raw,{raw} "
            f"! {encoder} ! filesink location={path}"
        )
    if "svtav1" in command:
        command = f"chrt -o 0 {command}"  # as root it makes itself SCHED_FIFO, and all others wait
    subprocess.run(shlex.split(command), check=True, capture_output=True, timeout=PATIENCE_S)


def ffprobe(path: Path, demuxer: str) -> dict[str, Any]:
    command = shlex.split(FFPROBE.format(demuxer=demuxer, path=path))
    answer = subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE_S).stdout
    (video,) = json.loads(answer)["streams"]
    found: dict[str, Any] = video
    return found


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="no ffprobe to compare with: install ffmpeg")
@pytest.mark.parametrize(("tool", "name"), STREAMS)
def test_what_is_found_is_what_ffprobe_finds(tool: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / "stream"
    run_encoder(tool, name, path)
    demuxer = Demuxer()
    units = demuxer.feed(path.read_bytes()) + demuxer.eof()
    assert demuxer.faults == []
    codec, format, info = demuxer.codec, demuxer.format, units[0].info
    assert codec is not None
    assert format is not None
    assert info is not None
    theirs = {Codec.H264: "h264", Codec.H265: "hevc"}.get(codec, str(format))

    assert len(units) == PICTURES
    assert_pictures_are_packets(name, codec, units, path, theirs)
    assert_fields_are_ffprobes(name, format, info, ffprobe(path, theirs))


def assert_pictures_are_packets(
    name: str, codec: Codec, units: list[AccessUnit], path: Path, demuxer: str
) -> None:
    with av.open(str(path), format=demuxer) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    keyframes = [unit.keyframe for unit in units]
    if codec is Codec.H264 and ("open gop" in name or "intra refresh" in name):
        # Behind an IDR picture a recovery point is a keyframe to libavformat, and none to WebRTC's viewers.
        assert keyframes == [True] + [False] * (PICTURES - 1)
        assert sum(packet.is_keyframe for packet in packets) == 3
    else:
        assert keyframes == [packet.is_keyframe for packet in packets]
    for unit, packet in zip(units, packets, strict=True):
        if codec not in (Codec.H264, Codec.H265):
            assert unit.data == bytes(packet)
            continue
        # Sets are put before keyframes that lack them, and taken off before other pictures, where they are
        # known. Nothing else is added or taken away.
        same = long_start_codes(bytes(packet))
        if not unit.keyframe:
            same = without_sets(codec, same)
        assert unit.data == same or (unit.repaired and unit.data.endswith(same.removeprefix(START + AUD)))


def without_sets(codec: Codec, packet: bytes) -> bytes:
    h264_sets, h265_sets = (7, 8), (32, 33, 34)
    return b"".join(
        START + nal
        for nal in packet.split(START)[1:]
        if (nal[0] & 31 not in h264_sets if codec is Codec.H264 else nal[0] >> 1 & 63 not in h265_sets)
    )


def assert_fields_are_ffprobes(name: str, format: Format, info: StreamInfo, truth: dict[str, Any]) -> None:
    assert (info.width, info.height) == (truth["width"], truth["height"]) == SIZE
    assert CHROMA[info.chroma_format] + ("10le" if info.bit_depth == 10 else "") == truth["pix_fmt"]
    if truth["profile"] == "Rext":  # ffprobe names the range extensions of H.265 all alike
        assert info.profile.startswith(("Main 4:2:2", "Main 4:4:4"))
    else:
        assert info.profile.removeprefix("Profile ") == truth["profile"].removeprefix("Profile ")
    assert info.level == level_name(info.codec, truth["level"])
    assert (info.reorder_depth or 0) == truth["has_b_frames"]
    if format is Format.OBU or (info.frame_rate_fps is None and name.startswith("vp")):
        # Nothing in the stream says the rate; ffprobe takes the default of its demuxer, or the timestamps.
        assert info.frame_rate_fps is None
    else:
        assert info.frame_rate_fps == Fraction(truth["r_frame_rate"]) == RATE
    if name in ("x264 fake interlaced", "x265 fields"):
        # The SPS of the first may hold fields, which makes OpenH264 refuse it, and each picture is a frame
        # all the same; the fields of the second are pictures of their own to libavcodec.
        assert (info.interlaced, truth["field_order"]) == (True, "progressive")
    else:
        assert info.interlaced == (truth.get("field_order", "progressive") != "progressive")
    assert info.interlaced == any(word in name for word in ("mbaff", "bottom field", "interlaced", "fields"))
    assert info.layers == 1
    assert info.temporal_layers == (2 if "temporal" in name else 1)


def level_name(codec: Codec, level: int) -> str:
    match codec:
        case Codec.H264:
            return f"{level / 10:g}"
        case Codec.H265:
            return f"{level / 30:g}"
        case Codec.AV1:  # seq_level_idx
            return f"{2 + (level >> 2)}.{level & 3}"
    return ""


@pytest.mark.parametrize(
    ("params", "openh264_shows"),
    [("bframes=0", True), ("fake-interlaced=1:bframes=0", False), ("interlaced=1:bframes=0", False)],
)
def test_openh264_refuses_what_may_be_interlaced_and_libavcodec_does_not(
    params: str, openh264_shows: bool
) -> None:
    packets = [coded.data for coded in encode("libx264", {"x264-params": params})]
    assert len(decode("libx264", packets)) == len(packets)
    openh264 = av.CodecContext.create("libopenh264", "r")
    assert isinstance(openh264, VideoCodecContext)
    shown = 0
    for data in packets:
        with suppress(FFmpegError):
            shown += len(openh264.decode(av.Packet(data)))
    assert bool(shown) == openh264_shows
