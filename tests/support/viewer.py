"""An independent subscriber: joins a room, decodes every video track, and names each picture by its hash.

It runs as a separate process (`python -m tests.support.viewer`) and says what it sees as JSON lines, so
that neither the load of the tests nor a crash of the SDK can be mistaken for a lost picture. `Viewer` is
the test's side of it. The two share the machine's monotonic clock.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol, Self

# The server ends an H.264 or VP8 track with its own black pictures, this small.
BLACK_SIZES = {(2, 2), (8, 8)}
JOIN_SECONDS = 30.0  # generous: a busy machine, a cold native library
STOP_SECONDS = 20.0
ACCOUNT_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Picture:
    """One decoded picture."""

    at: float  # time.monotonic() of its arrival
    hash: str  # tests.support.encoded.hash_of_i420
    track: str  # the track's name
    sid: str  # the track's SID
    size: tuple[int, int]
    due_us: int  # on its own clock: when the player is to show it, by the RTP timestamp
    # The frame's metadata, where the publisher sets them.
    user_timestamp: int | None
    frame_id: int | None
    user_data: bytes | None


@dataclass(frozen=True, slots=True)
class SeenTrack:
    """One subscription."""

    at: float
    sid: str
    name: str
    identity: str
    mime_type: str
    frame_metadata_features: list[int]
    source: str  # the SDK's name
    participant: dict[str, Any]  # name, metadata and attributes of the one who publishes


class Server(Protocol):
    """What a viewer needs to know of a LiveKit server."""

    api_key: str
    api_secret: str

    @property
    def url(self) -> str: ...


@dataclass
class Viewer:
    """A subscriber in a separate process; records from when it is entered until it is left."""

    server: Server
    room: str
    identity: str = "viewer"
    decodes_h265: bool = False  # by PyAV (ingestd.demo.h265_decoder), as the SDK has no decoder for it
    _pictures: list[Picture] = field(default_factory=list, init=False)
    _tracks: list[SeenTrack] = field(default_factory=list, init=False)
    _joined: int = field(default=0, init=False)
    _said: list[str] = field(default_factory=list, init=False)  # its stderr
    _received: dict[str, dict[str, Any]] = field(default_factory=dict, init=False)  # WebRTC's own account
    _changed: threading.Condition = field(default_factory=threading.Condition, init=False)

    def __enter__(self) -> Self:
        """Start it; it is in the room when this returns."""
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.support.viewer", self.server.url, self.room, self.identity),
                *(["decodes-h265"] if self.decodes_h265 else []),
            ],
            cwd=Path(__file__).parents[2],
            env={
                **os.environ,
                "LIVEKIT_API_KEY": self.server.api_key,
                "LIVEKIT_API_SECRET": self.server.api_secret,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        for target, stream in ((self._read, self._process.stdout), (self._read_stderr, self._process.stderr)):
            threading.Thread(
                target=target, args=(stream,), name=f"viewer {self.identity}", daemon=True
            ).start()
        try:
            self.wait_until(lambda: self._joined > 0, timeout=JOIN_SECONDS, what="join the room")
        except BaseException:
            self._process.kill()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Let it leave the room."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            status = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        if kind is None:
            assert status == 0, f"the viewer left with {status}:\n{self._stderr()}"

    def pictures(self, track: str | None = None) -> list[Picture]:
        """All pictures so far, in order of arrival; of one track when its name is given."""
        with self._changed:
            return [picture for picture in self._pictures if track in (None, picture.track)]

    def take_pictures(self) -> list[Picture]:
        """The pictures since the last time, which are forgotten: for who watches for hours."""
        with self._changed:
            taken, self._pictures = self._pictures, []
            return taken

    def hashes(self, track: str | None = None) -> list[str]:
        """The names of the pictures so far."""
        return [picture.hash for picture in self.pictures(track)]

    def tracks(self, name: str | None = None) -> list[SeenTrack]:
        """All subscriptions so far, in order."""
        with self._changed:
            return [track for track in self._tracks if name in (None, track.name)]

    def left_out(self, sid: str | None = None) -> int:
        """How many pictures WebRTC has received and not decoded, by its own account; on all tracks or one."""
        now = time.monotonic()
        with self._changed:
            # A track that has left the room has no account any more: the last one counts.
            self._changed.wait_for(
                lambda: all(
                    account["at"] > now for track, account in self._received.items() if sid in (None, track)
                ),
                ACCOUNT_SECONDS * 4,
            )
            return sum(
                account["frames"] - account["decoded"]
                for track, account in self._received.items()
                if sid in (None, track)
            )

    def accounts(self, track: str) -> list[dict[str, Any]]:
        """What WebRTC has last said of each subscription to that track."""
        with self._changed:
            return [self._received.get(seen.sid, {}) for seen in self._tracks if seen.name == track]

    def decoded(self, track: str) -> int:
        """How many pictures of that track WebRTC has decoded, whether or not the SDK has shown them."""
        return sum(account.get("decoded", 0) for account in self.accounts(track))

    def wait_until(self, condition: Callable[[], bool], *, timeout: float, what: str) -> None:
        """Wait for `condition`, looking again whenever something was seen; fail when the time is over."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not condition():
                remaining = deadline - time.monotonic()
                assert self._process.poll() is None, f"the viewer died:\n{self._stderr()}"
                assert remaining > 0, (
                    f"the viewer did not {what} in {timeout:.0f} s; it saw {self._summary()} and said:\n"
                    f"{self._stderr()}"
                )
                self._changed.wait(min(remaining, 1.0))

    def wait_for_first_picture(self, *, timeout: float, track: str | None = None) -> Picture:
        """Wait for the first picture of a track, or of any."""
        self.wait_until(lambda: bool(self.pictures(track)), timeout=timeout, what="see a picture")
        return self.pictures(track)[0]

    def wait_for_picture(self, name: str, *, timeout: float, track: str | None = None) -> Picture:
        """Wait for the picture with that hash."""

        def seen() -> list[Picture]:
            return [picture for picture in self.pictures(track) if picture.hash == name]

        self.wait_until(lambda: bool(seen()), timeout=timeout, what=f"see picture {name}")
        return seen()[0]

    def wait_for_pictures(self, count: int, *, timeout: float, track: str | None = None) -> None:
        """Wait until `count` more pictures have come."""
        wanted = len(self.pictures(track)) + count
        self.wait_until(
            lambda: len(self.pictures(track)) >= wanted, timeout=timeout, what=f"see {count} pictures more"
        )

    def _read(self, stdout: IO[str]) -> None:
        for line in stdout:
            said = json.loads(line)
            with self._changed:
                match said.pop("event"):
                    case "joined":
                        self._joined += 1
                    case "track":
                        self._tracks.append(SeenTrack(**said))
                    case "received":
                        self._received[said.pop("sid")] = said
                    case "picture":
                        self._pictures.append(_picture(said))
                self._changed.notify_all()

    def _read_stderr(self, stderr: IO[str]) -> None:
        for line in stderr:
            self._said.append(line)

    def _summary(self) -> str:
        return "; ".join(
            f"{sum(picture.sid == track.sid for picture in self._pictures)} pictures of {track.name} "
            f"({track.sid}, WebRTC: {self._received.get(track.sid)})"
            for track in self._tracks
        )

    def _stderr(self) -> str:
        return "".join(self._said[-30:])


def _picture(said: dict[str, Any]) -> Picture:
    said["size"] = tuple(said["size"])
    if said["user_data"] is not None:
        said["user_data"] = bytes.fromhex(said["user_data"])
    return Picture(**said)


# --- the process ------------------------------------------------------------------------------------


def _say(event: str, **fields: Any) -> None:
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


async def watch(url: str, room_name: str, identity: str) -> None:
    """Be in the room until standard input is closed; join again whenever the SDK has given up."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    threading.Thread(
        target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(done.set)), daemon=True
    ).start()
    leaving = loop.create_task(done.wait())
    while not done.is_set():
        visit = loop.create_task(_visit(url, room_name, identity, leaving))
        try:
            await visit
        except Exception as error:  # any failure to join is answered by trying again
            sys.stderr.write(f"cannot join: {error}\n")
            await asyncio.wait([leaving], timeout=0.25)


async def _visit(url: str, room_name: str, identity: str, leaving: asyncio.Task[bool]) -> None:
    """Join, record until the SDK gives up or we are told to leave, and leave."""
    from livekit import rtc

    room = rtc.Room()
    recordings: dict[str, asyncio.Task[None]] = {}
    accounts: dict[str, asyncio.Task[None]] = {}
    gone = asyncio.Event()

    def on_subscribed(
        track: rtc.Track, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if track.kind == rtc.TrackKind.KIND_VIDEO:
            _say(
                "track",
                at=time.monotonic(),
                sid=publication.sid,
                name=publication.name,
                identity=participant.identity,
                mime_type=publication.mime_type,
                frame_metadata_features=list(publication.frame_metadata_features),
                source=rtc.TrackSource.Name(publication.source),
                participant={
                    "name": participant.name,
                    "metadata": participant.metadata,
                    "attributes": dict(participant.attributes),
                },
            )
            loop = asyncio.get_running_loop()
            recordings[publication.sid] = loop.create_task(_record(track, publication.name, publication.sid))
            accounts[publication.sid] = loop.create_task(_account(track, publication.sid))

    room.on("track_subscribed", on_subscribed)
    room.on("disconnected", lambda _reason: gone.set())
    await room.connect(url, _token(room_name, identity), rtc.RoomOptions(connect_timeout=5.0))
    _say("joined")
    server_gone = asyncio.get_running_loop().create_task(gone.wait())
    await asyncio.wait([leaving, server_gone], return_when=asyncio.FIRST_COMPLETED)
    await room.disconnect()  # or the SDK aborts the process
    tasks = [server_gone, *recordings.values(), *accounts.values()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _record(track: Any, name: str, sid: str) -> None:
    """Say every picture of one track."""
    from livekit import rtc

    from ingestd.publish.sdk.unbounded_video_stream import UnboundedVideoStream
    from tests.support.encoded import hash_of_i420

    stream = UnboundedVideoStream(track, format=rtc.VideoBufferType.I420)
    async for event in stream:
        frame = event.frame
        assert frame.type == rtc.VideoBufferType.I420
        if (frame.width, frame.height) in BLACK_SIZES:
            continue
        _say(
            "picture",
            at=time.monotonic(),
            hash=hash_of_i420(frame.data),
            track=name,
            sid=sid,
            size=(frame.width, frame.height),
            due_us=event.timestamp_us,
            **_metadata(event.metadata),
        )
    sys.stderr.write(f"no more pictures of {name} ({sid})\n")


def _metadata(metadata: Any) -> dict[str, Any]:
    """The three fields; None where the frame has none."""
    fields = ("user_timestamp", "frame_id", "user_data")
    set_ = {name for name in fields if metadata is not None and metadata.HasField(name)}
    values = {name: getattr(metadata, name) if name in set_ else None for name in fields}
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in values.items()}


async def _account(track: Any, sid: str) -> None:
    """Say again and again what WebRTC has received of one track: where pictures were lost, it tells where."""
    while True:
        await asyncio.sleep(ACCOUNT_SECONDS)
        at = time.monotonic()
        for entry in await track.get_stats():
            if entry.WhichOneof("stats") == "inbound_rtp":
                received, inbound = entry.inbound_rtp.received, entry.inbound_rtp.inbound
                _say(
                    "received",
                    sid=sid,
                    at=at,
                    packets=received.packets_received,
                    packets_lost=received.packets_lost,
                    bytes=inbound.bytes_received,
                    frames=inbound.frames_received,
                    decoded=inbound.frames_decoded,
                    keyframes=inbound.key_frames_decoded,
                    dropped=inbound.frames_dropped,
                    nacks=inbound.nack_count,
                    plis=inbound.pli_count,
                )


def _token(room: str, identity: str) -> str:
    from livekit import api

    grants = api.VideoGrants(room_join=True, room=room, can_publish=False)
    return api.AccessToken().with_identity(identity).with_grants(grants).to_jwt()


if __name__ == "__main__":
    with contextlib.suppress(PermissionError):  # root may: who looks late misses pictures
        os.nice(-10)
    if "decodes-h265" in sys.argv[4:]:
        from ingestd.demo import h265_decoder

        h265_decoder.install()
    asyncio.run(watch(*sys.argv[1:4]))
    # The SDK's threads call into Python as long as they live; one that does so while the interpreter goes
    # away is unwound through Rust, which aborts the process.
    os._exit(0)
