"""The Python API: an application publishes its access units, with the guarantees of the daemon."""

import asyncio
import inspect
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from ingestd.config import publication
from ingestd.control.messages import Message, OnResult, Result
from ingestd.delivery.accounting import Drop
from ingestd.delivery.delivery import Delivery
from ingestd.delivery.replays import Replay
from ingestd.diagnose.explain import explained
from ingestd.errors import ConfigError, StreamError
from ingestd.media.access_unit import Codec
from ingestd.media.formats.framed import FramedReader
from ingestd.observe.figures import StreamFigures
from ingestd.pipeline import EncoderCallbacks
from ingestd.publish.room_connection import RoomConnection
from ingestd.publish.room_join import RoomAddress
from ingestd.publish.sdk import h265
from ingestd.publish.signal_relay import SignalRelay
from ingestd.publish.track import TrackOptions
from ingestd.publish.track_keeper import TrackKeeper
from ingestd.publish.track_listener import TrackListener
from ingestd.room import Track
from ingestd.tasks import Tasks, outcome
from ingestd.wiring import build_pipeline

logger = structlog.get_logger("ingestd.api")


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One coded picture, whole, in the order of decoding; whether it is a keyframe is read from it.

    H.264 and H.265: NAL units with start codes (Annex B); parameter sets may be left out of all keyframes
    but the first. VP8 and VP9: one frame, a VP9 superframe counts as one. AV1: one temporal unit, OBUs with
    sizes. At most 3 MiB, as no viewer with libwebrtc has room for more.
    """

    data: bytes
    codec: Codec


class Publication:
    """One track in a LiveKit room, kept there until `close`: rooms that are lost are joined again for ever.

    Call everything on the thread of the running event loop. ``max_bitrate`` is in bit/s, 10,000
    to 1,000,000,000 (None: what the stream needs); ``max_framerate`` in pictures per second, 1 to 240 (None:
    no limit); ``max_backlog`` in seconds, 0.02 to 30: what has waited longer makes way for a newer keyframe.
    ``replay`` is ``"auto"``, ``"always"``, ``"start"`` or ``"never"``: when the GOP may be replayed, see
    docs/configuration.md. ``identity`` is the
    participant, of which a room has one. The loop calls

    - ``on_keyframe_wanted()`` when WebRTC wants a keyframe, at most twice a second,
    - ``on_rate_wanted(bitrate_bps, framerate_fps)`` when what the link carries has changed by a tenth;
      ``framerate_fps`` is always ``max_framerate``, or 60 without one.

    Raises ConfigError for a value that is not allowed; the text names each and what is.
    """

    def __init__(
        self,
        *,
        url: str,
        api_key: str,
        api_secret: str,
        room: str,
        identity: str,
        track: str,
        max_bitrate: int | None = None,
        max_framerate: float | None = None,
        max_backlog: float = 0.5,
        replay: Replay = Replay.AUTO,
        on_keyframe_wanted: Callable[[], object] | None = None,
        on_rate_wanted: Callable[[int, float], object] | None = None,
    ) -> None:
        config = publication(
            url=url,
            api_key=api_key,
            api_secret=api_secret,
            room=room,
            identity=identity,
            track=track,
            max_bitrate=max_bitrate,
            max_framerate=max_framerate,
            max_backlog=max_backlog,
            replay=replay,
        )
        callbacks = _Callbacks(on_keyframe_wanted, on_rate_wanted)
        self._name = room
        self._log = logger.bind(stream=track)
        self._tasks = Tasks(self._task_failed)
        self._relay = SignalRelay()
        secret = config.api_secret.get_secret_value()
        self._room = RoomConnection(
            RoomAddress(config.url, api_key, secret, room, identity), self._tasks, relay=self._relay
        )
        options = TrackOptions(track, track, config.max_bitrate, config.max_framerate, frame_metadata=None)
        delivery = Delivery(config.max_backlog, config.replay, config.max_bitrate)
        self._pipeline = build_pipeline(
            options,
            delivery,
            self._room,
            [callbacks],
            self._tasks,
            self._log,
            # It is not known what was lost; from the next keyframe on all is well.
            EncoderCallbacks(defect=lambda: self._pipeline.picture_lost()),
            make_track=self._make_track,
        )
        self._pipeline.open()
        self._units = FramedReader()
        self._bytes_received = 0
        self._joining = False
        self._closed = False

    async def publish(self) -> None:
        """Join the room, and return when that is done; the track is published with the first keyframe.

        Tries for ever: ``figures().problems`` says what is in the way. Cancelling ends the wait and not the
        joining, which goes on until `close`; that cancels all waits. Raises RuntimeError after `close`.
        """
        if self._closed:
            raise RuntimeError("this Publication is closed; make another one to publish again")
        if not self._joining:
            self._joining = True
            self._room.start()
        await outcome(self._tasks.begin("joined", self._room.joined_once()))

    def submit(self, access_unit: AccessUnit) -> Drop | None:
        """Take in one access unit, which has been submitted to WebRTC or waits for that when this returns.

        Returns None when it was accepted, else why it was dropped. Also before `publish`: what is needed
        from the last keyframe on is held until the track is there. Raises StreamError, which says what to
        change, where the bytes are not one access unit of the codec, or state a picture larger than any
        viewer decodes; the pictures up to the next keyframe are dropped then. Raises RuntimeError where no
        event loop runs, TypeError for anything but an `AccessUnit` of bytes and a `Codec`; nothing is
        changed then.
        """
        asyncio.get_running_loop()  # before anything is changed by a thread that must not
        data, codec = _parts(access_unit)
        if self._closed:
            return Drop.STOPPED
        now, arrived_us = time.monotonic(), time.time_ns() // 1000
        self._bytes_received += len(data)
        try:
            unit = self._units.read(data, codec)
            dropped = self._pipeline.receive(unit, now, arrived_us)
        except StreamError as error:
            self._pipeline.fault(error)
            self._pipeline.picture_lost()
            raise explained(error) from None
        for fault in self._units.faults:
            self._pipeline.fault(fault)
        self._units.faults.clear()
        self._pipeline.pump()
        return dropped

    @property
    def full(self) -> bool:
        """Whether to submit no more for now: what was submitted is some 12 s ahead of real time."""
        return self._pipeline.full

    def figures(self) -> StreamFigures:
        """Return one consistent reading of all counts: the daemon's, without an encoder's connection."""
        problems = (self._room.problem or self._pipeline.problem, *self._pipeline.stream_problems)
        return replace(
            self._pipeline.figures(self._name),
            bytes_received=self._bytes_received,
            problems=tuple(problem for problem in problems if problem),
        )

    async def close(self) -> None:
        """Take the track out of the room and leave it, within 5 s; what waits is dropped.

        Without this the SDK aborts the process when Python ends.
        """
        if self._closed:
            return
        self._closed = True
        await self._pipeline.close()
        await self._room.close()
        await self._relay.close()
        await self._tasks.close()

    def _make_track(self, options: TrackOptions, listener: TrackListener, tasks: Tasks) -> Track:
        return TrackKeeper(options, listener, tasks)  # tests play it

    def _task_failed(self, name: str, error: BaseException) -> None:
        self._log.critical("internal error", task=name, exc_info=error)


def _parts(access_unit: AccessUnit) -> tuple[bytes, Codec]:
    """Return the bytes and the codec, also of what resembles them. Raises TypeError for anything else."""
    if not isinstance(access_unit, AccessUnit):
        raise TypeError(f"submit takes an ingestd.AccessUnit, not {_type(access_unit)}")
    if not isinstance(access_unit.data, bytes | bytearray | memoryview):
        raise TypeError(f"AccessUnit.data must be bytes, not {_type(access_unit.data)}")
    try:
        codec = Codec(access_unit.codec)
    except ValueError:
        raise TypeError(
            f"AccessUnit.codec must be an ingestd.Codec, not {access_unit.codec!r:.100}"
        ) from None
    # A copy of what the application may write into: pictures are kept while they wait.
    return bytes(access_unit.data), codec


async def offer_h265() -> str | None:
    """Have this process publish H.265 where the SDK does not offer it by itself; return why it cannot.

    Await it before the process joins its first room, and not in a process that also receives video or has
    the SDK encode it: the SDK would try NVIDIA's encoder and decoder, which are not there. Replaces
    ``sys.stdout``. docs/h265.md says what is done.
    """
    return (await h265.prepare("auto")).refusal


class _Callbacks:
    """The application at the other end of the back-channel."""

    def __init__(
        self,
        on_keyframe_wanted: Callable[[], object] | None,
        on_rate_wanted: Callable[[int, float], object] | None,
    ) -> None:
        given = {"on_keyframe_wanted": on_keyframe_wanted, "on_rate_wanted": on_rate_wanted}
        problems = [
            f"{name}: must be a plain function, {problem}"
            for name, callback in given.items()
            if callback is not None and (problem := _problem(callback))
        ]
        if problems:
            raise ConfigError("; ".join(problems))
        self._on_keyframe_wanted: Callable[..., object] | None = on_keyframe_wanted
        self._on_rate_wanted: Callable[..., object] | None = on_rate_wanted

    def send(self, message: Message, on_result: OnResult) -> None:
        """Have the loop call the application, which may submit then: here a submission is going on."""
        arguments: tuple[object, ...] = ()
        if message["type"] == "keyframe":
            callback = self._on_keyframe_wanted
        else:
            callback, arguments = self._on_rate_wanted, (message["bitrate_bps"], message["framerate_fps"])
        if callback is None:
            on_result(Result.DROPPED)
        else:
            asyncio.get_running_loop().call_soon(callback, *arguments)
            on_result(Result.SENT)


def _problem(callback: object) -> str | None:
    """Return why the loop cannot call ``callback``, if so."""
    if not callable(callback):
        return f"not {_type(callback)}"
    return "as nobody awaits it" if inspect.iscoroutinefunction(callback) else None


def _type(value: object) -> str:
    return type(value).__name__
