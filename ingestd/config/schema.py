"""The keys of a configuration: their types, defaults and limits, each limit with its reason."""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from ingestd.config import tokens
from ingestd.config.access_token import TokenSource
from ingestd.config.address import (
    PRIVATE_NETWORKS,
    Address,
    Network,
    contains,
    parse_address,
    parse_http_address,
    parse_networks,
)
from ingestd.delivery.gop import HELD_LIMITS
from ingestd.delivery.replays import Replay
from ingestd.media.access_unit import MAX_ACCESS_UNIT_BYTES, Codec, Format
from ingestd.redact import shown, without_credentials
from ingestd.units import (
    format_bitrate,
    format_duration,
    format_size,
    parse_bitrate,
    parse_duration,
    parse_size,
)

# The server's own default limits for names of rooms and participants (`limit:` in its configuration).
_MAX_NAME_LETTERS = 256
# The same, for what is said of a participant.
_MAX_PARTICIPANT_BYTES = 64_000
# Below this not even one small picture a second fits.
_MIN_BITRATE_BPS = 10_000
# Less than this looks like a slide show in any codec.
MIN_BITRATE_BPS = 100_000
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

# A keyframe of 1080p at a low bitrate has more.
_MIN_PICTURE_BYTES = 64 * 1024
# A GOP of 10 s at 1 Mbit/s has more; and 4 GB are what a machine has, not a stream.
_MIN_GOP_BYTES = 1024 * 1024
_MAX_GOP_BYTES = 1024 * 1024 * 1024
# One that comes while one is there is needed for every change of encoders.
_MIN_CONNECTIONS = 2
_MAX_CONNECTIONS = 10_000
# A camera, its successor, health checks of some balancers, and 20 more that have yet to send.
_CONNECTIONS = 32
# In all, where nothing is said: as many as that would be usual, and room for a storm on a few of the streams.
_CONNECTIONS_OF_STREAM, _CONNECTIONS_BESIDE = 8, 256
# A connection costs some 0.1 ms, a handshake of TLS 1 to 2 ms.
_CONNECTION_RATE, _TLS_CONNECTION_RATE = 1000, 100
_MAX_CONNECTION_RATE = 10_000


class HookEvent(StrEnum):
    """What a hook may be told of."""

    UP = "up"  # the first picture of an encoder is published, or pictures move again
    DOWN = "down"  # the encoder, the room or the track is gone
    STALLED = "stalled"  # the encoder is there, and viewers see no new picture


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


def _optional_secret(value: object) -> str | None:
    return None if value is None else usable_secret(value)


def _metadata(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is not text; put it in quotes")
    _at_most_what_servers_take(len(value.encode()))
    return value


def _attributes(value: object) -> tuple[tuple[str, str], ...]:
    if isinstance(value, tuple):  # read before, as a default is
        return value
    if isinstance(value, str):  # a variable
        pairs = [pair.partition("=") for pair in value.split(",") if pair.strip()]
        if not all(equals for _, equals, _ in pairs):
            raise ValueError(f"{shown(value)} is not usable; allowed: KEY=VALUE,KEY=VALUE")
        value = {key.strip(): text.strip() for key, _, text in pairs}
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ValueError("a mapping of keys to texts is needed; put numbers, true and false in quotes")
    if not all(isinstance(key, str) and key for key in value):
        raise ValueError("a key of it is empty or no text; put it in quotes")
    _at_most_what_servers_take(sum(len(key.encode()) + len(text.encode()) for key, text in value.items()))
    return tuple(sorted(value.items()))


def _at_most_what_servers_take(size_bytes: int) -> None:
    if size_bytes > _MAX_PARTICIPANT_BYTES:
        raise ValueError(f"has {size_bytes:,} bytes; allowed: {_MAX_PARTICIPANT_BYTES:,}, as servers take")


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


def _size(value: object, least: int, most: int) -> int:
    size_bytes = parse_size(value)
    return int(
        _in_range(size_bytes, value, format_size(least), format_size(most), least <= size_bytes <= most)
    )


def _picture_size(value: object) -> int:
    return _size(value, _MIN_PICTURE_BYTES, MAX_ACCESS_UNIT_BYTES)


def _gop_size(value: object) -> int:
    return _size(value, _MIN_GOP_BYTES, _MAX_GOP_BYTES)


def _number(value: object, least: int, most: int, or_auto: str = "") -> int:
    try:
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ValueError
        number = int(value)
    except ValueError:
        raise ValueError(
            f"{shown(value)} is not a whole number; allowed: {or_auto}{least} to {most}"
        ) from None
    return int(_in_range(number, value, f"{or_auto}{least}", str(most), least <= number <= most))


def _connections(value: object) -> int:
    return _number(value, _MIN_CONNECTIONS, _MAX_CONNECTIONS)


def _all_connections(value: object) -> int | None:
    return None if _is_auto(value) else _number(value, _MIN_CONNECTIONS, 1_000_000, "auto, or ")


def _connection_rate(value: object) -> int | None:
    return None if _is_auto(value) else _number(value, 1, _MAX_CONNECTION_RATE, "auto, or ")


def _tokens(value: object) -> tuple[SecretStr, ...]:
    if value is None or value == ():
        return ()
    found = value if isinstance(value, list | tuple) else [value]
    if not found:
        raise ValueError("is an empty list; allowed: a token, or a list of them")
    plain = [token.get_secret_value() if isinstance(token, SecretStr) else token for token in found]
    return tuple(SecretStr(tokens.usable(token)) for token in plain)


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


def _hook_url(value: object) -> str:
    return _url(value, ("http", "https"))


def _hook_events(value: object) -> tuple[HookEvent, ...]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(f"{shown(value)} is not a list of events; write [{', '.join(HookEvent)}]")
    chosen = {_choice(item, list(HookEvent)) for item in value}
    return tuple(event for event in HookEvent if event in chosen)


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A file, as the configuration names it, and the secret that `load` has read from it."""

    name: str
    secret: SecretStr


def _secret_file(value: object) -> SecretFile | None:
    if isinstance(value, SecretFile):
        return value
    if value in (None, "", "null"):
        return None
    raise ValueError(f"{shown(value)} is no path of a file; put it in quotes")


def _min_bitrate(value: object) -> int:
    rate = _bitrate(value)
    if rate is None:
        least, most = format_bitrate(_MIN_BITRATE_BPS), format_bitrate(_MAX_BITRATE_BPS)
        raise ValueError(f"{shown(value)} is no bitrate; allowed: {least} to {most}")
    return rate


def _listen(value: object) -> Address:
    return value if isinstance(value, Address) else parse_address(value)


def _connect(value: object) -> Address:
    address = _listen(value)
    if address.scheme != "unix" and address.port == 0:
        raise ValueError(f"{shown(value)}: port 0 cannot be dialled; allowed: 1 to 65535")
    return address


def _http_listen(value: object) -> Address:
    return value if isinstance(value, Address) else parse_http_address(value)


Text = Annotated[str, BeforeValidator(_text)]
ServerUrl = Annotated[str, BeforeValidator(_server_url)]  # ws:// or wss://
Secret = Annotated[SecretStr, BeforeValidator(usable_secret)]
Bitrate = Annotated[int | None, BeforeValidator(_bitrate)]  # bit/s; None: auto
MinBitrate = Annotated[int, BeforeValidator(_min_bitrate)]  # bit/s
Framerate = Annotated[float | None, BeforeValidator(_framerate)]  # pictures per second; None: auto
BacklogSeconds = Annotated[float, BeforeValidator(_backlog)]  # seconds
ReplayPolicy = Annotated[Replay, BeforeValidator(_replay)]


class Section(BaseModel):
    """Base of all sections: frozen, without unknown keys; errors never show a value, which may be secret."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)


class LiveKitConfig(Section):
    """The LiveKit server, and the credentials for it."""

    url: ServerUrl = "ws://127.0.0.1:7880"
    # Empty: a token is given instead.
    api_key: Text = Field(default="", validate_default=False)
    api_secret: Secret = Field(default=SecretStr(""), validate_default=False)
    api_secret_file: Text | None = None  # where api_secret was read from, if from a file
    token: Secret | None = Field(default=None, validate_default=False)  # for one room and one identity
    token_file: Text | None = None  # absolute; read again before each join
    h265: Annotated[Literal["auto", "native", "off"], BeforeValidator(_h265)] = "auto"  # docs/h265.md
    signal_relay: bool = True  # the SDK joins through loopback, where WebRTC's estimate is set

    @property
    def token_source(self) -> TokenSource | None:
        """Where the token is; None where key and secret are given."""
        if self.token_file is not None:
            return TokenSource("", Path(self.token_file))
        return TokenSource(self.token.get_secret_value(), None) if self.token is not None else None


class HttpConfig(Section):
    """Status page, metrics and health."""

    listen: Annotated[Address, BeforeValidator(_http_listen)] = Address("http", "127.0.0.1", 9464)
    preview: bool = False  # /preview/NAME lets everyone who reaches the page watch the stream


class LogConfig(Section):
    """What is logged, and how it looks."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"


class TlsConfig(Section):
    """Files of PEM for TLS; `ingestd.config.tls_files` reads them."""

    cert: Text | None = None  # of ours, and what lies between it and its CA
    key: Text | None = None  # None: in the same file
    client_ca: Text | None = None  # listen: an encoder must show a certificate of this CA
    ca: Text | None = None  # connect: of the encoder's certificate; None: those that the system trusts
    server_name: Text | None = None  # connect: in the encoder's certificate; None: the host that is dialled


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
    # What an encoder's first line must show; one of several.
    token: Annotated[tuple[SecretStr, ...], BeforeValidator(_tokens)] = ()
    token_file: Text | None = None
    tls: TlsConfig = TlsConfig()
    proxy_protocol: bool = False  # a load balancer says who the encoder is
    max_connections: Annotated[int, BeforeValidator(_connections)] = _CONNECTIONS  # the encoder's included
    # New ones per second and address; None: auto.
    max_connection_rate: Annotated[int | None, BeforeValidator(_connection_rate)] = None

    @model_validator(mode="after")
    def _tls_fits(self) -> Self:
        tls, address = self.tls, self.listen or self.connect
        if address is None or address.scheme != "tls":
            return self
        if self.listen is not None and tls.cert is None:
            raise ValueError("tls:// in listen needs tls.cert and tls.key, files of PEM")
        if tls.key is not None and tls.cert is None:
            raise ValueError("tls.key is set without tls.cert; allowed: both, or neither")
        return self

    @model_validator(mode="after")
    def _token_is_in_one_place(self) -> Self:
        if self.token and self.token_file is not None:
            raise ValueError("both token and token_file are set; allowed: one of them")
        return self

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

    @property
    def token_path(self) -> Path | None:
        """The file of the tokens."""
        return None if self.token_file is None else Path(self.token_file)

    @property
    def max_connection_rate_per_s(self) -> int:
        """How many new connections an address may open in a second."""
        if self.max_connection_rate is not None:
            return self.max_connection_rate
        return _TLS_CONNECTION_RATE if self.address.scheme == "tls" else _CONNECTION_RATE

    def allows(self, host: str) -> bool:
        """Whether a peer at the IP address ``host`` may be the encoder.

        Always so where we dial, and on a unix socket, unless a load balancer there says who the encoder is.
        """
        if self.listen is None or (self.listen.scheme == "unix" and not (self.proxy_protocol and host)):
            return True
        return contains(self.allow, host)


class FeedbackConfig(Section):
    """Where keyframe and rate requests go."""

    inline: bool = False  # on the encoder's own connection
    webhook: Annotated[str | None, BeforeValidator(_webhook)] = None  # a URL to POST to
    # What is posted is signed with the secret in it.
    webhook_secret_file: Annotated[SecretFile | None, BeforeValidator(_secret_file)] = None
    min_bitrate: MinBitrate = MIN_BITRATE_BPS  # the encoder is never asked for less


class HookConfig(Section):
    """Who is told by a POST what becomes of the streams."""

    url: Annotated[str, BeforeValidator(_hook_url)]
    secret: Annotated[SecretStr | None, BeforeValidator(_optional_secret)] = None  # signs what is posted
    secret_file: Text | None = None  # where secret was read from, if from a file
    events: Annotated[tuple[HookEvent, ...], BeforeValidator(_hook_events)] = tuple(HookEvent)


class ParticipantConfig(Section):
    """What viewers are told of the participant who publishes, beside its identity."""

    name: Annotated[str | None, BeforeValidator(lambda value: None if value is None else _text(value))] = None
    metadata: Annotated[str | None, BeforeValidator(_metadata)] = None
    attributes: Annotated[tuple[tuple[str, str], ...], BeforeValidator(_attributes)] = ()  # sorted by key


def _same_as_name(data: dict[str, Any]) -> str:
    return str(data.get("name", "unnamed"))


class StreamConfig(Section):
    """One encoder's stream and the track it becomes."""

    name: Annotated[str, BeforeValidator(_stream_name)]
    room: Text
    identity: Text = Field(default_factory=_same_as_name)
    track: Text = Field(default_factory=_same_as_name)
    join: Literal["always", "with-encoder"] = "always"  # when the participant is in the room
    track_source: Literal["camera", "screen_share"] = "camera"  # what viewers are told that it shows
    participant: ParticipantConfig = ParticipantConfig()
    source: SourceConfig
    codec: Annotated[Codec | None, BeforeValidator(_codec)] = Field(default=None, validate_default=False)
    format: Annotated[Format | None, BeforeValidator(_format)] = Field(default=None, validate_default=False)
    max_bitrate: Bitrate = None
    max_framerate: Framerate = None
    live: Annotated[bool | None, BeforeValidator(_live)] = None  # None: auto
    framerate: Framerate = None  # in place of what the stream states
    max_backlog: BacklogSeconds = 0.5
    max_picture: Annotated[int, BeforeValidator(_picture_size)] = MAX_ACCESS_UNIT_BYTES  # bytes
    max_gop: Annotated[int, BeforeValidator(_gop_size)] = HELD_LIMITS.max_bytes  # bytes held for replays
    replay: ReplayPolicy = Replay.AUTO  # when the pictures since the last keyframe are replayed
    b_frames: Literal["auto", "warn", "reject"] = "auto"  # auto: left out where that mends the order
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


class LimitsConfig(Section):
    """Limits of the whole process."""

    max_connections: Annotated[int | None, BeforeValidator(_all_connections)] = (
        None  # of encoders; None: auto
    )


class Config(Section):
    """The whole configuration, after defaults and environment."""

    livekit: LiveKitConfig
    http: HttpConfig = HttpConfig()
    log: LogConfig = LogConfig()
    limits: LimitsConfig = LimitsConfig()
    streams: tuple[StreamConfig, ...]
    hooks: tuple[HookConfig, ...] = ()
    warnings: tuple[str, ...] = ()  # what was written and has no effect, or is risky

    @property
    def max_connections(self) -> int:
        """How many connections of encoders there may be in all."""
        return self.limits.max_connections or _CONNECTIONS_BESIDE + _CONNECTIONS_OF_STREAM * len(self.streams)

    @property
    def secrets(self) -> list[str]:
        """All that no log may show."""
        hooks = [hook.secret for hook in self.hooks if hook.secret is not None]
        tokens = [token for stream in self.streams for token in stream.source.token]
        files = [stream.feedback.webhook_secret_file for stream in self.streams]
        webhooks = [file.secret for file in files if file is not None]
        livekit = [self.livekit.api_secret] if self.livekit.token is None else [self.livekit.token]
        return [secret.get_secret_value() for secret in (*livekit, *hooks, *webhooks, *tokens)]

    @property
    def rooms(self) -> int:
        """How many rooms are joined; streams of one room and identity share a connection."""
        return len({(stream.room, stream.identity) for stream in self.streams})

    @property
    def participants(self) -> dict[tuple[str, str], ParticipantConfig]:
        """By room and identity; of the streams that share them those that set it say the same."""
        found: dict[tuple[str, str], ParticipantConfig] = {}
        for stream in self.streams:
            if stream.participant != ParticipantConfig() or (stream.room, stream.identity) not in found:
                found[stream.room, stream.identity] = stream.participant
        return found
