"""The keys of a configuration: sections, their keys with type and default, and which keys go together."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic.fields import FieldInfo

from ingestd.config import quantities, values
from ingestd.config.access_token import TokenSource
from ingestd.config.address import PRIVATE_NETWORKS, Address, contains
from ingestd.delivery.gop import HELD_LIMITS
from ingestd.delivery.replays import Replay
from ingestd.media.access_unit import MAX_VIEWABLE_BYTES, Codec, Format
from ingestd.units import format_bitrate

# Less than this looks like a slide show in any codec.
MIN_BITRATE_BPS = 100_000
# One that has begun to send has its first picture on the way.
_START_TIMEOUT_S = 10.0
# A camera, its successor, health checks of some balancers, and 20 more that have yet to send.
_CONNECTIONS = 32
# In all, where nothing is said: as many as that would be usual, and room for a storm on a few of the streams.
_CONNECTIONS_OF_STREAM, _CONNECTIONS_BESIDE = 8, 256
# A connection costs some 0.1 ms, a handshake of TLS 1 to 2 ms.
_CONNECTION_RATE, _TLS_CONNECTION_RATE = 1000, 100
# Which formats can carry which codec; those not listed carry all.
_CARRIED_BY = {Format.ANNEXB: {Codec.H264, Codec.H265}, Format.OBU: {Codec.AV1}}


class Section(BaseModel):
    """Base of all sections: frozen, without unknown keys; errors never show a value, which may be secret."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)


class LiveKitConfig(Section):
    """The LiveKit server, and the credentials for it."""

    url: values.ServerUrl = "ws://127.0.0.1:7880"
    # Empty: a token is given instead.
    api_key: values.Text = Field(default="", validate_default=False)
    api_secret: values.Secret = Field(default=SecretStr(""), validate_default=False)
    api_secret_file: values.Text | None = None  # where api_secret was read from, if from a file
    token: values.Secret | None = Field(default=None, validate_default=False)  # for one room and one identity
    token_file: values.Text | None = None  # absolute; read again before each join
    h265: values.H265 = "auto"  # docs/h265.md
    signal_relay: bool = True  # the SDK joins through loopback, where WebRTC's estimate is set

    @property
    def token_source(self) -> TokenSource | None:
        """Where the token is; None where key and secret are given."""
        if self.token_file is not None:
            return TokenSource("", Path(self.token_file))
        return TokenSource(self.token.get_secret_value(), None) if self.token is not None else None


class HttpConfig(Section):
    """Status page, metrics and health."""

    listen: values.HttpAddress = Address("http", "127.0.0.1", 9464)
    preview: bool = False  # /preview/NAME lets everyone who reaches the page watch the stream


class LogConfig(Section):
    """What is logged, and how it looks."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"


class TlsConfig(Section):
    """Files of PEM for TLS; `ingestd.config.tls_contexts` reads them."""

    cert: values.Text | None = None  # of ours, and what lies between it and its CA
    key: values.Text | None = None  # None: in the same file
    client_ca: values.Text | None = None  # listen: an encoder must show a certificate of this CA
    ca: values.Text | None = None  # connect: of the encoder's certificate; None: those that the system trusts
    # connect: in the encoder's certificate; None: the host that is dialled
    server_name: values.Text | None = None


class SourceConfig(Section):
    """How the encoder connects: exactly one of ``listen`` and ``connect``."""

    listen: values.ListenAddress = Field(default=None, validate_default=False)
    connect: values.ConnectAddress = Field(default=None, validate_default=False)
    # Only a TCP listener asks who dials; see `allows`.
    allow: values.Networks = Field(default=PRIVATE_NETWORKS, validate_default=False)
    # Of a unix socket that we listen on: who may write to it may send.
    socket_mode: values.SocketMode = 0o660
    socket_group: values.Text | None = None
    second_encoder: Literal["reject", "replace"] = "reject"
    idle_timeout: quantities.IdleTimeoutSeconds = "auto"  # None: no limit
    reconnect_for_keyframe: bool = True  # end its connection where nothing else brings a keyframe
    # What an encoder's first line must show; one of several.
    token: values.Tokens = ()
    token_file: values.Text | None = None
    tls: TlsConfig = TlsConfig()
    proxy_protocol: bool = False  # a load balancer says who the encoder is
    max_connections: quantities.Connections = _CONNECTIONS  # the encoder's included
    # New ones per second and address; None: auto.
    max_connection_rate: quantities.ConnectionsPerSecond = None

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
    webhook: values.OptionalHttpUrl = None  # a URL to POST to
    # What is posted is signed with the secret in it.
    webhook_secret_file: values.OptionalSecretFile = None
    min_bitrate: quantities.MinBitrate = MIN_BITRATE_BPS  # the encoder is never asked for less


class HookConfig(Section):
    """Who is told by a POST what becomes of the streams."""

    url: values.HttpUrl
    secret: values.OptionalSecret = None  # signs what is posted
    secret_file: values.Text | None = None  # where secret was read from, if from a file
    events: values.HookEvents = tuple(values.HookEvent)


class ParticipantConfig(Section):
    """What viewers are told of the participant who publishes, beside its identity."""

    name: values.OptionalName = None
    metadata: values.Metadata = None
    attributes: values.Attributes = ()  # sorted by key


def _same_as_name(data: dict[str, Any]) -> str:
    return str(data.get("name", "unnamed"))


class StreamConfig(Section):
    """One encoder's stream and the track it becomes."""

    name: values.StreamName
    room: values.Name
    identity: values.Name = Field(default_factory=_same_as_name)
    track: values.Name = Field(default_factory=_same_as_name)
    join: Literal["always", "with-encoder"] = "always"  # when the participant is in the room
    track_source: Literal["camera", "screen_share"] = "camera"  # what viewers are told that it shows
    participant: ParticipantConfig = ParticipantConfig()
    source: SourceConfig
    codec: values.CodecChoice = Field(default=None, validate_default=False)
    format: values.FormatChoice = Field(default=None, validate_default=False)
    max_bitrate: quantities.Bitrate = None
    max_framerate: quantities.Framerate = None
    live: values.Live = None  # None: auto
    framerate: quantities.Framerate = None  # in place of what the stream states
    max_backlog: quantities.BacklogSeconds = 0.5
    max_picture: quantities.PictureBytes = MAX_VIEWABLE_BYTES  # bytes
    max_gop: quantities.GopBytes = HELD_LIMITS.max_bytes  # bytes held for replays
    replay: values.ReplayPolicy = Replay.AUTO  # when the pictures since the last keyframe are replayed
    b_frames: Literal["auto", "warn", "reject"] = "auto"  # auto: left out where that mends the order
    # Whether viewers are told what is known of each picture; None: where that does no harm.
    frame_metadata: values.FrameMetadata = Field(default=None, validate_default=False)
    feedback: FeedbackConfig = FeedbackConfig()

    @model_validator(mode="after")
    def _format_carries_codec(self) -> Self:
        if self.codec and self.format in _CARRIED_BY and self.codec not in _CARRIED_BY[self.format]:
            carried = ", ".join(sorted(_CARRIED_BY[self.format]))
            raise ValueError(
                f"format {self.format} cannot carry codec {self.codec}; allowed with it: {carried}"
            )
        return self

    @model_validator(mode="after")
    def _bitrates_in_order(self) -> Self:
        # A min_bitrate that is not written gives way.
        least, most = self.feedback.min_bitrate, self.max_bitrate
        if "min_bitrate" in self.feedback.model_fields_set and most is not None and least > most:
            raise ValueError(
                f"feedback.min_bitrate {format_bitrate(least)} is above max_bitrate {format_bitrate(most)}; "
                "allowed: at most that"
            )
        return self


class LimitsConfig(Section):
    """Limits of the whole process."""

    max_connections: quantities.AllConnections = None  # of encoders; None: auto


# Those that stand once in a file, at its top.
SECTIONS: Mapping[str, type[Section]] = {
    "livekit": LiveKitConfig,
    "http": HttpConfig,
    "log": LogConfig,
    "limits": LimitsConfig,
}


def section_of(field: FieldInfo) -> type[BaseModel] | None:
    """Return the section that ``field`` holds; None where it holds a value."""
    kinds = (field.annotation, *get_args(field.annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


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
