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
from ingestd.sender.encoders import ENCODERS, Encoder
from ingestd.units import format_bitrate

# Raw pictures that wait for the encoder: what a hiccup of 0.1 s makes at 30 pictures/s.
QUEUED_PICTURES = 4
# Encoded pictures that wait for the socket.
ENCODED_PICTURES = 2
# The encoder among several, in a fragment.
ENCODER_NAME = "encoder"

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
_CODECS = {f"video/x-{codec}": codec for codec in TAILS}
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
        self._was_set: dict[str, str] = {}  # properties of the encoder
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
        self._element = self._find_encoder(source)
        self.encoder_name: str = self._element.get_factory().get_name()
        self._encoder = ENCODERS.get(self.encoder_name)
        self.codec = self._encoder.codec if self._encoder else self._codec_of(self._element)
        self._make_live()
        self.maximum_bps = self._begin_with(bitrate_bps)
        self._insert_queue()
        tail = self._parse(f"{TAILS[self.codec]} ! {_SINK}", ghost_pads=True)
        self.gst = Gst.Pipeline.new("ingestd")
        self.gst.add(source)
        self.gst.add(tail)
        if not source.link(tail):
            raise ConfigError(
                f"the pipeline does not end with {self.codec.upper()} that WebRTC can carry: what stands "
                f"behind {self.encoder_name} makes {output.query_caps(None).to_string()[:200]}; leave it out"
            )
        self._sink = self.gst.get_by_name("ingestd")
        self._failure: str | None = None
        self._starting_again = False

    def __str__(self) -> str:
        """The command that plays the pipeline, and what was set in it, as a shell takes them."""
        text = self._text
        alike = [encoder for encoder in fragment.encoders(text) if encoder.name == self.encoder_name]
        named = [encoder for encoder in alike if encoder.properties.get("name") == ENCODER_NAME]
        for encoder in (named or alike)[:1]:
            was_set = "".join(f" {name}={value}" for name, value in self._was_set.items())
            start, end = encoder.start, encoder.end
            text = f"{text[:start]}{self._before_encoder}{text[start:end]}{was_set}{text[end:]}"
        text = f"{text} ! {TAILS[self.codec]} ! fakesink"
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

    def force_keyframe(self) -> None:
        """Have the encoder make its next picture a keyframe, by the event that GStreamer has for it."""
        if self._encoder is not None and not self._encoder.obeys_events:
            self._start_again()
            return
        wanted = self._gst.Structure.from_string(
            "GstForceKeyUnit, all-headers=(boolean)true, count=(uint)0, "
            f"running-time=(guint64){self._gst.CLOCK_TIME_NONE}"
        )[0]
        event = self._gst.Event.new_custom(self._gst.EventType.CUSTOM_UPSTREAM, wanted)
        self._element.get_static_pad("src").send_event(event)

    def set_bitrate(self, bitrate_bps: int) -> int | None:
        """Set the encoder's bitrate, up to its maximum; return what was set, None: its property is not known.

        May wait for a picture that is being encoded.
        """
        if self._encoder is None:
            return None
        bitrate_bps = min(bitrate_bps, self.maximum_bps or bitrate_bps)
        units = max(1, bitrate_bps // self._encoder.unit_bps)
        if self._get(self._encoder.bitrate) != units:  # x265enc makes a keyframe even of the one that it has
            self._set(self._encoder.bitrate, str(units))
            if not self._encoder.changes_while_playing:
                self._start_again()
        return units * self._encoder.unit_bps

    def _start_again(self) -> None:
        """Start the encoder again between two pictures: its next is a keyframe, its settings those of now."""
        if self._starting_again:
            return
        self._starting_again = True
        Gst = self._gst
        sink = self._element.get_static_pad("sink")
        feed = sink.get_peer()

        def between_pictures(_pad: Any, _info: Any) -> Any:
            feed.unlink(sink)  # with the new link it hears again what it is to encode
            self._element.set_state(Gst.State.READY)
            feed.link(sink)
            self._element.sync_state_with_parent()
            self._starting_again = False
            return Gst.PadProbeReturn.REMOVE

        feed.add_probe(Gst.PadProbeType.IDLE, between_pictures)

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
                _check_bitrate(what, element, encoder, int(written))

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

    def _codec_of(self, element: Any) -> str:
        caps = element.get_static_pad("src").query_caps(None)
        for number in range(caps.get_size()):
            codec = _CODECS.get(caps.get_structure(number).get_name())
            if codec is not None:
                self.said.append(
                    f"{self.encoder_name}: not known here. It is asked for keyframes; its bitrate is left "
                    "alone, and whether it waits or makes B-frames is for the pipeline to say"
                )
                return codec
        raise ConfigError(
            f"{self.encoder_name} makes {caps.to_string()[:80]}; WebRTC carries {', '.join(TAILS)}"
        )

    def _make_live(self) -> None:
        if self._encoder is None:
            return
        for setting in self._encoder.settings:
            if self._get(setting.property) is _NONE_SUCH:
                continue
            if self._begin(setting.property, setting.value):
                name = setting.property.replace(":", " ")
                self.said.append(f"{self.encoder_name}: {name}={setting.value}: {setting.why}")

    def _begin_with(self, bitrate_bps: int | None) -> int | None:
        """Return the maximum; None: the encoder chooses for itself until it is told."""
        encoder = self._encoder
        if encoder is None:
            return bitrate_bps
        if bitrate_bps is not None:
            units = max(1, bitrate_bps // encoder.unit_bps)
            _check_bitrate(f"--bitrate for {self.encoder_name}", self._element, encoder, units)
            self._begin(encoder.bitrate, str(units))
        units = self._get(encoder.bitrate)
        if not isinstance(units, int) or units <= 0:
            return None
        maximum = format_bitrate(units * encoder.unit_bps)
        self.said.append(f"{self.encoder_name}: {maximum} at most, less while the link carries less")
        return units * encoder.unit_bps

    def _insert_queue(self) -> None:
        self._queue: Any = None
        self._left_out = 0
        sink = self._element.get_static_pad("sink")
        peer = sink.get_peer()
        if peer is None:
            self.said.append(
                f"{self.encoder_name}: what it encodes is linked later, so that no queue could be put "
                "before it. Put `queue leaky=downstream max-size-buffers=4` there, or a slow link makes "
                "viewers later"
            )
            return
        self._before_encoder = f"queue max-size-buffers={QUEUED_PICTURES} max-size-bytes=0 max-size-time=0 ! "
        queue = self._gst.ElementFactory.make("queue")
        for limit, value in (("buffers", QUEUED_PICTURES), ("bytes", 0), ("time", 0)):
            queue.set_property(f"max-size-{limit}", value)
        queue.connect("overrun", self._on_overrun)
        self._element.get_parent().add(queue)
        peer.unlink(sink)
        peer.link(queue.get_static_pad("sink"))
        if self._encoder is not None and self._encoder.input_format:
            convertible = self._parse(
                f"capsfilter caps=video/x-raw,format={self._encoder.input_format}", ghost_pads=True
            )
            self._before_encoder += f"video/x-raw,format={self._encoder.input_format} ! "
            self._element.get_parent().add(convertible)
            queue.link(convertible)
            convertible.get_static_pad("src").link(sink)
        else:
            queue.get_static_pad("src").link(sink)
        self._queue = queue
        self.said.append(
            f"{self.encoder_name}: a queue before it; of a live source it leaves pictures out while encoder "
            "or link do not keep up"
        )

    def _on_overrun(self, queue: Any) -> None:
        if queue.get_property("leaky"):
            self._left_out += 1

    def _get(self, name: str) -> Any:
        name, _, field = name.partition(":")
        if self._element.find_property(name) is None:
            return _NONE_SUCH
        value = self._element.get_property(name)
        if not field:
            return value
        return value.get_value(field) if value is not None and value.has_field(field) else None

    def _begin(self, name: str, value: str) -> bool:
        """Set a property before the pipeline starts; return whether it had another value."""
        before = self._get(name)
        self._set(name, value)
        if self._get(name) == before:
            return False
        name, _, field = name.partition(":")
        # A structure as a whole: of two that are given the last counts.
        self._was_set[name] = f'"{self._element.get_property(name).to_string()}"' if field else value
        return True

    def _set(self, name: str, value: str) -> None:
        name, _, field = name.partition(":")
        if not field:
            self._gst.util_set_object_arg(self._element, name, value)
            return
        structure = self._element.get_property(name)
        structure = structure.copy() if structure is not None else self._gst.Structure.new_empty("controls")
        structure.set_value(field, int(value))
        self._element.set_property(name, structure)


_NONE_SUCH = object()  # this version of the element has no property of that name


def _encodes_video(element: Any) -> bool:
    factory = element.get_factory()
    if factory is None:  # a bin
        return False
    return factory.get_name() in ENCODERS or {"Encoder", "Video"} <= _klass(element)


def _klass(element: Any) -> set[str]:
    factory = element.get_factory()
    return set((factory.get_metadata("klass") or "").split("/")) if factory is not None else set()


def _check_bitrate(what: str, element: Any, encoder: Encoder, units: int) -> None:
    """Raise ConfigError where ``element`` does not take so many ``units``, which ``what`` names."""
    spec = element.find_property(encoder.bitrate)
    if spec is not None and not spec.minimum <= units <= spec.maximum:
        lowest, highest = (n * encoder.unit_bps for n in (max(1, spec.minimum), spec.maximum))
        raise ConfigError(
            f"{what}: {format_bitrate(max(0, units) * encoder.unit_bps)} is no bitrate for it; it takes "
            f"{format_bitrate(lowest)} to {format_bitrate(highest)}"
        )


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
