"""GStreamer encoder elements: bitrate property and its unit, settings for live pictures without B-frames.

How to add one: `gst-inspect-1.0 ELEMENT` has the properties. Whether a bitrate may change while playing shows
when it is tried, as elements take the property and then leave the encoder as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass

KBIT, BIT = 1000, 1

_NO_WAIT = "no picture waits in the encoder"
_NO_B_FRAMES = "WebRTC shows pictures in the order in which they are sent"
_STEADY = "the bitrate is kept from picture to picture"
# libvpx keeps the level of its buffer, in bits, when the bitrate changes. With the 6 s of vp8enc it takes 6 s
# from 250 kbit/s to 1 Mbit/s, and sends 106 kbit/s at first; with 1 s it takes 1 s. vp9enc with either.
_SHORT_BUFFER = "another bitrate is obeyed within a second"
_HEADERS = "parameter sets come with every keyframe"


@dataclass(frozen=True, slots=True)
class Setting:
    """A property that every live stream needs, and why. A property that this version lacks is left out."""

    property: str  # `extra-controls:NAME`: the field NAME of a structure
    value: str
    why: str


@dataclass(frozen=True, slots=True)
class Encoder:
    """What is known of one encoder element."""

    codec: str
    bitrate: str  # the property
    unit_bps: int
    keyframe_interval: str  # the property; it counts pictures
    settings: tuple[Setting, ...]
    # An event makes it encode a keyframe; a bitrate is obeyed from the next picture on. Where not, it is
    # started again between two pictures, which does both.
    obeys_events: bool = True
    changes_while_playing: bool = True
    # What goes in, where the profile that viewers want does not make the element choose it.
    input_format: str = ""
    # What makes it fast enough for a test picture on a small machine. In a pipeline the user chooses.
    fast: str = ""
    package: str = ""  # of Debian; none: comes with the hardware's drivers


_VPX = (
    Setting("deadline", "1", _NO_WAIT),
    Setting("lag-in-frames", "0", _NO_WAIT),
    Setting("auto-alt-ref", "false", _NO_WAIT),
    Setting("end-usage", "cbr", _STEADY),
    Setting("buffer-size", "1000", _SHORT_BUFFER),
    Setting("buffer-initial-size", "500", _SHORT_BUFFER),
    Setting("buffer-optimal-size", "600", _SHORT_BUFFER),
)
_NVENC = (  # three of them have another name where CUDA mode is the default, GStreamer 1.22 and 1.24
    Setting("zerolatency", "true", _NO_WAIT),
    Setting("zero-reorder-delay", "true", _NO_WAIT),
    Setting("rc-lookahead", "0", _NO_WAIT),
    Setting("bframes", "0", _NO_B_FRAMES),
    Setting("b-frames", "0", _NO_B_FRAMES),
    Setting("rc-mode", "cbr", _STEADY),
    Setting("rate-control", "cbr", _STEADY),
    Setting("repeat-sequence-header", "true", _HEADERS),
)
_VA = (
    Setting("b-frames", "0", _NO_B_FRAMES),
    Setting("rate-control", "cbr", _STEADY),
)
_V4L2 = (
    Setting("extra-controls:video_b_frames", "0", _NO_B_FRAMES),
    Setting("extra-controls:repeat_sequence_header", "1", _HEADERS),
)
_MPP = (
    Setting("header-mode", "each-idr", _HEADERS),
    Setting("rc-mode", "cbr", _STEADY),
)
_OMX = (
    Setting("b-frames", "0", _NO_B_FRAMES),
    Setting("control-rate", "constant", _STEADY),
)
_GOOD, _BAD, _UGLY = (f"gstreamer1.0-plugins-{kind}" for kind in ("good", "bad", "ugly"))

ENCODERS: Mapping[str, Encoder] = {
    "x264enc": Encoder(
        "h264",
        "bitrate",
        KBIT,
        "key-int-max",
        (
            Setting("tune", "zerolatency", _NO_WAIT),
            # Written in the pipeline, each would count for more than `tune`.
            Setting("rc-lookahead", "0", _NO_WAIT),
            Setting("sliced-threads", "true", _NO_WAIT),
            Setting("bframes", "0", _NO_B_FRAMES),
            Setting("intra-refresh", "false", "a keyframe that is wanted is an IDR picture"),
            Setting("pass", "cbr", _STEADY),
        ),
        fast="speed-preset=veryfast",
        package=_UGLY,
    ),
    "openh264enc": Encoder(
        "h264",
        "bitrate",
        BIT,
        "gop-size",
        (
            Setting("rate-control", "bitrate", _STEADY),
            Setting("enable-frame-skip", "true", "rather fewer pictures than more bits than it may make"),
        ),
        fast="complexity=low",
        package=_BAD,
    ),
    "x265enc": Encoder(
        "h265",
        "bitrate",
        KBIT,
        "key-int-max",
        (Setting("tune", "zerolatency", f"{_NO_WAIT}, no B-frames"), Setting("qp", "-1", _STEADY)),
        fast="speed-preset=ultrafast log-level=error",
        package=_BAD,
    ),
    "vp8enc": Encoder(
        "vp8",
        "target-bitrate",
        BIT,
        "keyframe-max-dist",
        _VPX,
        fast="cpu-used=8",
        package=_GOOD,
    ),
    "vp9enc": Encoder(
        "vp9",
        "target-bitrate",
        BIT,
        "keyframe-max-dist",
        _VPX,
        input_format="I420",
        fast="cpu-used=8 row-mt=true",
        package=_GOOD,
    ),
    "av1enc": Encoder(
        "av1",
        "target-bitrate",
        KBIT,
        "keyframe-max-dist",
        (
            Setting("usage-profile", "realtime", _NO_WAIT),
            Setting("lag-in-frames", "0", _NO_WAIT),
            Setting("end-usage", "cbr", _STEADY),
            # With its default, 0, libaom aborts the process when it is to keep a bitrate.
            Setting("max-quantizer", "63", "coarse enough to keep the bitrate"),
        ),
        obeys_events=False,  # GStreamer 1.22
        input_format="I420",
        fast="cpu-used=8",
        package=_BAD,
    ),
    "svtav1enc": Encoder(
        "av1",
        "target-bitrate",
        KBIT,
        "intra-period-length",
        (Setting("parameters-string", "pred-struct=1:rc=2:lookahead=0", f"{_NO_WAIT}, {_STEADY}"),),
        changes_while_playing=False,
        fast="preset=12",
        package=_BAD,
    ),
    "nvh264enc": Encoder("h264", "bitrate", KBIT, "gop-size", _NVENC),
    "nvh265enc": Encoder("h265", "bitrate", KBIT, "gop-size", _NVENC),
    "vah264enc": Encoder("h264", "bitrate", KBIT, "key-int-max", _VA),
    "vah265enc": Encoder("h265", "bitrate", KBIT, "key-int-max", _VA),
    "v4l2h264enc": Encoder(
        "h264", "extra-controls:video_bitrate", BIT, "extra-controls:h264_i_frame_period", _V4L2
    ),
    "v4l2h265enc": Encoder(
        "h265", "extra-controls:video_bitrate", BIT, "extra-controls:video_gop_size", _V4L2
    ),
    "mpph264enc": Encoder("h264", "bps", BIT, "gop", _MPP),
    "mpph265enc": Encoder("h265", "bps", BIT, "gop", _MPP),
    # The OpenMAX of Xilinx counts kbit/s under the same name; all others bit/s.
    "omxh264enc": Encoder("h264", "target-bitrate", BIT, "interval-intraframes", _OMX),
}

# What viewers over WebRTC decode: 4:2:0, 8 bits. It makes the encoder choose that, too.
TAILS = {
    "h264": "h264parse config-interval=-1 ! video/x-h264,stream-format=byte-stream,alignment=au,"
    "profile=(string){constrained-baseline,baseline,main,constrained-high,progressive-high,high}",
    "h265": "h265parse config-interval=-1 ! video/x-h265,stream-format=byte-stream,alignment=au,"
    "profile=(string)main",
    "vp8": "capsfilter caps=video/x-vp8",
    "vp9": "capsfilter caps=video/x-vp9,profile=(string)0",
    "av1": "av1parse ! video/x-av1,stream-format=obu-stream,alignment=tu,profile=(string)main",
}
