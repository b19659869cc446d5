"""GStreamer pipeline around a user's fragment: its encoder found, set for live pictures, told what is wanted.

    the fragment … ! queue ! its encoder ! a parser ! appsink

The queue is ours. Where the source is live and encoder or link do not keep up, it leaves pictures out before
they are encoded: viewers see fewer, never torn ones, and nothing becomes later and later.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ingestd.errors import ConfigError, SenderError
from ingestd.sender import bindings, fragment
from ingestd.sender.encoder_element import EncoderElement, check_bitrate
from ingestd.sender.encoders import ENCODERS, TAILS

# Raw pictures that wait for the encoder: what a hiccup of 0.1 s makes at 30 pictures/s.
QUEUED_PICTURES = 4
# Encoded pictures that wait for the socket.
ENCODED_PICTURES = 2
# The encoder among several, in a fragment.
ENCODER_NAME = "encoder"

_SINK = f"appsink name=ingestd emit-signals=true sync=false max-buffers={ENCODED_PICTURES}"


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """One coded picture."""

    data: bytes
    keyframe: bool
    time_ns: int
    size: tuple[int, int]


class Pipeline:
    """A pipeline that is parsed and set, and not started.

    ``bitrate_bps`` replaces the encoder's own. Either is the maximum: `set_bitrate` never goes above. Raises
    ConfigError where the fragment is at fault, SenderError where GStreamer is missing.

    ``gst`` is the `Gst.Pipeline`, for applications that look for elements of theirs (``gst.get_by_name``).
    """

    def __init__(self, text: str, bitrate_bps: int | None = None) -> None:
        self._gst = Gst = bindings.load()
        self.said: list[str] = []  # what was set, with its reason
        self._text = fragment.ended(text.strip())
        self._before_encoder = ""  # what was put there
        self._check_bitrates()
        # Its unlinked sink pads stay as they are: behind a decodebin they are linked later.
        source = self._parse(self._text, ghost_pads=False)
        output = source.find_unlinked_pad(Gst.PadDirection.SRC)
        if output is None:
            raise ConfigError(
                "the pipeline has no open end: leave its sink out, ingestd-gst adds one behind the encoder"
            )
        source.add_pad(Gst.GhostPad.new("src", output))
        if source.iterate_sources().next()[0] != Gst.IteratorResult.OK:
            raise ConfigError(
                "the pipeline has no source: it begins with an element that wants input. For a test picture "
                "put `videotestsrc is-live=true !` before it"
            )
        self.encoder = EncoderElement(Gst, self._find_encoder(source), bitrate_bps)
        self.said += self.encoder.said
        self._insert_queue(self.encoder)
        tail = self._parse(f"{TAILS[self.encoder.codec]} ! {_SINK}", ghost_pads=True)
        self.gst = Gst.Pipeline.new("ingestd")
        self.gst.add(source)
        self.gst.add(tail)
        if not source.link(tail):
            made = output.query_caps(None).to_string()[:200]
            raise ConfigError(
                f"the pipeline does not end with {self.encoder.codec.upper()} that WebRTC can carry: what "
                f"stands behind {self.encoder.name} makes {made}; leave it out"
            )
        self._sink = self.gst.get_by_name("ingestd")
        self._failure: str | None = None

    def __str__(self) -> str:
        """The command that plays the pipeline, and what was set in it, as a shell takes them."""
        text = self._text
        alike = [encoder for encoder in fragment.encoders(text) if encoder.name == self.encoder.name]
        named = [encoder for encoder in alike if encoder.properties.get("name") == ENCODER_NAME]
        for encoder in (named or alike)[:1]:
            was_set = "".join(f" {name}={value}" for name, value in self.encoder.was_set.items())
            start, end = encoder.start, encoder.end
            text = f"{text[:start]}{self._before_encoder}{text[start:end]}{was_set}{text[end:]}"
        text = f"{text} ! {TAILS[self.encoder.codec]} ! fakesink"
        return "\n".join([fragment.command(text), *(f"# {line}" for line in self.said)])

    def open(self, on_picture: Callable[[], None], on_end: Callable[[str | None], None]) -> None:
        """Open devices and files; raise SenderError where that fails.

        The callbacks come from threads of GStreamer: a picture can be taken; the pipeline has ended, as it
        failed or as there is no more.
        """
        Gst = self._gst

        def on_message(_bus: Any, message: Any) -> Any:
            if message.type == Gst.MessageType.ERROR:
                self._failure = self._failure or _explained(message)
                on_end(self._failure)
            elif message.type == Gst.MessageType.EOS:
                on_end(None)
            return Gst.BusSyncReply.DROP

        def on_sample(_sink: Any) -> Any:
            on_picture()
            return Gst.FlowReturn.OK

        self.gst.get_bus().set_sync_handler(on_message)
        self._sink.connect("new-sample", on_sample)
        opened = self.gst.set_state(Gst.State.PAUSED)
        if opened == Gst.StateChangeReturn.FAILURE:
            raise SenderError(self._failure or "the pipeline does not start")
        if opened == Gst.StateChangeReturn.NO_PREROLL:
            if self._queue is not None:
                self._queue.set_property("leaky", 2)  # downstream: the oldest goes
        else:
            self._sink.set_property("sync", True)  # a file: at its own pace

    def play(self) -> None:
        """Let pictures flow."""
        self.gst.set_state(self._gst.State.PLAYING)

    def close(self) -> None:
        """Stop; may wait for a driver."""
        self.gst.set_state(self._gst.State.NULL)

    @property
    def left_out(self) -> int:
        """How many raw pictures were left out, as encoder or link did not keep up."""
        return self._left_out

    def take(self) -> EncodedPicture | None:
        """Return the next picture, if there is one."""
        sample = self._sink.emit("try-pull-sample", 0)
        if sample is None:
            return None
        buffer = sample.get_buffer()
        caps = sample.get_caps().get_structure(0)
        return EncodedPicture(
            buffer.extract_dup(0, buffer.get_size()),
            not buffer.has_flags(self._gst.BufferFlags.DELTA_UNIT),
            buffer.pts if buffer.pts != self._gst.CLOCK_TIME_NONE else 0,
            (caps.get_value("width") or 0, caps.get_value("height") or 0),
        )

    # How it is made.

    def _parse(self, text: str, ghost_pads: bool) -> Any:
        Gst = self._gst
        try:
            return Gst.parse_bin_from_description_full(text, ghost_pads, None, Gst.ParseFlags.FATAL_ERRORS)
        except Exception as error:  # GLib.Error, which only exists where the bindings do
            message = getattr(error, "message", str(error))
            missing = next((name for name in ENCODERS if message == f'no element "{name}"'), None)
            package = ENCODERS[missing].package if missing else ""
            hint = f"; install {package}, or what your system has in its place" if package else ""
            raise ConfigError(f"the pipeline is not understood: {message}{hint}; in: {text}") from None

    def _check_bitrates(self) -> None:
        """Raise ConfigError where an encoder does not take its bitrate: GStreamer would take another."""
        for named in fragment.encoders(self._text):
            encoder = ENCODERS[named.name]
            written = named.properties.get(encoder.bitrate, "")
            element = self._gst.ElementFactory.make(named.name)
            if element is not None and written.removeprefix("-").isdecimal():
                what = f"{named.name} {encoder.bitrate}={written}"
                check_bitrate(what, element, encoder, int(written))

    def _find_encoder(self, source: Any) -> Any:
        elements: list[Any] = []
        source.iterate_recurse().foreach(elements.append)
        encoders = [element for element in elements if _encodes_video(element)]
        named = [element for element in encoders if element.get_name() == ENCODER_NAME]
        if len(named or encoders) == 1:
            return (named or encoders)[0]
        if encoders:
            names = ", ".join(element.get_factory().get_name() for element in encoders)
            raise ConfigError(
                f"the pipeline has several video encoders ({names}): give the one that ingestd is to "
                f"receive the property name={ENCODER_NAME}"
            )
        kinds = {kind for element in elements for kind in _klass(element)}
        encoded = "; what is encoded already needs no ingestd-gst: end its pipeline with tcpclientsink"
        raise ConfigError(
            "the pipeline has no video encoder that could be asked for keyframes: end it with one, as in "
            f"`… ! videoconvert ! x264enc`; known are {', '.join(ENCODERS)}"
            f"{encoded if kinds & {'Parser', 'Depayloader', 'Demuxer'} else ''}"
        )

    def _insert_queue(self, encoder: EncoderElement) -> None:
        self._queue: Any = None
        self._left_out = 0
        sink = encoder.element.get_static_pad("sink")
        peer = sink.get_peer()
        if peer is None:
            self.said.append(
                f"{self.encoder.name}: what it encodes is linked later, so that no queue could be put "
                "before it. Put `queue leaky=downstream max-size-buffers=4` there, or a slow link makes "
                "viewers later"
            )
            return
        self._before_encoder = f"queue max-size-buffers={QUEUED_PICTURES} max-size-bytes=0 max-size-time=0 ! "
        queue = self._gst.ElementFactory.make("queue")
        for limit, value in (("buffers", QUEUED_PICTURES), ("bytes", 0), ("time", 0)):
            queue.set_property(f"max-size-{limit}", value)
        queue.connect("overrun", self._on_overrun)
        encoder.element.get_parent().add(queue)
        peer.unlink(sink)
        peer.link(queue.get_static_pad("sink"))
        if encoder.input_format:
            convertible = self._parse(
                f"capsfilter caps=video/x-raw,format={encoder.input_format}", ghost_pads=True
            )
            self._before_encoder += f"video/x-raw,format={encoder.input_format} ! "
            encoder.element.get_parent().add(convertible)
            queue.link(convertible)
            convertible.get_static_pad("src").link(sink)
        else:
            queue.get_static_pad("src").link(sink)
        self._queue = queue
        self.said.append(
            f"{self.encoder.name}: a queue before it; of a live source it leaves pictures out while encoder "
            "or link do not keep up"
        )

    def _on_overrun(self, queue: Any) -> None:
        if queue.get_property("leaky"):
            self._left_out += 1


def _encodes_video(element: Any) -> bool:
    factory = element.get_factory()
    if factory is None:  # a bin
        return False
    return factory.get_name() in ENCODERS or {"Encoder", "Video"} <= _klass(element)


def _klass(element: Any) -> set[str]:
    factory = element.get_factory()
    return set((factory.get_metadata("klass") or "").split("/")) if factory is not None else set()


def _explained(message: Any) -> str:
    error, debug = message.parse_error()
    detail = (debug or "").strip().splitlines()
    said = f"{message.src.get_name()}: {error.message}"
    if detail:
        said += f" ({detail[-1].strip()})"
    if "not-negotiated" in (debug or ""):
        said += (
            "; what comes in cannot be encoded so that WebRTC viewers see it (4:2:0, 8 bits): put "
            "`videoconvert` before the encoder"
        )
    return said
