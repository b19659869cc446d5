"""Describes a configuration in words, as ``ingestd check`` prints it."""

import time

from ingestd import descriptors
from ingestd.config.address import PRIVATE_NETWORKS
from ingestd.config.schema import Config, FeedbackConfig, LiveKitConfig, SourceConfig, StreamConfig
from ingestd.delivery.replays import Replay
from ingestd.redact import without_credentials
from ingestd.units import format_bitrate, format_duration


def describe(config: Config) -> str:
    """Return what ingestd would do with ``config``, without secrets."""
    livekit, number = config.livekit, len(config.streams)
    rooms = config.rooms
    lines = [
        f"{number} {_plural('stream', number)} to {without_credentials(livekit.url)} over {rooms} room "
        f"{_plural('connection', rooms)}, with {_credentials(livekit)}.",
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


def _credentials(livekit: LiveKitConfig) -> str:
    if (source := livekit.token_source) is not None:
        try:
            return f"{source}, which {source.read().validity(time.time())}"
        except ValueError as error:  # since it was loaded
            return f"{source}: {error}"
    secret = f"the secret in {livekit.api_secret_file}" if livekit.api_secret_file else "a secret"
    return f"key {livekit.api_key} and {secret}"


_REPLAYS = {
    Replay.AUTO: "for a viewer who comes or waits alone, unless a keyframe is near",
    Replay.ALWAYS: "whenever a viewer waits for a keyframe",
    Replay.START: "when the track is published",
    Replay.NEVER: "never",
}


_B_FRAMES = {
    "auto": "left out where that mends the order",
    "warn": "published, with a warning",
    "reject": "refused",
}
_FRAME_METADATA = {None: "published where every viewer can play it", True: "published", False: "none"}


def _stream(stream: StreamConfig) -> str:
    codec = stream.codec or "any codec"
    form = f"format {stream.format}" if stream.format else "format detected"
    back = [
        *(["on the encoder's connection"] if stream.feedback.inline else []),
        *([f"to {_webhook(stream.feedback)}"] if stream.feedback.webhook else []),
    ]
    return "\n".join(
        [
            f"{stream.name}: {stream.source.address} → track {stream.track} "
            f"in room {stream.room} as {stream.identity}",
            f"  {_presence(stream)}",
            f"  {_source(stream.source)}",
            f"  {codec}, {form}; {_pace(stream)}; {_limits(stream)}; "
            f"waits at most {format_duration(stream.max_backlog)}; B-frames: {_B_FRAMES[stream.b_frames]}; "
            f"GOP replayed: {_REPLAYS[stream.replay]}; "
            f"frame metadata: {_FRAME_METADATA[stream.frame_metadata]}",
            f"  keyframe and rate requests: {' and '.join(back) or 'none'}"
            + (f"; {format_bitrate(_least(stream))} at least" if back else ""),
        ]
    )


def _least(stream: StreamConfig) -> int:
    """The least bitrate that the encoder is asked for, in bit/s: max_bitrate goes before the default."""
    return min(stream.feedback.min_bitrate, stream.max_bitrate or stream.feedback.min_bitrate)


_SHOWS = {"camera": "a camera", "screen_share": "a shared screen"}


def _presence(stream: StreamConfig) -> str:
    when = "while an encoder is there, and 10 s longer" if stream.join == "with-encoder" else "always"
    said = stream.participant
    parts = [
        *([f"named {said.name}"] if said.name else []),
        *(["with metadata"] if said.metadata else []),
        *([f"with the attributes {', '.join(key for key, _ in said.attributes)}"] if said.attributes else []),
    ]
    return f"in the room {when}; viewers see {', '.join([_SHOWS[stream.track_source], *parts])}"


def _webhook(feedback: FeedbackConfig) -> str:
    file = feedback.webhook_secret_file
    signed = f", signed with the secret in {file.name}" if file else ""
    return f"{without_credentials(feedback.webhook or '')}{signed}"


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
        return f"ingestd dials the encoder, and redials it{_guards(source)}; {end}"
    if source.listen.scheme == "unix" and not source.proxy_protocol:
        who = "any process that may write to the socket"
    elif source.allow == PRIVATE_NETWORKS:
        who = "loopback and private networks"
    else:
        who = ", ".join(map(str, source.allow))
    second = "is refused" if source.second_encoder == "reject" else "replaces the first"
    return f"the encoder dials ingestd, from {who}{_guards(source)}; a second one {second}; {end}"


def _guards(source: SourceConfig) -> str:
    """What an encoder has to show, as a clause behind who may come."""
    guards = []
    if source.listen is not None and source.proxy_protocol:
        guards.append("as a load balancer's PROXY header says")
    if source.address.scheme == "tls":
        if source.listen is None:
            name = source.tls.server_name or source.address.host
            guards.append(
                f"by TLS, with a certificate for {name} of {source.tls.ca or 'a CA the system trusts'}"
            )
        else:
            by = f" of {source.tls.client_ca}" if source.tls.client_ca else ""
            guards.append(f"by TLS, with a certificate{by}" if by else "by TLS")
    if source.token or source.token_file:
        one = "one of several tokens" if len(source.token) > 1 else "a token"
        guards.append(
            f"with one of the tokens in {source.token_file}" if source.token_file else f"with {one}"
        )
    return "".join(f", {guard}" for guard in guards)


def _plural(word: str, number: int) -> str:
    return word if number == 1 else f"{word}s"
