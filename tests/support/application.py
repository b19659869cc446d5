"""An application that pushes its own access units through the API."""

import asyncio
import threading
import time
from typing import Self

from ingestd import AccessUnit, Codec, Drop, Publication, StreamFigures
from ingestd.devserver.livekit_server import LiveKitServer
from tests.support.encoded import EncodedStream
from tests.support.matching import Push, pushes

STOP_SECONDS = 20.0


class Application:
    """Submits a stream in real time, on an event loop in a thread; begins to publish after some pictures."""

    def __init__(
        self, server: LiveKitServer, room: str, video: EncodedStream, *, before_publishing: int = 0
    ) -> None:
        self.dropped: list[Drop] = []
        self.figures_before_publishing: StreamFigures | None = None
        self.figures_at_the_end: StreamFigures | None = None
        self.keyframes_wanted = 0
        self._server = server
        self._room = room
        self._video = video
        self._before_publishing = before_publishing
        self._times: list[float] = []
        self._stopping = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="application", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stopping.set()
        self._thread.join(STOP_SECONDS)
        assert not self._thread.is_alive(), "the application does not come to its end"
        if self._error is not None and kind is None:
            raise self._error

    @property
    def pushed(self) -> list[Push]:
        """What has been submitted so far."""
        return pushes(self._video, self._times.copy())

    def _keyframe_wanted(self) -> None:
        self.keyframes_wanted += 1

    def _run(self) -> None:
        try:
            asyncio.run(self._push())
        except BaseException as error:
            self._error = error

    async def _push(self) -> None:
        loop = asyncio.get_running_loop()
        publication = Publication(
            url=self._server.url,
            api_key=self._server.api_key,
            api_secret=self._server.api_secret,
            room=self._room,
            identity="application",
            track="cam",
            on_keyframe_wanted=self._keyframe_wanted,
        )
        publishing: asyncio.Task[None] | None = None
        try:
            begun = loop.time()
            for number, data in enumerate(self._video.access_units):
                if number == self._before_publishing:
                    self.figures_before_publishing = publication.figures()
                    publishing = loop.create_task(publication.publish())
                if self._stopping.is_set():
                    break
                self._times.append(time.monotonic())
                dropped = publication.submit(AccessUnit(data, Codec(self._video.codec)))
                if dropped is not None:
                    self.dropped.append(dropped)
                await asyncio.sleep(begun + (number + 1) / self._video.fps - loop.time())
            await asyncio.to_thread(self._stopping.wait)  # the viewer may not have seen all yet
            self.figures_at_the_end = publication.figures()
            assert publishing is not None
            await publishing
        finally:
            await publication.close()
