"""The table of what viewers over WebRTC do not decode, or see badly, and the profiles that they decode."""

from collections.abc import Mapping, Sequence

from ingestd.diagnose.diagnosis import H264_BYTE_STREAM, H265_BYTE_STREAM, Diagnoses, Diagnosis
from ingestd.media.access_unit import Codec

# What browsers and phones decode over WebRTC, of 8 bits and 4:2:0: of H.264 what RFC 6184 names and libwebrtc
# offers, of VP9 and AV1 profile 0.
DECODED_PROFILES: Mapping[Codec, Sequence[str]] = {
    Codec.H264: (
        "Constrained Baseline", "Baseline", "Main", "Constrained High", "Progressive High", "High",
    ),
    Codec.H265: ("Main",),
    Codec.VP9: ("Profile 0",),
    Codec.AV1: ("Main",),
}  # fmt: skip
# What makes an encoder choose a profile that viewers decode; with GStreamer the caps behind the encoder, or
# the raw video before it.
_8_BIT_4_2_0: Mapping[Codec, Mapping[str, str]] = {
    Codec.H264: {
        "GStreamer": "add `! video/x-h264,profile=constrained-baseline` after x264enc, or "
        "`! video/x-raw,format=I420` before it; before nvh264enc, vah264enc, vaapih264enc: "
        "`! video/x-raw,format=NV12`",
        "ffmpeg": "add `-pix_fmt yuv420p -profile:v high`",
    },
    Codec.H265: {
        "GStreamer": "add `! video/x-h265,profile=main` after x265enc, or "
        "`! video/x-raw,format=I420` before it; before nvh265enc, vah265enc, vaapih265enc: "
        "`! video/x-raw,format=NV12`",
        "ffmpeg": "add `-pix_fmt yuv420p -profile:v main`",
    },
    Codec.VP9: {
        "GStreamer": "add `! video/x-vp9,profile=(string)0` after vp9enc, or "
        "`! video/x-raw,format=I420` before it",
        "ffmpeg": "add `-pix_fmt yuv420p -profile:v 0`",
    },
    Codec.AV1: {
        "GStreamer": "add `! video/x-raw,format=I420` before av1enc",
        "ffmpeg": "add `-pix_fmt yuv420p`",
    },
}

_WITHOUT_B_FRAMES: Mapping[str, str] = {
    "any": "encode without them",
    "x264, x265": "bframes=0",
    "x264enc": "bframes=0 (or tune=zerolatency)",
    "x265enc": "option-string=bframes=0 (or tune=zerolatency)",
    "ffmpeg": "-bf 0",
    "nvh264enc, nvh265enc": "bframes=0 (or zerolatency=true)",
    "vah264enc, vah265enc": "b-frames=0",
    "vaapih264enc, vaapih265enc": "max-bframes=0",
}
# Measured: docs/webrtc.md.
_OUT_OF_ORDER = (
    "viewers in Chromium see only the first pictures behind each keyframe, 1 or 2 a second at best, and "
    "others see pictures jump back and forth"
)

VIEWERS: Diagnoses = {
    "b_frames": Diagnosis(
        means="the stream has B-frames, and WebRTC shows pictures in the order in which they are sent: "
        f"{_OUT_OF_ORDER}",
        expected="pictures sent in the order in which they are shown",
        cures=_WITHOUT_B_FRAMES,
    ),
    "b_frames.left_out": Diagnosis(
        means="the stream has B-frames that nothing refers to: they are left out, so that WebRTC shows all "
        "others in order, and viewers see fewer pictures a second",
        expected="pictures sent in the order in which they are shown",
        cures={**_WITHOUT_B_FRAMES, "any": "encode without them, and viewers see every picture"},
    ),
    "b_frames.referred_to": Diagnosis(
        means="the stream has B-frames that others refer to (b-pyramid), so they cannot be left out: "
        f"{_OUT_OF_ORDER}",
        expected="pictures sent in the order in which they are shown",
        cures=_WITHOUT_B_FRAMES,
    ),
    "interlaced": Diagnosis(
        # Measured: OpenH264 refuses every SPS with frame_mbs_only_flag 0, also where all pictures are whole
        # frames; libavcodec decodes both.
        means="the stream is interlaced, or says that it may be: viewers whose decoder is OpenH264, as in "
        "Firefox, see nothing, and all others see combs at moving edges where two fields make a picture",
        cures={
            "any": "encode whole frames",
            "ffmpeg": "`-vf yadif`, also with nvenc and vaapi, without -flags +ildct and +ilme",
            "x264": "interlaced=0:fake-interlaced=0",
            "x264enc": "interlaced=false",
            "GStreamer": "`deinterlace !` before x264enc or nvh264enc; `vadeinterlace !` before vah264enc; "
            "`vaapipostproc deinterlace-mode=interlaced !` before vaapih264enc",
        },
    ),
    "layers": Diagnosis(
        means="the stream has several layers or views in each picture: they are published as one, so every "
        "viewer receives all of them, and those of H.264 and H.265 show only the lowest",
        cures={"any": "encode a single layer (scalability mode L1T1); temporal layers do no harm"},
    ),
    "no_parameter_sets": Diagnosis(
        means="no parameter sets came: keyframes are dropped, as no viewer can decode them without",
        expected="SPS and PPS (H.265: VPS too; AV1: a sequence header) before the first keyframe",
        cures={
            "any": "make the encoder send them with every keyframe",
            "x264": "repeat-headers=1",
            "ffmpeg": "-bsf:v dump_extra",
            "GStreamer": f"`{H264_BYTE_STREAM}` (H.265: `{H265_BYTE_STREAM}`), as stream-format=avc and "
            "hvc1 keep them in caps, which no socket carries; and config-interval=-1 of the parser",
        },
    ),
    "no_keyframe": Diagnosis(
        means="no keyframe came, and no viewer can begin to decode without one",
        cures={
            "any": "make the encoder send one every few seconds, or let it take part in `feedback`, by "
            "which it is asked for one",
            "ffmpeg": "-g 60",
            "x264enc": "key-int-max=60",
            "x265enc": "key-int-max=60",
            "vp8enc, vp9enc": "keyframe-max-dist=60",
            "nvh264enc": "gop-size=60",
            "vah264enc": "key-int-max=60",
            "vaapih264enc": "keyframe-period=60",
        },
    ),
    "ignores_requests": Diagnosis(
        means="the encoder is asked for keyframes (`feedback`) and sends none within a second, or the "
        "time of two pictures: viewers who join wait for its next one, or see a replay",
        expected="an IDR picture at once",
        cures={
            "any": "have it do what the lines of JSON on its connection, or the webhook, say "
            "(docs/feedback.md); or configure no `feedback`",
            "ffmpeg": "it cannot be asked: -g 60, and no `feedback`",
            "GStreamer": "tcpclientsink reads nothing: send with ingestd-gst",
            "PyAV": "frame.pict_type = PictureType.I, with the option forced-idr=1",
        },
    ),
    "ignores_rate": Diagnosis(
        means="the encoder sends far more than it is asked for (`feedback`), and the link carries: viewers "
        "see it late, with freezes",
        expected="the bitrate of the last rate message",
        cures={
            "any": "have it set its bitrate to what the lines of JSON, or the webhook, say "
            "(docs/feedback.md); or give it a lower one",
            "x264enc": "set the property bitrate, in kbit/s, while it plays",
            "vp8enc, vp9enc": "set the property target-bitrate, in bit/s, while it plays",
            "GStreamer": "tcpclientsink reads nothing: send with ingestd-gst",
        },
    ),
    "recovery_points": Diagnosis(
        means="the stream can be begun at recovery points only (intra refresh, open GOPs), and no IDR "
        "picture came: viewers in browsers wait for one and see nothing until then",
        cures={
            "any": "make the encoder send IDR pictures every few seconds, or let it take part in "
            "`feedback`, by which it is asked for one",
            "x264": "intra-refresh=0:open-gop=0:keyint=60",
            "x264enc": "intra-refresh=false key-int-max=60",
            "ffmpeg": "-g 60, and with nvenc -forced-idr 1 -intra-refresh 0",
            "nvh264enc": "gop-size=60",
            "vah264enc": "key-int-max=60",
            "vaapih264enc": "keyframe-period=60",
        },
    ),
    "h265_viewers": Diagnosis(
        means="the stream is H.265, which a browser decodes over WebRTC only where its machine has a decoder "
        "for it, and many browsers not even then",
        cures={
            "any": "see docs/h265.md for who does; to be seen by all, send H.264, VP8, VP9 or AV1",
            "ffmpeg": "-c:v libx264",
            "GStreamer": "x264enc",
        },
    ),
    "av1_viewers": Diagnosis(
        means="the stream is AV1, which Safari and apps on iOS decode only where the device has a decoder "
        "for it (iPhone 15 Pro, M3 and later): others see nothing, as there is no second encoding for them",
        cures={
            "any": "to be seen by all, send H.264 or VP8",
            "ffmpeg": "-c:v libx264",
            "GStreamer": "x264enc",
        },
    ),
    "vp9_viewers": Diagnosis(
        means="the stream is VP9, which old versions of Safari and some apps on iOS lack: they see nothing, "
        "as there is no second encoding for them",
        cures={
            "any": "to be seen by all, send H.264 or VP8",
            "ffmpeg": "-c:v libx264",
            "GStreamer": "x264enc",
        },
    ),
    "sample_aspect_ratio": Diagnosis(
        means="the pixels are not square, which browsers do not take note of: the picture looks squeezed or "
        "stretched",
        expected="square pixels",
        cures={
            "any": "scale the picture to square pixels before it is encoded",
            "ffmpeg": "-vf scale=trunc(iw*sar/2)*2:ih,setsar=1",
            "GStreamer": "`videoscale ! video/x-raw,pixel-aspect-ratio=1/1` before the encoder",
        },
    ),
    "hdr": Diagnosis(
        means="the stream is made for HDR screens (PQ or HLG): most viewers show it as if it were not, pale "
        "and dark",
        expected="standard dynamic range (BT.709)",
        cures={
            "any": "set the camera to SDR, or map the tones before encoding",
            "ffmpeg": "-vf zscale=t=linear:npl=100,tonemap=hable,zscale=t=bt709:m=bt709:r=tv,format=yuv420p",
        },
    ),
    "full_range": Diagnosis(
        # Measured: Chromium goes by what the SPS says.
        means="the stream uses the full range of sample values (0 to 255): Chromium shows it as it is meant, "
        "and viewers that take it for limited range show too much contrast",
        expected="limited range (16 to 235)",
        cures={
            "any": "set the encoder, or the camera, to limited range",
            "ffmpeg": "-vf scale=out_range=tv -color_range tv",
            "GStreamer": "`videoconvert ! video/x-raw,colorimetry=bt709` before the encoder",
        },
    ),
    "picture_size": Diagnosis(
        means="the headers state pictures larger than any level up to 6.2 allows, which no viewer decodes; "
        "the connection is closed",
        expected="8192x4352, or as many samples in another shape, at most",
        cures={
            "any": "scale the picture before it is encoded, or see what damages the headers",
            "ffmpeg": "-vf scale=3840:-2",
            "GStreamer": "`videoscale ! video/x-raw,width=3840,height=2160` before the encoder",
        },
    ),
    "level": Diagnosis(
        means="the level of H.264 is higher than what hardware decodes, which may refuse the stream",
        expected="level 5.2 or lower",
        cures={
            "any": "encode fewer samples per second, or say the level that suffices (4096x2304 at 60 per "
            "second fits 5.2)",
            "ffmpeg": "-level:v 5.2",
            "GStreamer": "`! video/x-h264,level=(string)5.2` after x264enc, nvh264enc, vah264enc or "
            "vaapih264enc",
        },
    ),
    **{
        f"{reason}.{codec}": Diagnosis(
            "viewers do not decode this chroma format, or this bit depth", "4:2:0 of 8 bits per sample", cures
        )
        for codec, cures in _8_BIT_4_2_0.items()
        for reason in ("chroma_format", "bit_depth")
    },
    **{
        f"profile.{codec}": Diagnosis(
            "viewers do not decode this profile", " or ".join(profiles), _8_BIT_4_2_0[codec]
        )
        for codec, profiles in DECODED_PROFILES.items()
    },
}
