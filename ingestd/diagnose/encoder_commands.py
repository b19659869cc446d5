"""Commands that send a test picture, for people to copy: ffmpeg and GStreamer, by address and codec."""

from collections.abc import Mapping
from urllib.parse import urlsplit

_ANY_HOST = ("0.0.0.0", "::")

_FFMPEG_INPUT = "ffmpeg -re -f lavfi -i testsrc2=size=1280x720:rate=30 -pix_fmt yuv420p"
_FFMPEG: Mapping[str, str] = {
    "h264": "-c:v libx264 -profile:v baseline -preset veryfast -tune zerolatency -g 60 -b:v 3M "
    "-x264-params repeat-headers=1:aud=1 -f h264",
    "h265": "-c:v libx265 -preset ultrafast -tune zerolatency -g 60 -b:v 3M "
    "-x265-params repeat-headers=1:bframes=0 -f hevc",
    "vp8": "-c:v libvpx -deadline realtime -cpu-used 8 -lag-in-frames 0 -g 60 -b:v 3M "
    "-f ivf -flush_packets 1",
    "vp9": "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -row-mt 1 -lag-in-frames 0 -g 60 -b:v 3M "
    "-f ivf -flush_packets 1",
    "av1": "-c:v libsvtav1 -preset 12 -svtav1-params pred-struct=1:rc=2:lookahead=0:tbr=3000 -g 60 "
    "-f ivf -flush_packets 1",
}
_GSTREAMER_INPUT = (
    "videotestsrc is-live=true ! video/x-raw,format=I420,width=1280,height=720,framerate=30/1 !"
)
_GSTREAMER: Mapping[str, str] = {
    "h264": "x264enc tune=zerolatency speed-preset=veryfast bitrate=3000 key-int-max=60 "
    "! video/x-h264,profile=constrained-baseline ! h264parse config-interval=-1 "
    "! video/x-h264,stream-format=byte-stream,alignment=au",
    "h265": "x265enc tune=zerolatency speed-preset=ultrafast bitrate=3000 key-int-max=60 "
    "! h265parse config-interval=-1 ! video/x-h265,stream-format=byte-stream,alignment=au",
    "vp8": "vp8enc deadline=1 cpu-used=8 keyframe-max-dist=60 target-bitrate=3000000 ! avmux_ivf",
    "vp9": "vp9enc deadline=1 cpu-used=8 lag-in-frames=0 keyframe-max-dist=60 target-bitrate=3000000 "
    "! avmux_ivf",
    "av1": "av1enc usage-profile=realtime cpu-used=8 lag-in-frames=0 keyframe-max-dist=60 "
    "target-bitrate=3000 ! av1parse ! video/x-av1,stream-format=obu-stream,alignment=tu",
}


def encoder_commands(source: str, *, dials: bool, codec: str = "", here: str = "HOST") -> dict[str, str]:
    """Return a shell command for each tool that sends a test picture to the stream at ``source``.

    ``codec`` is spelt as in the configuration; empty: H.264. ``dials``: the daemon dials ``source``, so the
    encoder is to listen there. ``here`` names this machine where ``source`` is any of its addresses.
    """
    codec = codec if codec in _FFMPEG else "h264"
    address = urlsplit(source)
    host = here if address.hostname in _ANY_HOST else address.hostname or here
    target = f"[{host}]:{address.port}" if ":" in host else f"{host}:{address.port}"
    gst, begin = "gst-launch-1.0 -e", _GSTREAMER[codec]
    if address.scheme == "unix":
        output = f"unix://{address.path}"
        gst, sink = "gst-launch-1.0 -eq", f"fdsink | socat -u - UNIX-CONNECT:{address.path}"
    elif address.scheme == "tls":
        output = f"tls://{target}"
        gst, sink = "gst-launch-1.0 -eq", f"fdsink | openssl s_client -quiet -connect {target}"
    elif dials:
        output = f"'tcp://0.0.0.0:{address.port}?listen=1'"
        sink = f"tcpserversink host=0.0.0.0 port={address.port}"
    else:
        output = f"tcp://{target}"
        sink = f"tcpclientsink host={host} port={address.port}"
    return {
        "ffmpeg": f"{_FFMPEG_INPUT} {_FFMPEG[codec]} {output}",
        "GStreamer": f"{gst} {_GSTREAMER_INPUT} {begin} ! {sink}",
    }
