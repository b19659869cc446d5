"""Describes a configuration in words, as ``ingestd check`` prints it."""

from ingestd import descriptors
from ingestd.config.address import PRIVATE_NETWORKS
from ingestd.config.schema import Config, SourceConfig, StreamConfig
from ingestd.delivery.replays import Replay
from ingestd.redact import without_credentials
from ingestd.units import format_bitrate, format_duration


def describe(config: Config) -> str:
    """Return what ingestd would do with ``config``, without secrets."""
    livekit, number = config.livekit, len(config.streams)
    secret = f"the secret in {livekit.api_secret_file}" if livekit.api_secret_file else "a secret"
    rooms = config.rooms
    lines = [
        f"{number} {_plural('stream', number)} to {without_credentials(livekit.url)} over {rooms} room "
        f"{_plural('connection', rooms)}, with key {livekit.api_key} and {secret}.",
        f"Status page, metrics and health on {config.http.listen}"
        f"{'; everyone who reaches it can watch (http.preview)' if config.http.preview else ''}.",
        f"Up to {descriptors.needed(rooms, number)} file descriptors, a room taking most of them.",
        "",
    ]
    lines += [_stream(stream) for stream in config.streams]
    shortage = descriptors.shortage(rooms, number, descriptors.limit())
    warnings = [*config.warnings, *([f"here, {shortage}"] if shortage else [])]
    if warnings:
        lines += ["", *(f"warning: {warning}" for warning in warnings)]
    return "\n".join(lines)


_REPLAYS = {
    Replay.AUTO: "for a viewer who comes or waits alone, unless a keyframe is near",
    Replay.ALWAYS: "whenever a viewer waits for a keyframe",
    Replay.START: "when the track is published",
    Replay.NEVER: "never",
}


_FRAME_METADATA = {None: "published where every viewer can play it", True: "published", False: "none"}


def _stream(stream: StreamConfig) -> str:
    codec = stream.codec or "any codec"
    form = f"format {stream.format}" if stream.format else "format detected"
    back = [
        *(["on the encoder's connection"] if stream.feedback.inline else []),
        *([f"to {without_credentials(stream.feedback.webhook)}"] if stream.feedback.webhook else []),
    ]
    return "\n".join(
        [
            f"{stream.name}: {stream.source.address} → track {stream.track} "
            f"in room {stream.room} as {stream.identity}",
            f"  {_source(stream.source)}",
            f"  {codec}, {form}; {_pace(stream)}; {_limits(stream)}; "
            f"waits at most {format_duration(stream.max_backlog)}; B-frames: {stream.b_frames}; "
            f"GOP replayed: {_REPLAYS[stream.replay]}; "
            f"frame metadata: {_FRAME_METADATA[stream.frame_metadata]}",
            f"  keyframe and rate requests: {' and '.join(back) or 'none'}",
        ]
    )


def _pace(stream: StreamConfig) -> str:
    rate = f" of {stream.framerate:g} pictures/s" if stream.framerate else ""
    if stream.live is None:
        return f"live, or a file at its own pace{rate}"
    return "live" if stream.live else f"a file at its own pace{rate}"


def _limits(stream: StreamConfig) -> str:
    limits = [
        *([format_bitrate(stream.max_bitrate)] if stream.max_bitrate else []),
        *([f"{stream.max_framerate:g} pictures/s"] if stream.max_framerate else []),
    ]
    return f"at most {' and '.join(limits)}" if limits else "any bit rate and picture rate"


def _source(source: SourceConfig) -> str:
    if source.idle_timeout == "auto":
        end = "a silent one is kept while its machine answers"
    elif source.idle_timeout is None:
        end = "a silent one is kept"
    else:
        end = f"one that is silent for {format_duration(source.idle_timeout)} is disconnected"
    if source.listen is None:
        return f"ingestd dials the encoder, and redials it; {end}"
    if source.listen.scheme == "unix":
        who = "any process that may write to the socket"
    elif source.allow == PRIVATE_NETWORKS:
        who = "loopback and private networks"
    else:
        who = ", ".join(map(str, source.allow))
    second = "is refused" if source.second_encoder == "reject" else "replaces the first"
    return f"the encoder dials ingestd, from {who}; a second one {second}; {end}"


def _plural(word: str, number: int) -> str:
    return word if number == 1 else f"{word}s"
