"""Subscriber of the demo: joins the room, decodes, and tells which picture it saw when."""

import asyncio
import time
from collections.abc import Callable

from livekit import api, rtc

from ingestd.errors import IngestdError
from ingestd.publish.sdk.unbounded_video_stream import UnboundedVideoStream
from ingestd.tasks import Tasks

_CONNECT_TIMEOUT_S = 15.0


class ViewerError(IngestdError):
    """The viewer could not join, or lost its connection."""


class Viewer:
    """Calls ``on_picture`` with the number and the time.monotonic() of each decoded picture."""

    def __init__(self, tasks: Tasks, on_picture: Callable[[int, float], None]) -> None:
        self._tasks = tasks
        self._on_picture = on_picture
        self._room = rtc.Room()
        self._room.on("track_subscribed", self._subscribed)
        self._joining: asyncio.Task[None] | None = None
        self._gone = asyncio.Event()
        self._room.on("disconnected", lambda _reason: self._gone.set())
        self._streams: list[rtc.VideoStream] = []

    async def join(self, url: str, key: str, secret: str, room: str) -> None:
        """Join ``room`` with the right to subscribe only. Raises ViewerError."""
        grants = api.VideoGrants(room_join=True, room=room, can_publish=False, can_publish_data=False)
        token = api.AccessToken(key, secret).with_identity("viewer").with_grants(grants).to_jwt()

        async def connect() -> None:
            try:
                options = rtc.RoomOptions(connect_timeout=_CONNECT_TIMEOUT_S)
                await self._room.connect(url, token, options)
            except rtc.ConnectError as error:
                raise ViewerError(f"the viewer cannot join the room: {error}") from error

        # Cancelled half-way, the SDK would be in the room and not know how to leave it.
        self._joining = self._tasks.start("join", connect())
        await asyncio.shield(self._joining)

    async def failure(self) -> ViewerError:
        """Wait until the connection is lost; return the error that says so."""
        await self._gone.wait()
        return ViewerError("the viewer has lost the connection to the room")

    async def leave(self) -> None:
        """Leave the room; without this the SDK aborts the process at its end."""
        if self._joining is None:
            return
        await asyncio.wait([self._joining])
        await self._room.disconnect()
        for stream in self._streams:
            await stream.aclose()

    def _subscribed(
        self, track: rtc.Track, _publication: rtc.RemoteTrackPublication, _who: rtc.RemoteParticipant
    ) -> None:
        if track.kind == rtc.TrackKind.KIND_VIDEO:
            stream = UnboundedVideoStream(track)
            self._streams.append(stream)
            self._tasks.start(f"watch {track.sid}", self._watch(stream))

    async def _watch(self, stream: rtc.VideoStream) -> None:
        async for event in stream:
            # Pictures without a number are the server's own, black ones at the end of a track.
            if event.metadata is not None and event.metadata.HasField("frame_id"):
                self._on_picture(event.metadata.frame_id, time.monotonic())
