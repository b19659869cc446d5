"""Encoder element of a GStreamer pipeline: set for live pictures, then told of keyframes and bitrates."""

from typing import Any

from ingestd.errors import ConfigError
from ingestd.sender.encoders import ENCODERS, TAILS, Encoder
from ingestd.units import format_bitrate

_CODECS = {f"video/x-{codec}": codec for codec in TAILS}
_NONE_SUCH = object()  # this version of the element has no property of that name


class EncoderElement:
    """The encoder of a pipeline that is not started yet.

    ``bitrate_bps`` replaces its own. Either is the maximum: `set_bitrate` never goes above. Raises
    ConfigError where it does not take that, or encodes what WebRTC does not carry.
    """

    def __init__(self, gst: Any, element: Any, bitrate_bps: int | None) -> None:
        self.element = element
        self.name: str = element.get_factory().get_name()
        self.said: list[str] = []  # what was set, with its reason
        self.was_set: dict[str, str] = {}  # properties
        self._gst = gst
        self._known = ENCODERS.get(self.name)
        self._starting_again = False
        self.codec = self._known.codec if self._known else self._codec_of_caps()
        self._make_live()
        self.maximum_bps = self._begin_with(bitrate_bps)

    @property
    def input_format(self) -> str:
        """What must go in, where the element does not choose it; else empty."""
        return self._known.input_format if self._known is not None else ""

    def force_keyframe(self) -> None:
        """Have the encoder make its next picture a keyframe, by the event that GStreamer has for it."""
        if self._known is not None and not self._known.obeys_events:
            self._start_again()
            return
        wanted = self._gst.Structure.from_string(
            "GstForceKeyUnit, all-headers=(boolean)true, count=(uint)0, "
            f"running-time=(guint64){self._gst.CLOCK_TIME_NONE}"
        )[0]
        event = self._gst.Event.new_custom(self._gst.EventType.CUSTOM_UPSTREAM, wanted)
        self.element.get_static_pad("src").send_event(event)

    def set_bitrate(self, bitrate_bps: int) -> int | None:
        """Set the encoder's bitrate, up to its maximum; return what was set, None: its property is not known.

        May wait for a picture that is being encoded.
        """
        if self._known is None:
            return None
        bitrate_bps = min(bitrate_bps, self.maximum_bps or bitrate_bps)
        units = max(1, bitrate_bps // self._known.unit_bps)
        if self._get(self._known.bitrate) != units:  # x265enc makes a keyframe even of the one that it has
            self._set(self._known.bitrate, str(units))
            if not self._known.changes_while_playing:
                self._start_again()
        return units * self._known.unit_bps

    def _start_again(self) -> None:
        """Start the encoder again between two pictures: its next is a keyframe, its settings those of now."""
        if self._starting_again:
            return
        self._starting_again = True
        gst, sink = self._gst, self.element.get_static_pad("sink")
        feed = sink.get_peer()

        def between_pictures(_pad: Any, _info: Any) -> Any:
            feed.unlink(sink)  # with the new link it hears again what it is to encode
            self.element.set_state(gst.State.READY)
            feed.link(sink)
            self.element.sync_state_with_parent()
            self._starting_again = False
            return gst.PadProbeReturn.REMOVE

        feed.add_probe(gst.PadProbeType.IDLE, between_pictures)

    def _codec_of_caps(self) -> str:
        caps = self.element.get_static_pad("src").query_caps(None)
        for number in range(caps.get_size()):
            codec = _CODECS.get(caps.get_structure(number).get_name())
            if codec is not None:
                self.said.append(
                    f"{self.name}: not known here. It is asked for keyframes; its bitrate is left "
                    "alone, and whether it waits or makes B-frames is for the pipeline to say"
                )
                return codec
        raise ConfigError(f"{self.name} makes {caps.to_string()[:80]}; WebRTC carries {', '.join(TAILS)}")

    def _make_live(self) -> None:
        if self._known is None:
            return
        for setting in self._known.settings:
            if self._get(setting.property) is _NONE_SUCH:
                continue
            if self._begin(setting.property, setting.value):
                name = setting.property.replace(":", " ")
                self.said.append(f"{self.name}: {name}={setting.value}: {setting.why}")

    def _begin_with(self, bitrate_bps: int | None) -> int | None:
        """Return the maximum; None: the encoder chooses for itself until it is told."""
        encoder = self._known
        if encoder is None:
            return bitrate_bps
        if bitrate_bps is not None:
            units = max(1, bitrate_bps // encoder.unit_bps)
            check_bitrate(f"--bitrate for {self.name}", self.element, encoder, units)
            self._begin(encoder.bitrate, str(units))
        units = self._get(encoder.bitrate)
        if not isinstance(units, int) or units <= 0:
            return None
        maximum = format_bitrate(units * encoder.unit_bps)
        self.said.append(f"{self.name}: {maximum} at most, less while the link carries less")
        return units * encoder.unit_bps

    def _get(self, name: str) -> Any:
        name, _, field = name.partition(":")
        if self.element.find_property(name) is None:
            return _NONE_SUCH
        value = self.element.get_property(name)
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
        self.was_set[name] = f'"{self.element.get_property(name).to_string()}"' if field else value
        return True

    def _set(self, name: str, value: str) -> None:
        name, _, field = name.partition(":")
        if not field:
            self._gst.util_set_object_arg(self.element, name, value)
            return
        structure = self.element.get_property(name)
        structure = structure.copy() if structure is not None else self._gst.Structure.new_empty("controls")
        structure.set_value(field, int(value))
        self.element.set_property(name, structure)


def check_bitrate(what: str, element: Any, encoder: Encoder, units: int) -> None:
    """Raise ConfigError where ``element`` does not take so many ``units``, which ``what`` names."""
    spec = element.find_property(encoder.bitrate)
    if spec is not None and not spec.minimum <= units <= spec.maximum:
        lowest, highest = (n * encoder.unit_bps for n in (max(1, spec.minimum), spec.maximum))
        raise ConfigError(
            f"{what}: {format_bitrate(max(0, units) * encoder.unit_bps)} is no bitrate for it; it takes "
            f"{format_bitrate(lowest)} to {format_bitrate(highest)}"
        )
