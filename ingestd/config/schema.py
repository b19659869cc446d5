"""The keys of a configuration: their types, defaults and limits, each limit with its reason."""

import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from ingestd.config.address import (
    PRIVATE_NETWORKS,
    Address,
    Network,
    contains,
    parse_address,
    parse_http_address,
    parse_networks,
)
from ingestd.delivery.replays import Replay
from ingestd.media.access_unit import Codec, Format
from ingestd.redact import shown, without_credentials
from ingestd.units import format_bitrate, format_duration, parse_bitrate, parse_duration

# The server's own default limits for names of rooms and participants (`limit:` in its configuration).
_MAX_NAME_LETTERS = 256
# Below this not even one small picture a second fits.
_MIN_BITRATE_BPS = 10_000
# More than any link of a WebRTC viewer, and small enough that a slip of the unit is noticed.
_MAX_BITRATE_BPS = 1_000_000_000
# The fastest displays; a higher rate is a mistaken unit.
_MAX_FRAMERATE_FPS = 240.0
# Less than one picture at 60 fps would drop pictures that arrive on time.
_MIN_BACKLOG_S = 0.02
# Nothing later than this is live, and what waits is held in memory.
_MAX_BACKLOG_S = 30.0
# Shorter than the gap between two pictures of a slow stream would cut healthy encoders.
_MIN_IDLE_TIMEOUT_S = 0.1
_MAX_IDLE_TIMEOUT_S = 86_400.0
# One that has begun to send has its first picture on the way.
_START_TIMEOUT_S = 10.0

# Which formats can carry which codec; those not listed carry all.
_CARRIED_BY = {Format.ANNEXB: {Codec.H264, Codec.H265}, Format.OBU: {Codec.AV1}}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is not text; put it in quotes")
    if not value or len(value) > _MAX_NAME_LETTERS or not value.isprintable():
        raise ValueError(
            f"{shown(value)} is not usable; allowed: 1 to {_MAX_NAME_LETTERS} printable characters"
        )
    return value


def usable_secret(value: object) -> str:
    """``value``, if it can be one; raises ValueError."""
    # No error shows the secret.
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if not isinstance(value, str):
        raise ValueError("is not text; put it in quotes")
    if not value or not value.isprintable() or value != value.strip():
        raise ValueError("is empty, or has spaces around it or control characters in it")
    return value


def _stream_name(value: object) -> str:
    text = _text(value)
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789")
    if text[0] not in allowed or not set(text) <= allowed | set("._-"):
        raise ValueError(
            f"{text!r} is not a stream name; allowed: a-z, 0-9, '.', '_' and '-', the first one of a-z, 0-9"
        )
    return text


def _in_range(value: float, seen: object, least: str, most: str, fits: bool) -> float:
    if not fits:
        raise ValueError(f"{shown(seen)} is out of range; allowed: {least} to {most}")
    return value


def _bitrate(value: object) -> int | None:
    if _is_auto(value):
        return None
    rate = parse_bitrate(value)
    fits = _MIN_BITRATE_BPS <= rate <= _MAX_BITRATE_BPS
    _in_range(rate, value, format_bitrate(_MIN_BITRATE_BPS), format_bitrate(_MAX_BITRATE_BPS), fits)
    return rate


def _backlog(value: object) -> float:
    seconds = parse_duration(value)
    fits = _MIN_BACKLOG_S <= seconds <= _MAX_BACKLOG_S
    return _in_range(seconds, value, format_duration(_MIN_BACKLOG_S), format_duration(_MAX_BACKLOG_S), fits)


def _idle(value: object) -> float | Literal["auto"] | None:
    if value == "auto":
        return "auto"
    seconds = parse_duration(value)
    if seconds == 0:
        return None
    fits = _MIN_IDLE_TIMEOUT_S <= seconds <= _MAX_IDLE_TIMEOUT_S
    least = f"auto, 0 (off), or {format_duration(_MIN_IDLE_TIMEOUT_S)}"
    return _in_range(seconds, value, least, format_duration(_MAX_IDLE_TIMEOUT_S), fits)


def _framerate(value: object) -> float | None:
    if _is_auto(value):
        return None
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError
        rate = float(value)
    except ValueError:
        raise ValueError(f"{shown(value)} is not a number of frames per second, e.g. 60, or auto") from None
    return _in_range(rate, value, "1", f"{_MAX_FRAMERATE_FPS:g}", 1 <= rate <= _MAX_FRAMERATE_FPS)


def _codec(value: object) -> Codec | None:
    return None if value == "auto" else Codec(_choice(value, ["auto", *Codec]))


def _format(value: object) -> Format | None:
    return None if value == "auto" else Format(_choice(value, ["auto", *Format]))


def _live(value: object) -> bool | None:
    if _is_auto(value) or isinstance(value, bool):
        return None if _is_auto(value) else bool(value)
    return _choice(value, ["auto", "true", "false"]) == "true"  # a variable is text


def _is_auto(value: object) -> bool:
    return value is None or value == "auto"  # None: read before, as a default is


def _replay(value: object) -> Replay:
    return Replay(_choice(value, list(Replay)))


def _h265(value: object) -> str:
    return "off" if value is False else _choice(value, ["auto", "native", "off"])  # YAML reads off as False


def _frame_metadata(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    words = {"auto": None, "true": True, "false": False}  # the environment has no other way to say true
    return words[_choice(value, list(words))]


def _socket_mode(value: object) -> int:
    # YAML reads 0660 as an octal number, and 660 as a decimal one, which nobody means.
    if isinstance(value, str) and re.fullmatch(r"0?[0-7]{3}", value):
        return int(value, 8)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 0o777:
        return value
    raise ValueError(
        f'{shown(value)} is not the mode of a file; write "0660" (in quotes), or another up to "0777"'
    )


def _choice(value: object, allowed: list[str]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{shown(value)} is not known; allowed: {', '.join(allowed)}")
    return value


def _url(value: object, schemes: tuple[str, ...]) -> str:
    text = _text(value)
    try:
        parts = urlsplit(text)
        valid = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or " " in text:
        shown = without_credentials(text)
        raise ValueError(f"{shown!r} is not usable; allowed: {' or '.join(f'{s}://HOST' for s in schemes)}")
    return text


def _server_url(value: object) -> str:
    # The SDKs take http(s) as well and mean the same server.
    url = _url(value, ("ws", "wss", "http", "https"))
    return "ws" + url.removeprefix("http") if url.startswith("http") else url


def _webhook(value: object) -> str | None:
    return None if value in (None, "", "null") else _url(value, ("http", "https"))


def _listen(value: object) -> Address:
    return value if isinstance(value, Address) else parse_address(value)


def _connect(value: object) -> Address:
    address = _listen(value)
    if address.scheme == "tcp" and address.port == 0:
        raise ValueError(f"{shown(value)}: port 0 cannot be dialled; allowed: 1 to 65535")
    return address


def _http_listen(value: object) -> Address:
    return value if isinstance(value, Address) else parse_http_address(value)


Text = Annotated[str, BeforeValidator(_text)]
ServerUrl = Annotated[str, BeforeValidator(_server_url)]  # ws:// or wss://
Secret = Annotated[SecretStr, BeforeValidator(usable_secret)]
Bitrate = Annotated[int | None, BeforeValidator(_bitrate)]  # bit/s; None: auto
Framerate = Annotated[float | None, BeforeValidator(_framerate)]  # pictures per second; None: auto
BacklogSeconds = Annotated[float, BeforeValidator(_backlog)]  # seconds
ReplayPolicy = Annotated[Replay, BeforeValidator(_replay)]


class Section(BaseModel):
    """Base of all sections: frozen, without unknown keys; errors never show a value, which may be secret."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)


class LiveKitConfig(Section):
    """The LiveKit server, and the credentials for it."""

    url: ServerUrl = "ws://127.0.0.1:7880"
    api_key: Text
    api_secret: Secret
    api_secret_file: Text | None = None  # where api_secret was read from, if from a file
    h265: Annotated[Literal["auto", "native", "off"], BeforeValidator(_h265)] = "auto"  # docs/h265.md
    signal_relay: bool = True  # the SDK joins through loopback, where WebRTC's estimate is set


class HttpConfig(Section):
    """Status page, metrics and health."""

    listen: Annotated[Address, BeforeValidator(_http_listen)] = Address("http", "127.0.0.1", 9464)
    preview: bool = False  # /preview/NAME lets everyone who reaches the page watch the stream


class LogConfig(Section):
    """What is logged, and how it looks."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"


class SourceConfig(Section):
    """How the encoder connects: exactly one of ``listen`` and ``connect``."""

    listen: Annotated[Address | None, BeforeValidator(_listen)] = Field(default=None, validate_default=False)
    connect: Annotated[Address | None, BeforeValidator(_connect)] = Field(
        default=None, validate_default=False
    )
    # Only a TCP listener asks who dials; see `allows`.
    allow: Annotated[tuple[Network, ...], BeforeValidator(parse_networks)] = Field(
        default=PRIVATE_NETWORKS, validate_default=False
    )
    # Of a unix socket that we listen on: who may write to it may send.
    socket_mode: Annotated[int, BeforeValidator(_socket_mode)] = 0o660
    socket_group: Text | None = None
    second_encoder: Literal["reject", "replace"] = "reject"
    idle_timeout: Annotated[float | Literal["auto"] | None, BeforeValidator(_idle)] = "auto"  # None: no limit
    reconnect_for_keyframe: bool = True  # end its connection where nothing else brings a keyframe

    @model_validator(mode="after")
    def _exactly_one_address(self) -> Self:
        if self.listen is not None and self.connect is not None:
            raise ValueError("both listen and connect are set; allowed: exactly one of them")
        if self.listen is None and self.connect is None:
            raise ValueError(
                "neither listen nor connect is set; write listen: tcp://127.0.0.1:5004 (it dials "
                "ingestd) or connect: tcp://HOST:PORT (ingestd dials it)"
            )
        return self

    @property
    def address(self) -> Address:
        """The one of ``listen`` and ``connect`` that is set."""
        address = self.listen or self.connect
        assert address is not None, "validated: exactly one is set"
        return address

    @property
    def idle_timeout_s(self) -> float | None:
        """How long an encoder that has sent a picture may be silent; None: for ever."""
        return None if self.idle_timeout == "auto" else self.idle_timeout

    @property
    def start_timeout_s(self) -> float | None:
        """How long an encoder may be silent that has not sent a picture yet; None: for ever."""
        return _START_TIMEOUT_S if self.idle_timeout == "auto" else self.idle_timeout

    def allows(self, host: str) -> bool:
        """Whether a peer at the IP address ``host`` may be the encoder; always so without a TCP listener."""
        if self.listen is None or self.listen.scheme != "tcp":
            return True
        return contains(self.allow, host)


class FeedbackConfig(Section):
    """Where keyframe and rate requests go."""

    inline: bool = False  # on the encoder's own connection
    webhook: Annotated[str | None, BeforeValidator(_webhook)] = None  # a URL to POST to


def _same_as_name(data: dict[str, Any]) -> str:
    return str(data.get("name", "unnamed"))


class StreamConfig(Section):
    """One encoder's stream and the track it becomes."""

    name: Annotated[str, BeforeValidator(_stream_name)]
    room: Text
    identity: Text = Field(default_factory=_same_as_name)
    track: Text = Field(default_factory=_same_as_name)
    source: SourceConfig
    codec: Annotated[Codec | None, BeforeValidator(_codec)] = Field(default=None, validate_default=False)
    format: Annotated[Format | None, BeforeValidator(_format)] = Field(default=None, validate_default=False)
    max_bitrate: Bitrate = None
    max_framerate: Framerate = None
    live: Annotated[bool | None, BeforeValidator(_live)] = None  # None: auto
    framerate: Framerate = None  # in place of what the stream states
    max_backlog: BacklogSeconds = 0.5
    replay: ReplayPolicy = Replay.AUTO  # when the pictures since the last keyframe are replayed
    b_frames: Literal["warn", "reject"] = "warn"
    # Whether viewers are told what is known of each picture; None: where that does no harm.
    frame_metadata: Annotated[bool | None, BeforeValidator(_frame_metadata)] = Field(
        default=None, validate_default=False
    )
    feedback: FeedbackConfig = FeedbackConfig()

    @model_validator(mode="after")
    def _format_carries_codec(self) -> Self:
        if self.codec and self.format in _CARRIED_BY and self.codec not in _CARRIED_BY[self.format]:
            carried = ", ".join(sorted(_CARRIED_BY[self.format]))
            raise ValueError(
                f"format {self.format} cannot carry codec {self.codec}; allowed with it: {carried}"
            )
        return self


class Config(Section):
    """The whole configuration, after defaults and environment."""

    livekit: LiveKitConfig
    http: HttpConfig = HttpConfig()
    log: LogConfig = LogConfig()
    streams: tuple[StreamConfig, ...]
    warnings: tuple[str, ...] = ()  # what was written and has no effect, or is risky

    @property
    def rooms(self) -> int:
        """How many rooms are joined; streams of one room and identity share a connection."""
        return len({(stream.room, stream.identity) for stream in self.streams})
