"""Why viewers over WebRTC would not see a stream, or not see it well, and what to change at the encoder."""

from dataclasses import dataclass

from ingestd.media.access_unit import Codec, StreamInfo

# What browsers and phones decode over WebRTC: 8 bits and 4:2:0 for every codec; of H.264 what RFC 6184 names
# and libwebrtc offers, of VP9 and AV1 profile 0.
_H264_PROFILES = frozenset(
    {"Constrained Baseline", "Baseline", "Main", "Constrained High", "Progressive High", "High"}
)
_PROFILES = {
    Codec.H264: _H264_PROFILES,
    Codec.H265: frozenset({"Main"}),
    Codec.VP9: frozenset({"Profile 0"}),
    Codec.AV1: frozenset({"Main"}),
}

# What makes a GStreamer encoder choose a profile that viewers have: caps behind it, or raw video before it.
_GSTREAMER = {
    Codec.H264: "GStreamer: add `! video/x-h264,profile=constrained-baseline` after x264enc, "
    "or `! video/x-raw,format=I420` before it; before nvh264enc, vah264enc, vaapih264enc: "
    "`! video/x-raw,format=NV12`",
    Codec.H265: "GStreamer: add `! video/x-h265,profile=main` after x265enc, "
    "or `! video/x-raw,format=I420` before it; before nvh265enc, vah265enc, vaapih265enc: "
    "`! video/x-raw,format=NV12`",
    Codec.VP8: "GStreamer: add `! video/x-raw,format=I420` before vp8enc",
    Codec.VP9: "GStreamer: add `! video/x-vp9,profile=(string)0` after vp9enc, "
    "or `! video/x-raw,format=I420` before it",
    Codec.AV1: "GStreamer: add `! video/x-raw,format=I420` before av1enc",
}
_FFMPEG_PROFILE = {
    Codec.H264: " -profile:v high",
    Codec.H265: " -profile:v main",
    Codec.VP8: "",
    Codec.VP9: " -profile:v 0",
    Codec.AV1: "",
}


@dataclass(frozen=True, slots=True)
class Issue:
    """One reason why viewers would see nothing, or see it badly."""

    reason: str  # a short snake_case word
    seen: str
    cure: str
    hides: bool = True  # viewers see nothing; else all or most of them see it, though not as it should be


B_FRAMES = Issue(
    "b_frames",
    "the stream has B-frames: WebRTC shows pictures in the order in which they are sent, so viewers see them "
    "jump back and forth",
    "encode without them: x264enc: bframes=0 (or tune=zerolatency); x265enc: option-string=bframes=0 (or "
    "tune=zerolatency); ffmpeg: -bf 0; nvh264enc, nvh265enc: bframes=0 (or "
    "zerolatency=true); vah264enc, vah265enc: b-frames=0; vaapih264enc, vaapih265enc: max-bframes=0",
    hides=False,
)

# Measured: OpenH264 refuses every SPS with frame_mbs_only_flag 0, also where all pictures are whole frames;
# libavcodec decodes both.
INTERLACED = Issue(
    "interlaced",
    "the stream is interlaced, or says that it may be: viewers whose decoder is OpenH264, as in Firefox, see "
    "nothing, and all others see combs at moving edges where two fields make a picture",
    "encode whole frames: ffmpeg, also with nvenc and vaapi: `-vf yadif`, without -flags +ildct and +ilme; "
    "x264: interlaced=0:fake-interlaced=0; GStreamer: x264enc: interlaced=false, and `deinterlace !` before "
    "it, or before nvh264enc; `vadeinterlace !` before vah264enc; "
    "`vaapipostproc deinterlace-mode=interlaced !` before vaapih264enc",
    hides=False,
)

LAYERS = Issue(
    "layers",
    "the stream has several layers or views in each picture: they are published as one, so every viewer "
    "receives all of them, and those of H.264 and H.265 show only the lowest",
    "encode a single layer (scalability mode L1T1); temporal layers do no harm",
    hides=False,
)

NO_PARAMETER_SETS = Issue(
    "no_parameter_sets",
    "the stream has shown no SPS and PPS (AV1: sequence header) yet, and no viewer can decode without them",
    "make the encoder send them with every keyframe: x264: repeat-headers=1; ffmpeg: -bsf:v dump_extra; "
    "GStreamer: h264parse config-interval=-1, and, as avc and hvc1 keep them in caps that no socket carries, "
    "h264parse ! video/x-h264,stream-format=byte-stream (h265parse ! video/x-h265,stream-format=byte-stream)",
)

NO_KEYFRAME = Issue(
    "no_keyframe",
    "no keyframe came, and no viewer can begin to decode without one",
    "make the encoder send one every few seconds: ffmpeg: -g 60; x264enc, x265enc: key-int-max=60; vp8enc, "
    "vp9enc: keyframe-max-dist=60; nvh264enc: gop-size=60; vah264enc: key-int-max=60; vaapih264enc: "
    "keyframe-period=60; or let it take part in `feedback`, by which it is asked for one",
)

RECOVERY_POINTS = Issue(
    "recovery_points",
    "the stream can be begun at recovery points only (intra refresh, open GOPs), and no IDR picture came: "
    "viewers in browsers wait for one and see nothing until then",
    "make the encoder send IDR pictures every few seconds: x264: intra-refresh=0:open-gop=0:keyint=60; "
    "x264enc: intra-refresh=false key-int-max=60; ffmpeg: -g 60, and with nvenc -forced-idr 1 "
    "-intra-refresh 0; nvh264enc: gop-size=60; vah264enc: key-int-max=60; vaapih264enc: keyframe-period=60; "
    "or let it take part in `feedback`, by which it is asked for one",
)

H265_VIEWERS = Issue(
    "h265_viewers",
    "the stream is H.265, which a browser decodes over WebRTC only where its machine has a decoder for it, "
    "and many browsers not even then",
    "see docs/h265.md for who does; to be seen by all, send H.264 (ffmpeg: -c:v libx264; GStreamer: "
    "x264enc), VP8, VP9 or AV1",
    hides=False,
)


# WebRTC negotiates level 3.1, and viewers decode what says more all the same: their decoders go by the size
# of the picture. But hardware is built up to this level and may refuse what says more, whatever its size.
HIGHEST_LEVEL = 5.2
_LEVEL_CURE = (
    "encode fewer samples per second, or say the level that suffices (4096x2304 at 60 per second fits 5.2): "
    "ffmpeg: -level:v 5.2; GStreamer: `! video/x-h264,level=(string)5.2` after x264enc, nvh264enc, vah264enc "
    "or vaapih264enc"
)


def issues(info: StreamInfo) -> list[Issue]:
    """Return what in the headers is in the way of viewers; empty when nothing is."""
    found = []
    cure = f"{_GSTREAMER[info.codec]}; ffmpeg: add `-pix_fmt yuv420p{_FFMPEG_PROFILE[info.codec]}`"
    name = f"{info.codec.upper()} {info.profile}".rstrip()
    if info.chroma_format not in ("", "4:2:0"):
        found.append(
            Issue("chroma_format", f"{name}: chroma is {info.chroma_format}, viewers decode 4:2:0 only", cure)
        )
    if info.bit_depth > 8:
        found.append(
            Issue("bit_depth", f"{name}: {info.bit_depth} bits per sample, viewers decode 8 only", cure)
        )
    # Chroma and depth say it more plainly where they are the cause.
    allowed = _PROFILES.get(info.codec)
    if not found and allowed is not None and info.profile and info.profile not in allowed:
        found.append(Issue("profile", f"{name}: viewers decode {', '.join(sorted(allowed))} only", cure))
    if info.codec is Codec.H264 and info.level and _level(info.level) > HIGHEST_LEVEL:
        seen = f"{name}, level {info.level}: hardware decoders may refuse what is above {HIGHEST_LEVEL}"
        found.append(Issue("level", seen, _LEVEL_CURE, hides=False))
    if info.interlaced:
        found.append(INTERLACED)
    if info.layers > 1:
        found.append(LAYERS)
    return found


def _level(name: str) -> float:
    return 1.0 if name == "1b" else float(name)
