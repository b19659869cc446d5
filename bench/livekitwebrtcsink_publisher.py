"""GStreamer's `livekitwebrtcsink` with the content and the encoder of `bench.obedient_encoder`.

Runs under the system's Python, which has PyGObject. Draws numbers into the pictures, and says as JSON lines
each picture that the encoder wrote, and each bitrate that it was set to.
"""

import argparse
import collections
import json
import sys
import threading
import time

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

from bench.numbered import NUMBERS, draw, read  # noqa: E402

WIDTH = 640
# No FEC: LiveKit's server takes none, and up to a third of the bitrate would be kept free for it.
PIPELINE = (
    "videotestsrc is-live=true pattern=zone-plate kx2=20 ky2=20 kt=3 ! "
    f"video/x-raw,format=I420,width={WIDTH},height=360,framerate=30/1 ! "
    "appsink name=plain sync=false async=false "
    "appsrc name=numbered is-live=true format=time "
    f"caps=video/x-raw,format=I420,width={WIDTH},height=360,framerate=30/1 ! "
    "livekitwebrtcsink name=sink video-caps=video/x-h264 do-fec=false "
    "min-bitrate=100000 start-bitrate={bps} max-bitrate={bps} "
    "signaller::ws-url={url} signaller::api-key={key} signaller::secret-key={secret} "
    "signaller::room-name={room}"
)

_saying = threading.Lock()


def say(event: str, **fields: object) -> None:
    line = json.dumps({"event": event, "at": time.monotonic(), **fields})
    with _saying:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


class Watched:
    """The encoder of the session, with the settings of `bench.obedient_encoder`."""

    def __init__(self, kbps: int, gop: int) -> None:
        self._kbps, self._gop = kbps, gop
        self._inside: collections.deque[int | None] = collections.deque()  # zerolatency keeps the order

    def set_up(self, _sink: "Gst.Element", consumer: str, _pad: str, encoder: "Gst.Element") -> bool:
        """Called for the session, and before for a trial of each codec."""
        encoder.set_property("bitrate", self._kbps)
        encoder.set_property("vbv-buf-capacity", 150)
        encoder.set_property("key-int-max", self._gop)
        encoder.set_property("option-string", "scenecut=0")
        Gst.util_set_object_arg(encoder, "tune", "zerolatency")
        Gst.util_set_object_arg(encoder, "speed-preset", "ultrafast")
        if consumer != "discovery":
            encoder.connect("notify::bitrate", self._on_bitrate)
            self._on_bitrate(encoder)
            encoder.get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, self._on_raw)
            encoder.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, self._on_encoded)
        return True  # the sink's own settings are not wanted

    def _on_bitrate(self, encoder: "Gst.Element", *_: object) -> None:
        say("told", bps=encoder.get_property("bitrate") * 1000)

    def _on_raw(self, _pad: object, info: "Gst.PadProbeInfo") -> "Gst.PadProbeReturn":
        self._inside.append(read(info.get_buffer().extract_dup(0, WIDTH * 32), WIDTH))
        return Gst.PadProbeReturn.OK

    def _on_encoded(self, _pad: object, info: "Gst.PadProbeInfo") -> "Gst.PadProbeReturn":
        buffer = info.get_buffer()
        key = not buffer.has_flags(Gst.BufferFlags.DELTA_UNIT)
        say("picture", number=self._inside.popleft(), bytes=buffer.get_size(), key=key)
        return Gst.PadProbeReturn.OK


def on_message(_bus: "Gst.Bus", message: "Gst.Message") -> "Gst.BusSyncReply":
    if message.type == Gst.MessageType.ERROR:
        error, details = message.parse_error()
        sys.stderr.write(f"{error.message}: {details}\n")
    return Gst.BusSyncReply.PASS


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("url", "key", "secret", "room"):
        parser.add_argument(name)
    parser.add_argument("--kbps", type=int, required=True, help="at most")
    parser.add_argument("--gop", type=int, default=300, help="pictures from keyframe to keyframe")
    arguments = parser.parse_args()
    Gst.init(None)
    places = {name: getattr(arguments, name) for name in ("url", "key", "secret", "room")}
    pipeline = Gst.parse_launch(PIPELINE.format(bps=arguments.kbps * 1000, **places))
    watched = Watched(arguments.kbps, arguments.gop)
    sink = pipeline.get_by_name("sink")
    sink.set_property("stun-server", None)  # the link leads nowhere else
    sink.connect("encoder-setup", watched.set_up)
    plain, numbered = pipeline.get_by_name("plain"), pipeline.get_by_name("numbered")
    pipeline.get_bus().set_sync_handler(on_message)
    pipeline.set_state(Gst.State.PLAYING)
    number = 0
    while (sample := plain.emit("pull-sample")) is not None:
        buffer = sample.get_buffer()
        data = bytearray(buffer.extract_dup(0, buffer.get_size()))
        draw(number, data, WIDTH)
        drawn = Gst.Buffer.new_wrapped(bytes(data))
        drawn.pts, drawn.duration = buffer.pts, buffer.duration
        numbered.emit("push-buffer", drawn)
        number = (number + 1) % NUMBERS


if __name__ == "__main__":
    main()
