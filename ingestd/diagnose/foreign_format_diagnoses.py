"""The table of what encoders send that is no stream for `ingestd`: other protocols, containers, codecs."""

from ingestd.diagnose.diagnosis import H264_BYTE_STREAM, IVF, OBU_STREAM, Diagnoses, Diagnosis

_BARE_STREAM = "the bare stream on TCP"
_NO_CONTAINER = "the stream without a container"
_OF_WEBRTC = "a codec that WebRTC carries: H.264, H.265, VP8, VP9 or AV1"
_OR_IVF = {tool: f" (VP8, VP9, AV1: {option})" for tool, option in IVF.items()}
_TCP_SINK = f"{H264_BYTE_STREAM},alignment=au ! tcpclientsink host=HOST port=PORT"


def _to_tcp(*, ffmpeg: str = "", gstreamer: str = "") -> dict[str, str]:
    """Return the cures of another protocol; the arguments go on from the options to take."""
    return {"ffmpeg": f"-f h264 tcp://HOST:PORT{ffmpeg}", "GStreamer": f"`{_TCP_SINK}`{gstreamer}"}


def _to_h264(what: str, element: str) -> dict[str, str]:
    """Return the cures of a codec that WebRTC does not carry; ``element`` is GStreamer's encoder of it."""
    return {
        "any": what,
        "ffmpeg": "-c:v libx264 -f h264",
        "GStreamer": f"`x264enc tune=zerolatency ! {H264_BYTE_STREAM},alignment=au` in place of {element}",
    }


def _container(name: str, muxer: str, element: str, *, or_ivf: bool = False) -> Diagnosis:
    """``muxer`` is ffmpeg's name of it, ``element`` GStreamer's; ``or_ivf``: mostly of VP8, VP9 or AV1."""
    take = {"ffmpeg": "-f h264", "GStreamer": f"`{H264_BYTE_STREAM},alignment=au`"}
    leave = {"ffmpeg": f"-f {muxer}", "GStreamer": element}
    cures = {
        tool: f"{take[tool]}{_OR_IVF[tool] if or_ivf else ''} in place of {leave[tool]}" for tool in take
    }
    return Diagnosis(means=f"the encoder sends {name}", expected=_NO_CONTAINER, cures=cures)


FOREIGN_FORMATS: Diagnoses = {
    "not_video": Diagnosis(
        means="the first bytes hold no video that is known here",
        expected="a raw byte stream, IVF or, for AV1, OBUs",
        cures={
            "any": "if a header stands before each picture, leave it out, or have it say the size of what is "
            "behind it",
            "ffmpeg": "-f h264, -f ivf or -f obu",
            "GStreamer": f"{H264_BYTE_STREAM},alignment=au ! tcpclientsink, avmux_ivf, or {OBU_STREAM}",
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
        cures={"any": "connect without TLS, or write tls:// in source.listen or source.connect"},
    ),
    "proxy_header": Diagnosis(
        means="a load balancer says who the encoder is",
        expected="the encoder's own first bytes",
        cures={"any": "set source.proxy_protocol: true, or have the load balancer send no PROXY header"},
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
