"""The figures of one stream at one moment, as /metrics, the status page and /api/streams show them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingestd.observe.histogram import Histogram


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFigures:
    """One consistent reading. ``received = submitted + dropped + held`` holds in each of them."""

    name: str
    up: bool  # an encoder is connected and the track is published
    room: str
    track: str
    encoder: str = ""  # the encoder's address, "" when none is connected
    encoder_name: str = ""  # in its certificate, "" without one
    source: str = ""  # where encoders connect, or what is dialled: "tcp://127.0.0.1:5004"
    dials: bool = False  # the encoder is dialled
    expected_codec: str = ""  # by the configuration; "": any
    codec: str  # "" until recognised
    size: str  # "1920x1080", "" until known
    profile: str
    bytes_received: int = 0
    frames_received: Mapping[str, int]  # by type: key, delta
    frames_submitted: int
    frames_replayed: int
    frames_dropped: Mapping[str, int]  # by reason
    frames_held: int
    frames_sent: int
    frames_lost: int  # taken by WebRTC and not encoded
    frozen: float  # seconds of pictures that viewers missed since they saw the first
    stream_errors: Mapping[str, int]  # by reason
    encoder_connections: Mapping[str, int] = field(default_factory=dict)  # by result
    room_connections: Mapping[str, int]  # by result
    keyframe_requests: int
    keyframe_answer: Histogram = field(repr=False)  # request to the encoder → its keyframe
    keyframe_requests_unanswered: int  # of those to the encoder
    feedback_messages: Mapping[str, Mapping[str, int]]  # to the encoder, by type and result
    keyframe_interval: float | None  # seconds between the last two keyframes received
    frame_rate: float  # pictures per second, over the last seconds
    bitrate_bps: float
    target_bitrate_bps: float | None  # WebRTC's estimate of what the link carries
    backlog: float  # seconds the oldest picture that waits has waited
    paced: bool = False  # the input is a file: what waits, waits for its own pace
    frame_delay: Histogram = field(repr=False)  # last byte read → submitted to WebRTC
    send_delay_s: float | None  # how long packets wait in WebRTC before they leave, now
    largest_bytes: Mapping[str, int]  # of the last seconds' pictures, by type
    viewers: int = 0  # participants of the room beside us
    unwatchable: bool = False  # viewers cannot decode what comes
    fault: bool = False  # no encoder is connected, and none can be, or what the last one sent was at fault
    problems: tuple[str, ...] = ()  # what is wrong, in words, also while it is up
    remarks: tuple[str, ...] = ()  # what some viewers lack, in words, though nothing is wrong
