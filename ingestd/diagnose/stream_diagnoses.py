"""The table of all that can be wrong with what an encoder sends: reason → `Diagnosis`.

A new reason of a StreamError or an Issue is one entry here; a test compares this table with the source.
"""

from collections.abc import Mapping, Sequence

from ingestd.diagnose.diagnosis import Diagnoses, Diagnosis
from ingestd.media.access_unit import Codec

_BARE_STREAM = "the bare stream on TCP"
_NO_CONTAINER = "the stream without a container"
_OF_WEBRTC = "a codec that WebRTC carries: H.264, H.265, VP8, VP9 or AV1"
_H264_BYTE_STREAM = "h264parse ! video/x-h264,stream-format=byte-stream"
_H265_BYTE_STREAM = "h265parse ! video/x-h265,stream-format=byte-stream"
_OBUS = "av1parse ! video/x-av1,stream-format=obu-stream,alignment=tu"
_IVF = {"ffmpeg": "-f ivf", "GStreamer": "avmux_ivf"}
_OR_IVF = {tool: f" (VP8, VP9, AV1: {option})" for tool, option in _IVF.items()}
_TCP_SINK = f"{_H264_BYTE_STREAM},alignment=au ! tcpclientsink host=HOST port=PORT"
_FINISH = {
    "any": "stop the encoder in a way that lets it finish",
    "ffmpeg": "stop it with SIGINT",
    "GStreamer": "stop it with EOS (gst-launch-1.0 -e)",
}
_CUT_OFF = {"any": "if the encoder was not stopped, see what cut it off"}

_MALFORMED = Diagnosis(
    means="a header cannot be parsed",
    cures={"any": "the encoder wrote it wrong or bytes were lost on the way"},
)


def _to_tcp(*, ffmpeg: str = "", gstreamer: str = "") -> dict[str, str]:
    """Return the cures of another protocol; the arguments go on from the options to take."""
    return {"ffmpeg": f"-f h264 tcp://HOST:PORT{ffmpeg}", "GStreamer": f"`{_TCP_SINK}`{gstreamer}"}


def _to_h264(what: str, element: str) -> dict[str, str]:
    """Return the cures of a codec that WebRTC does not carry; ``element`` is GStreamer's encoder of it."""
    return {
        "any": what,
        "ffmpeg": "-c:v libx264 -f h264",
        "GStreamer": f"`x264enc tune=zerolatency ! {_H264_BYTE_STREAM},alignment=au` in place of {element}",
    }


def _container(name: str, muxer: str, element: str, *, or_ivf: bool = False) -> Diagnosis:
    """``muxer`` is ffmpeg's name of it, ``element`` GStreamer's; ``or_ivf``: mostly of VP8, VP9 or AV1."""
    take = {"ffmpeg": "-f h264", "GStreamer": f"`{_H264_BYTE_STREAM},alignment=au`"}
    leave = {"ffmpeg": f"-f {muxer}", "GStreamer": element}
    cures = {
        tool: f"{take[tool]}{_OR_IVF[tool] if or_ivf else ''} in place of {leave[tool]}" for tool in take
    }
    return Diagnosis(means=f"the encoder sends {name}", expected=_NO_CONTAINER, cures=cures)


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

_CONNECTIONS: Diagnoses = {
    "empty": Diagnosis(
        means="the connection closed without sending a byte",
        expected="an encoder (a port scan or health check does this, and so does ffmpeg when it fails before "
        "the first picture)",
    ),
    "connection_lost": Diagnosis(
        means="the connection broke: the encoder or the network between gave it up",
        cures={"any": "see why the encoder or its machine ended, and what the network between does"},
    ),
    "idle_timeout": Diagnosis(
        means="the encoder sent nothing for `source.idle_timeout`",
        cures={"any": "see whether the encoder runs, or set a longer source.idle_timeout, or auto"},
    ),
    "too_many_faults": Diagnosis(
        means="one read of the socket held more faults than a stream can have",
        cures={"any": "see what damages the stream, and restart the encoder"},
    ),
    "too_costly": Diagnosis(
        means="to read the stream took far more time than any real one takes, for 10 s; it was slowed before",
        cures={
            "any": "see what damages the stream, or makes thousands of tiny pictures, slices or headers of it"
        },
    ),
    "codec_flips": Diagnosis(
        means="the codec changes again and again, and each change costs viewers the track",
        expected="one codec per connection",
        cures={"any": "see whether two encoders write to one connection, and restart the encoder"},
    ),
    "internal": Diagnosis(
        means="a defect of ingestd: the log has the details",
        cures={"any": "report it with the lines of the log"},
    ),
}

_OTHER_THAN_VIDEO: Diagnoses = {
    "not_video": Diagnosis(
        means="the first bytes hold no video that is known here",
        expected="a raw byte stream, IVF or, for AV1, OBUs",
        cures={
            "ffmpeg": "-f h264, -f ivf or -f obu",
            "GStreamer": f"{_H264_BYTE_STREAM},alignment=au ! tcpclientsink, avmux_ivf, or {_OBUS}",
        },
    ),
    "rtsp": Diagnosis(
        means="the encoder speaks RTSP",
        expected=_BARE_STREAM,
        cures=_to_tcp(ffmpeg=" in place of -f rtsp", gstreamer=" in place of rtspclientsink"),
    ),
    "http": Diagnosis(
        means="the encoder, or a browser, speaks HTTP",
        expected=_BARE_STREAM,
        cures={
            "any": "browsers do not belong here",
            **_to_tcp(ffmpeg=", without -method PUT", gstreamer=" in place of souphttpclientsink"),
        },
    ),
    "tls": Diagnosis(
        means="the encoder speaks TLS",
        expected="plain TCP",
        cures={"any": "connect without TLS, or put a TLS proxy (stunnel) in front of this port"},
    ),
    "rtmp": Diagnosis(
        means="the encoder speaks RTMP",
        expected=_BARE_STREAM,
        cures=_to_tcp(
            ffmpeg=" in place of -f flv", gstreamer=" in place of flvmux and rtmpsink or rtmp2sink"
        ),
    ),
    "ssh": Diagnosis(means="an SSH client or server speaks", expected=_BARE_STREAM, cures=_to_tcp()),
    "mp4": _container("MP4", "mp4", "mp4mux"),
    "matroska": _container(
        "Matroska or WebM",
        "matroska or -f webm",
        "matroskamux or webmmux",
        or_ivf=True,
    ),
    "flv": _container("FLV", "flv", "flvmux"),
    "ogg": _container("Ogg", "ogg", "oggmux"),
    "avi": _container("AVI", "avi", "avimux"),
    "nut": _container("NUT", "nut", "avmux_nut"),
    "mpeg_ts": _container("MPEG-TS", "mpegts", "mpegtsmux"),
    "mpeg_ps": _container("an MPEG program stream", "mpeg", "mpegpsmux"),
    "rtp": Diagnosis(
        means="the encoder sends RTP over TCP",
        expected="the stream without RTP",
        cures=_to_tcp(ffmpeg=" in place of -f rtp", gstreamer=" in place of rtph264pay and rtpstreampay"),
    ),
    "gdp": Diagnosis(
        means="the encoder sends the GStreamer Data Protocol",
        expected="the stream without the GStreamer Data Protocol",
        cures={"GStreamer": "leave gdppay out of the pipeline"},
    ),
    "raw_video": Diagnosis(
        means="the encoder sends raw video (Y4M)",
        expected="coded video",
        cures=_to_h264("add an encoder", "y4menc"),
    ),
    "jpeg": Diagnosis(
        means="the encoder sends JPEG, which WebRTC does not carry",
        expected=_OF_WEBRTC,
        cures=_to_h264("encode to H.264", "jpegenc"),
    ),
    "mpeg2": Diagnosis(
        means="the encoder sends MPEG-1 or MPEG-2 video, which WebRTC does not carry",
        expected=_OF_WEBRTC,
        cures=_to_h264("encode to H.264", "avenc_mpeg2video"),
    ),
    "mpeg4": Diagnosis(
        means="the encoder sends MPEG-4 Part 2 video, which WebRTC does not carry",
        expected=_OF_WEBRTC,
        cures=_to_h264("encode to H.264", "avenc_mpeg4"),
    ),
    "codec_mismatch": Diagnosis(
        means="the stream is of another codec than `codec` says",
        cures={"any": "set codec: {case} (or auto), or change the encoder"},
    ),
    "format_mismatch": Diagnosis(
        means="the stream is in another format than `format` says",
        cures={"any": "set format: {case} (or auto), or change the encoder's muxer"},
    ),
}

_NAL_UNITS: Diagnoses = {
    "malformed_vps": _MALFORMED,
    "malformed_sps": _MALFORMED,
    "malformed_pps": _MALFORMED,
    "malformed_sei": _MALFORMED,
    "malformed_slice_header": _MALFORMED,
    "malformed_nal_header": Diagnosis(
        means="a NAL unit has a header that is forbidden; it is left out",
        cures={"any": "bytes were damaged or lost between the encoder and here"},
    ),
    "malformed_trailer": Diagnosis(
        means="an LKTS trailer, the metadata of a picture, cannot be read; it is left out",
        cures={"any": "the encoder wrote it wrong, or in an older layout"},
    ),
    "leading_garbage": Diagnosis(
        means="bytes before the first start code are left out: the stream was joined in the middle of a NAL "
        "unit"
    ),
    "lost_lengths": Diagnosis(
        means="the lengths before the NAL units make no sense any more",
        cures={
            "any": "restart the encoder, or send start codes",
            "GStreamer": _H264_BYTE_STREAM,
            "ffmpeg": "-bsf:v h264_mp4toannexb -f h264",
        },
    ),
    "too_large": Diagnosis(
        means="a picture of more bytes than any real one",
        expected="a new picture before that",
        cures={"any": "lower the encoder's bitrate, or see whether it still sends start codes"},
    ),
    "too_large.slices": Diagnosis(
        means="a picture of more NAL units than any real one",
        cures={
            "any": "make fewer slices per picture",
            "x264": "slices=4",
            "x264enc": "option-string=slices=4",
        },
    ),
    "too_large.sets": Diagnosis(
        means="a picture of more parameter sets than a stream can have",
        cures={"any": "send those in use, before keyframes; see what damages the stream"},
    ),
    "tiny_keyframe": Diagnosis(
        means="a keyframe far smaller than the parameter sets that it lacks; it is dropped",
        cures={"any": "see what damages the stream"},
    ),
    "skipped_picture": Diagnosis(
        means="a leading picture (RASL) behind the CRA or BLA picture that the stream begins with; it is "
        "left out",
        cures={"any": "to have none of them, encode closed GOPs", "x265": "open-gop=0"},
    ),
    "torn_picture": Diagnosis(
        means="the rest of a picture came so late that the picture had been taken for whole",
        cures={"any": "see what interrupts the connection between the encoder and here"},
    ),
    "cut_nal_unit": Diagnosis(means="the connection closed in the middle of a NAL unit", cures=_CUT_OFF),
    "cut_picture": Diagnosis(
        means="the connection closed after the headers of a picture, before the picture", cures=_CUT_OFF
    ),
}

_IVF_AND_OBUS: Diagnoses = {
    "not_ivf": Diagnosis(
        means="the configuration says IVF, and the bytes are something else",
        expected="IVF",
        cures={**_IVF, "any": "or set format: auto"},
    ),
    "malformed_header": Diagnosis(
        means="the file header of IVF is damaged, or not from a muxer",
        expected="IVF",
        cures={"any": "it is damaged, or not from a muxer", **_IVF},
    ),
    "unknown_codec": Diagnosis(
        means="the file header of IVF names a codec that is not known here",
        expected="VP80, VP90 or AV01",
        cures={"ffmpeg": "-c:v libvpx, libvpx-vp9 or libsvtav1"},
    ),
    "wrong_format.h264": Diagnosis(
        means="H.264 in IVF",
        expected="VP80, VP90 or AV01",
        cures={
            "any": "send it as a byte stream",
            "ffmpeg": "-f h264 instead of -f ivf",
            "GStreamer": f"{_H264_BYTE_STREAM},alignment=au and no muxer",
        },
    ),
    "wrong_format.h265": Diagnosis(
        means="H.265 in IVF",
        expected="VP80, VP90 or AV01",
        cures={
            "any": "send it as a byte stream",
            "ffmpeg": "-f hevc instead of -f ivf",
            "GStreamer": f"{_H265_BYTE_STREAM},alignment=au and no muxer",
        },
    ),
    "wrong_fourcc": Diagnosis(
        means="the file header of IVF names another codec than the frames have; they are published as what "
        "they are",
        cures={"any": "see what writes the header", **_IVF},
    ),
    "too_large.ivf": Diagnosis(
        means="a frame in IVF of more bytes than any real one",
        cures={
            "any": "bytes were lost or something other than the muxer writes to the connection; connect again"
        },
    ),
    "empty_frame": Diagnosis(
        means="a frame in IVF without bytes; it is skipped", cures={"any": "check the muxer"}
    ),
    "cut_header": Diagnosis(
        means="the connection closed in the middle of a header",
        cures={
            "any": "see why the encoder stopped",
            **{tool: _FINISH[tool] for tool in ("ffmpeg", "GStreamer")},
        },
    ),
    "cut_frame": Diagnosis(means="the connection closed in the middle of a frame", cures=_FINISH),
    "malformed_vp8": Diagnosis(
        means="a frame is not VP8",
        cures={
            "any": "check that only the encoder's frames go into the muxer",
            "ffmpeg": "-c:v libvpx -f ivf",
        },
    ),
    "malformed_vp9": _MALFORMED,
    "malformed_av1": Diagnosis(
        means="an OBU or a header in it cannot be parsed",
        expected="a temporal unit of OBUs with sizes",
        cures={"any": _MALFORMED.cures["any"], "GStreamer": _OBUS},
    ),
    "obu_without_size": Diagnosis(
        means="an OBU outside a container has no obu_size",
        expected="OBUs with sizes",
        cures={"GStreamer": _OBUS, "ffmpeg": "-f obu, or -f ivf"},
    ),
    "lost_lengths.av1": Diagnosis(
        means="the lengths of AV1's Annex B contradict each other",
        cures={"any": "restart the encoder, or send OBUs with sizes", "GStreamer": _OBUS},
    ),
    "too_large.av1": Diagnosis(
        means="a temporal unit of more bytes than any real one",
        expected="a temporal delimiter before that",
        cures={"any": "lower the encoder's bitrate", "GStreamer": _OBUS, "ffmpeg": "-f obu, or -f ivf"},
    ),
    "too_large.obus": Diagnosis(
        means="a temporal unit of more OBUs than any real one, or so many without a frame",
        cures={
            "any": "make fewer tile groups per frame; see what damages the stream",
            "libaom": "num-tile-groups=1",
        },
    ),
    "torn_picture.av1": Diagnosis(
        means="a temporal unit goes on behind the frame that it shows",
        cures={
            "any": "write a frame into one OBU_FRAME, and a temporal delimiter before each temporal unit",
            "libaom": "num-tile-groups=1",
            "GStreamer": "av1parse",
        },
    ),
    "cut_temporal_unit": Diagnosis(
        means="the connection closed in the middle of a temporal unit; it is left out", cures=_FINISH
    ),
}

_SUBMITTED: Diagnoses = {
    "empty.submitted": Diagnosis(
        means="`Publication.submit` was given an access unit of no bytes",
        cures={"any": "submit what the encoder returns, and nothing where it returns nothing"},
    ),
    "too_large.submitted": Diagnosis(
        means="`Publication.submit` was given more bytes than any real picture has",
        cures={"any": "submit one picture at a time, or lower the encoder's bitrate"},
    ),
    "no_start_code": Diagnosis(
        means="`Publication.submit` was given an access unit that does not begin with a start code",
        expected="a start code",
        cures={
            "any": "set the encoder to Annex-B, also called byte stream, or put 00 00 00 01 in the place of "
            "each NAL unit's length",
            "PyAV": "BitStreamFilterContext h264_mp4toannexb, hevc_mp4toannexb",
        },
    ),
    "several_pictures": Diagnosis(
        means="`Publication.submit` was given more than one picture at once",
        cures={"any": "submit each by itself, as the encoder returns it"},
    ),
    "no_picture": Diagnosis(
        means="`Publication.submit` was given headers at most, and no picture",
        cures={
            "any": "submit headers in front of the keyframe that follows them, and see that the codec is the "
            "encoder's"
        },
    ),
}

_PROBED: Diagnoses = {
    "empty.file": Diagnosis(
        means="`ingestd probe` was given an empty file",
        expected="a recorded stream",
        cures={"ffmpeg": "-f h264 FILE"},
    ),
    "unreachable": Diagnosis(
        means="`ingestd probe` cannot connect to the encoder",
        expected="an encoder that listens there",
        cures={
            "ffmpeg": "-f h264 tcp://0.0.0.0:PORT?listen=1",
            "GStreamer": "tcpserversink",
            "any": "else let it dial: ingestd probe listen:PORT",
        },
    ),
    "silent": Diagnosis(
        means="`ingestd probe` is connected, and nothing came", cures={"any": "see whether the encoder runs"}
    ),
}

_VIEWERS: Diagnoses = {
    "b_frames": Diagnosis(
        means="the stream has B-frames: WebRTC shows pictures in the order in which they are sent, so "
        "viewers see them jump back and forth",
        expected="pictures sent in the order in which they are shown",
        cures={
            "any": "encode without them",
            "x264enc": "bframes=0 (or tune=zerolatency)",
            "x265enc": "option-string=bframes=0 (or tune=zerolatency)",
            "ffmpeg": "-bf 0",
            "nvh264enc, nvh265enc": "bframes=0 (or zerolatency=true)",
            "vah264enc, vah265enc": "b-frames=0",
            "vaapih264enc, vaapih265enc": "max-bframes=0",
        },
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
            "GStreamer": f"`{_H264_BYTE_STREAM}` (H.265: `{_H265_BYTE_STREAM}`), as stream-format=avc and "
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
    "faster_than_real_time": Diagnosis(
        means="the encoder sends faster than real time, as from a file: it is paced to its own frame rate, "
        "and has to wait",
        cures={
            "any": "if it is live after all, set live: true",
            "ffmpeg": "-re makes it keep the pace by itself",
        },
    ),
    "wrong_rate": Diagnosis(
        means="the frame rate or the timestamps in the stream do not fit the rate at which it comes: "
        "pictures are handed over as they come",
        cures={
            "any": "set the encoder's frame rate to that of its source, or set `framerate`; if this is a "
            "file, set live: false"
        },
    ),
    "over_max_bitrate": Diagnosis(
        means="the stream has more bits per second than `max_bitrate`: WebRTC does not plan for that much",
        cures={"any": "set max_bitrate: auto, or lower the encoder's bit rate"},
    ),
    "faster_than_real_time.guessed": Diagnosis(
        means="the encoder sends faster than real time and states no frame rate: it is paced to a guess, and "
        "viewers see it slow or fast",
        cures={
            "any": "make it write its frame rate into the headers",
            "ffmpeg": "-re makes it keep the pace by itself",
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

STREAM_SECTIONS: Mapping[str, Diagnoses] = {
    "The connection": _CONNECTIONS,
    "Something other than a stream ingestd takes": _OTHER_THAN_VIDEO,
    "H.264 and H.265": _NAL_UNITS,
    "IVF and OBUs: VP8, VP9, AV1": _IVF_AND_OBUS,
    "What viewers do not decode, or not well": _VIEWERS,
    "Access units from Python": _SUBMITTED,
    "The probe": _PROBED,
}

STREAM_DIAGNOSES: Diagnoses = {
    reason: diagnosis for section in STREAM_SECTIONS.values() for reason, diagnosis in section.items()
}
