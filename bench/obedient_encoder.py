"""A live GStreamer encoder that obeys the lines of JSON on its own connection; for `bench.feedback`.

Runs under the system's Python, which has PyGObject, and needs nothing else of this repository. Says as JSON
lines what it was told, and each picture that it wrote.
"""

import argparse
import json
import socket
import sys
import threading
import time

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

# A moving pattern that takes any bitrate; the VBV is short, so that no picture is much larger than others.
PIPELINE = (
    "videotestsrc is-live=true pattern=zone-plate kx2=20 ky2=20 kt=3 ! "
    "video/x-raw,format=I420,width=640,height=360,framerate=30/1 ! "
    "x264enc name=encoder tune=zerolatency speed-preset=ultrafast bitrate={kbps} vbv-buf-capacity=150 "
    "key-int-max={gop} option-string=scenecut=0 ! video/x-h264,profile=constrained-baseline ! "
    "h264parse config-interval=-1 ! video/x-h264,stream-format=byte-stream,alignment=au ! "
    "appsink name=sink sync=false"
)


def say(event: str, **fields: object) -> None:
    sys.stdout.write(json.dumps({"event": event, "at": time.monotonic(), **fields}) + "\n")
    sys.stdout.flush()


def obey(connection: socket.socket, encoder: "Gst.Element") -> None:
    """Do what is said until the connection ends."""
    for line in connection.makefile():
        message = json.loads(line)
        say("told", message=message)
        if message["type"] == "rate":
            encoder.set_property("bitrate", max(1, message["bitrate_bps"] // 1000))
        elif message["type"] == "keyframe":
            wanted = Gst.Structure.new_from_string("GstForceKeyUnit, all-headers=(boolean)true")
            pad = encoder.get_static_pad("src")
            pad.send_event(Gst.Event.new_custom(Gst.EventType.CUSTOM_UPSTREAM, wanted))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("socket")
    parser.add_argument("--kbps", type=int, default=4000)
    parser.add_argument("--gop", type=int, default=300, help="pictures from keyframe to keyframe")
    arguments = parser.parse_args()
    Gst.init(None)
    pipeline = Gst.parse_launch(PIPELINE.format(kbps=arguments.kbps, gop=arguments.gop))
    encoder, sink = pipeline.get_by_name("encoder"), pipeline.get_by_name("sink")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(arguments.socket)
        threading.Thread(target=obey, args=(connection, encoder), daemon=True).start()
        pipeline.set_state(Gst.State.PLAYING)
        while (sample := sink.emit("pull-sample")) is not None:
            buffer = sample.get_buffer()
            data = buffer.extract_dup(0, buffer.get_size())
            connection.sendall(data)
            say("picture", bytes=len(data), key=not buffer.has_flags(Gst.BufferFlags.DELTA_UNIT))


if __name__ == "__main__":
    main()
