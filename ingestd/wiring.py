"""Builds the parts of a stream and of a pipeline, and wires them: says which class plays which part."""

from collections.abc import Callable
from functools import partial
from typing import Any

import structlog

from ingestd.config import StreamConfig
from ingestd.config.schema import MIN_BITRATE_BPS
from ingestd.control.backchannel import BackChannel, Inline, Sink
from ingestd.control.rate_target import RateTarget
from ingestd.control.webhook import Webhook
from ingestd.delivery.delivery import Delivery
from ingestd.delivery.gop import HeldLimits
from ingestd.diagnose.reporter import StreamReporter
from ingestd.errors import BitstreamError
from ingestd.hooks.hooks import Hooks
from ingestd.loop_share import LoopShare
from ingestd.media.detection.format_detector import detect
from ingestd.pipeline import EncoderCallbacks, TrackPipeline
from ingestd.publish.track import TrackOptions
from ingestd.publish.track_keeper import TrackKeeper
from ingestd.publish.track_listener import TrackListener
from ingestd.room import Room, Track
from ingestd.service.passed_sockets import PassedSockets
from ingestd.source.admission import Admission
from ingestd.source.connection_limits import ConnectionCount
from ingestd.source.socket_dialer import Dialer
from ingestd.source.socket_listener import Listener
from ingestd.stream import DETECTION_TIMEOUT_S, Stream
from ingestd.tasks import Tasks

MakeTrack = Callable[[TrackOptions, TrackListener, Tasks], Track]
MakeReporter = Callable[[Any], StreamReporter]

# What rate messages name where max_framerate is auto: not the rate at which pictures come, as an encoder that
# obeyed its own echo would become slower each time it was measured a little low.
AUTO_FRAMERATE_FPS = 60.0
CLOSED_FOR_KEYFRAME = (
    "no keyframe came after an interruption, and viewers see nothing: its next connection begins with one "
    "(source.reconnect_for_keyframe)"
)

logger = structlog.get_logger("ingestd.stream")

# A process has one event loop.
LOOP_SHARE = LoopShare()


def build_stream(
    config: StreamConfig,
    room: Room,
    tasks: Tasks,
    *,
    h265_refusal: str | None = None,
    make_track: MakeTrack = TrackKeeper,
    make_reporter: MakeReporter = StreamReporter,
    detection_timeout_s: float = DETECTION_TIMEOUT_S,
    hooks: Hooks | None = None,
    passed: PassedSockets | None = None,
    connections: ConnectionCount | None = None,
) -> Stream:
    """Return the stream that ``config`` describes, not started; its track will be in ``room``.

    ``h265_refusal`` says why this process does not publish H.265, and the cure; None: it does. ``hooks``
    hear of the stream, ``passed`` may have its socket, and ``connections`` counts those of all streams.
    """
    address = config.source.address
    account = LOOP_SHARE.account()
    admission = Admission(config.source, config.name, is_stream=_is_stream, count=connections)
    source = (
        Listener(
            address,
            admission,
            config.name,
            socket_mode=config.source.socket_mode,
            socket_group=config.source.socket_group,
            passed=passed.of(config.name) if passed is not None else None,
        )
        if config.source.listen is not None
        else Dialer(address, admission, config.name, tasks)
    )
    webhook = _webhook(config, tasks)
    sinks: list[Sink] = [Inline(admission.send)] if config.feedback.inline else []
    sinks += [webhook] if webhook else []
    pipeline = build_pipeline(
        TrackOptions(
            config.name,
            config.track,
            config.max_bitrate,
            config.max_framerate,
            config.frame_metadata,
            config.track_source,
            h265_refusal,
        ),
        Delivery(
            config.max_backlog,
            config.replay,
            config.max_bitrate,
            live=config.live,
            framerate_fps=config.framerate,
            held_limits=HeldLimits(max_bytes=config.max_gop),
            leave_out_b_frames=config.b_frames == "auto",
        ),
        room,
        sinks,
        tasks,
        logger.bind(stream=config.name),
        EncoderCallbacks(
            defect=partial(admission.hang_up, "internal error"),
            full=admission.throttle,
            no_keyframe=partial(admission.hang_up, CLOSED_FOR_KEYFRAME)
            if config.source.reconnect_for_keyframe
            else lambda: None,
            played=account.sends,
        ),
        reject_b_frames=config.b_frames == "reject",
        min_bitrate_bps=config.feedback.min_bitrate,
        make_track=make_track,
        make_reporter=make_reporter,
    )
    return Stream(
        config,
        admission,
        source,
        pipeline,
        room,
        account,
        webhook,
        detection_timeout_s,
        hooks,
    )


def _webhook(config: StreamConfig, tasks: Tasks) -> Webhook | None:
    feedback = config.feedback
    if feedback.webhook is None:
        return None
    file = feedback.webhook_secret_file
    secret = file.secret.get_secret_value().encode() if file else None
    return Webhook(feedback.webhook, config.name, tasks, secret=secret)


def _is_stream(first_bytes: bytes, final: bool) -> bool | None:
    try:
        found = detect(first_bytes, final=final)
    except BitstreamError:
        return False
    return True if found is not None else False if final else None


def build_pipeline(
    options: TrackOptions,
    delivery: Delivery,
    room: Room,
    sinks: list[Sink],
    tasks: Tasks,
    log: Any,
    callbacks: EncoderCallbacks,
    *,
    reject_b_frames: bool = False,
    min_bitrate_bps: int = MIN_BITRATE_BPS,
    make_track: MakeTrack = TrackKeeper,
    make_reporter: MakeReporter = StreamReporter,
) -> TrackPipeline:
    """Return the way from access units to a track in ``room``, and from WebRTC's feedback to ``sinks``."""
    return TrackPipeline(
        options,
        delivery,
        room,
        lambda listener: make_track(options, listener, tasks),
        BackChannel(sinks, options.max_framerate_fps or AUTO_FRAMERATE_FPS),
        RateTarget(min_bitrate_bps, options.max_bitrate_bps),
        make_reporter(log),
        tasks,
        callbacks,
        reject_b_frames=reject_b_frames,
    )
