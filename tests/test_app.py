"""Starting, reloading and stopping, with real signals and a real server."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Self

import pytest
import structlog
from livekit import api
from pydantic import SecretStr

from ingestd.app import App
from ingestd.config import (
    Address,
    Config,
    HookConfig,
    HttpConfig,
    LiveKitConfig,
    LogConfig,
    ParticipantConfig,
    SourceConfig,
    StreamConfig,
)
from ingestd.config.schema import LimitsConfig
from ingestd.devserver.livekit_server import LiveKitServer
from ingestd.errors import AddressError, ConfigError
from ingestd.observe import logs
from ingestd.observe.figures import StreamFigures
from ingestd.publish.room_connection import RoomConnection
from ingestd.source.connection_limits import ConnectionCount
from ingestd.stream import Stream
from ingestd.tasks import Tasks
from ingestd.wiring import build_stream
from tests.support.encoded import encode
from tests.support.ports import free_port
from tests.support.wait import eventually


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def stream(name: str, room: str, port: int | None = None, **keys: Any) -> StreamConfig:
    address = Address("tcp", "127.0.0.1", port or free_port())
    return StreamConfig(name=name, room=room, source=SourceConfig(listen=address), **keys)


def configuration(server: LiveKitServer, *streams: StreamConfig) -> Config:
    livekit = LiveKitConfig(url=server.url, api_key=server.api_key, api_secret=SecretStr(server.api_secret))
    return Config(
        livekit=livekit, http=HttpConfig(listen=Address("http", "127.0.0.1", 0)), streams=tuple(streams)
    )


def can_be_dialled(config: StreamConfig) -> bool:
    address = config.source.address
    with socket.socket() as encoder:
        return encoder.connect_ex((address.host, address.port)) == 0


class Played:
    """A real stream, of which the test plays a part."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.name = stream.config.name

    @classmethod
    def make(cls, config: StreamConfig, room: RoomConnection, tasks: Tasks) -> Self:
        return cls(build_stream(config, room, tasks))

    @property
    def problems(self) -> list[str]:
        return self._stream.problems

    def figures(self) -> StreamFigures:
        return self._stream.figures()

    async def start(self) -> None:
        await self._stream.start()

    async def stop(self, reason: str) -> None:
        await self._stream.stop(reason)


class Daemon:
    """An app in this process, whose configuration file is a variable."""

    def __init__(self, config: Config, **parts: Any) -> None:
        self.config: Config | ConfigError = config
        self.reloads = 0
        self.app = App(config, self._read, **parts)
        self.code: asyncio.Task[int] | None = None

    async def _read(self) -> Config:
        self.reloads += 1
        if isinstance(self.config, ConfigError):
            raise self.config
        return self.config

    @property
    def names(self) -> list[str]:
        return [figures.name for figures in self.app.figures()]

    def tasks(self, kind: str) -> list[str]:
        return [name for name in self.app.tasks.names if name.startswith(kind)]

    async def reload(self, config: Config | ConfigError) -> None:
        self.config = config
        count = self.reloads + 1
        os.kill(os.getpid(), signal.SIGHUP)
        await eventually(lambda: self.reloads == count and not self.tasks("reload"), "reload")

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.code is not None
        os.kill(os.getpid(), number)
        async with asyncio.timeout(5):
            return await self.code


@contextlib.asynccontextmanager
async def running(config: Config, **parts: Any) -> AsyncIterator[Daemon]:
    daemon = Daemon(config, **parts)
    daemon.code = asyncio.get_running_loop().create_task(daemon.app.run())
    try:
        await eventually(lambda: daemon.names == [s.name for s in config.streams], "start")
        assert not daemon.code.done()
        yield daemon
    finally:
        if not daemon.code.done():
            assert await daemon.stop() == 0
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            asyncio.get_running_loop().remove_signal_handler(number)
    assert daemon.app.tasks.names == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
async def test_a_signal_closes_everything(livekit: LiveKitServer, room: str, number: signal.Signals) -> None:
    one, two = stream("one", room), stream("two", room)
    async with running(configuration(livekit, one, two)) as daemon:
        await eventually(lambda: not daemon.app.problems(), "be ready")
        assert can_be_dialled(one)
        assert await daemon.stop(number) == 0
        assert not can_be_dialled(one)
        assert not can_be_dialled(two)


async def test_it_is_not_ready_before_every_source_is_open(livekit: LiveKitServer, room: str) -> None:
    may_open = asyncio.Event()

    class Slow(Played):
        async def start(self) -> None:
            await may_open.wait()
            await super().start()

    config = configuration(livekit, stream("slow", room))
    daemon = Daemon(config, make_stream=Slow.make)
    daemon.code = asyncio.get_running_loop().create_task(daemon.app.run())
    await eventually(lambda: daemon.tasks("keep the log"), "start")
    (problem,) = daemon.app.problems()
    assert "is starting" in problem
    may_open.set()
    await eventually(lambda: not daemon.app.problems(), "be ready")
    assert daemon.names == ["slow"]
    assert await daemon.stop() == 0


async def test_a_start_that_fails_leaves_nothing_open(livekit: LiveKitServer, room: str) -> None:
    fine = stream("fine", room)
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = stream("taken", room, other.getsockname()[1])
        app = App(configuration(livekit, fine, taken), lambda: pytest.fail("reloaded"))
        with pytest.raises(AddressError, match=r"^stream taken: source\.listen: tcp://\S+ cannot"):
            await app.run()
    assert not can_be_dialled(fine)
    assert app.tasks.names == []


async def test_a_reload_touches_only_what_changed(livekit: LiveKitServer, room: str) -> None:
    kept, gone, changed = (stream(name, room) for name in ("kept", "gone", "changed"))
    new = stream("new", room)
    other = stream("changed", room, changed.source.address.port, track="other")
    async with running(configuration(livekit, kept, gone, changed)) as daemon:
        encoder = socket.create_connection(("127.0.0.1", kept.source.address.port))
        encoder.send(b"\0")  # who has sent nothing is no encoder
        await eventually(lambda: next(iter(daemon.app.figures())).encoder, "see the encoder")
        await daemon.reload(configuration(livekit, new, other, kept))
        assert daemon.names == ["new", "changed", "kept"]
        by_name = {figures.name: figures for figures in daemon.app.figures()}
        assert by_name["kept"].encoder == f"127.0.0.1:{encoder.getsockname()[1]}"
        assert by_name["changed"].track == "other"
        assert not can_be_dialled(gone)
        assert can_be_dialled(new)
        assert can_be_dialled(other)
        encoder.close()


async def test_a_reload_that_changes_the_participant_leaves_the_encoder_alone(
    livekit: LiveKitServer, room: str
) -> None:
    async def name_is(name: str) -> bool:
        async with api.LiveKitAPI(livekit.http_url, livekit.api_key, livekit.api_secret) as server:
            there = await server.room.list_participants(api.ListParticipantsRequest(room=room))
        return [participant.name for participant in there.participants] == [name]

    old = stream("cam", room)
    port = old.source.address.port
    new = stream("cam", room, port, participant=ParticipantConfig(name="Front door"))
    async with running(configuration(livekit, old)) as daemon:
        with socket.create_connection(("127.0.0.1", port)) as encoder:
            encoder.send(b"\0")
            await eventually(lambda: next(iter(daemon.app.figures())).encoder, "see the encoder")
            await eventually(lambda: name_is(""), "join", every_s=0.05)
            await daemon.reload(configuration(livekit, new))
            await eventually(lambda: name_is("Front door"), "say the name", every_s=0.05)
            [figures] = daemon.app.figures()
            assert figures.encoder == f"127.0.0.1:{encoder.getsockname()[1]}"
            assert figures.room_connections["joined"] == 1


async def test_a_stream_with_encoder_and_one_that_is_always_there_share_the_room(
    livekit: LiveKitServer, room: str
) -> None:
    waits = stream("waits", room, identity="cam", join="with-encoder")
    always = stream("always", room, identity="cam")
    async with running(configuration(livekit, waits)) as daemon:
        assert daemon.tasks("room") == [], "none is joined"
        await eventually(lambda: not daemon.app.problems(), "be ready")
        await daemon.reload(configuration(livekit, waits, always))
        await eventually(lambda: any(f.room_connections["joined"] for f in daemon.app.figures()), "join")
        await daemon.reload(configuration(livekit, waits))
        assert daemon.tasks("room") == [f"room cam@{room}"], "for a little longer"


async def test_an_encoder_whose_stream_changed_is_not_told_that_the_daemon_stops(
    livekit: LiveKitServer, room: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(format="json")
    old = stream("cam", room)
    new = stream("cam", room, old.source.address.port, track="other")
    async with running(configuration(livekit, old)) as daemon:
        encoder = socket.create_connection(("127.0.0.1", old.source.address.port))
        encoder.send(b"\0")
        await eventually(lambda: next(iter(daemon.app.figures())).encoder, "see the encoder")
        await daemon.reload(configuration(livekit, new))
        encoder.close()
    assert '"reason": "the stream\'s configuration changed"' in capsys.readouterr().err


async def test_a_room_nobody_wants_any_more_is_left(livekit: LiveKitServer, room: str) -> None:
    one, two = stream("one", room), stream("two", f"{room}-2")
    async with running(configuration(livekit, one, two)) as daemon:
        assert daemon.tasks("room") == [f"room one@{room}", f"room two@{room}-2"]
        await daemon.reload(configuration(livekit, one))
        assert daemon.tasks("room") == [f"room one@{room}"]


async def test_another_key_joins_every_room_anew(livekit: LiveKitServer, room: str) -> None:
    one = stream("one", room)
    config = configuration(livekit, one)
    wrong = config.model_copy(
        update={"livekit": LiveKitConfig(url=livekit.url, api_key="other", api_secret=SecretStr("x" * 40))}
    )
    async with running(wrong) as daemon:

        def results() -> Mapping[str, int]:
            return next(iter(daemon.app.figures())).room_connections

        await eventually(lambda: results()["unauthorized"], "be refused")
        await daemon.reload(config)
        await eventually(lambda: results()["joined"], "join with the right key")
        assert daemon.tasks("room") == [f"room one@{room}"]


def changes_said(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str, str]]:
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    said = [line for line in lines if line["event"] == "configuration changed"]
    return [(line["level"], line["what"], line["takes_effect"]) for line in said]


async def test_what_needs_a_restart_says_so_at_each_reload_and_touches_no_stream(
    livekit: LiveKitServer, room: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(format="json")
    config = configuration(livekit, stream("one", room))
    off = config.model_copy(update={"livekit": config.livekit.model_copy(update={"h265": "off"})})
    made: list[str] = []

    def counted(config: StreamConfig, room: RoomConnection, tasks: Tasks) -> Stream:
        made.append(config.name)
        return build_stream(config, room, tasks)

    async with running(config, make_stream=counted) as daemon:
        for _ in range(2):
            await daemon.reload(off)
        await daemon.reload(config)
    said = ("warning", "livekit.h265", "not before the next restart of ingestd")
    assert changes_said(capsys) == [said, said]
    assert made == ["one"]


async def test_a_reload_says_key_by_key_what_changed_and_shows_no_secret(
    livekit: LiveKitServer, room: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(format="json")
    cam, gone = stream("cam", room), stream("gone", room)
    before = configuration(livekit, cam, gone)
    changed = stream("cam", room, cam.source.address.port, max_bitrate="8Mbps")
    hook = HookConfig(url="http://user:hidden-word@127.0.0.1:9/", secret=SecretStr("another-hidden-word"))
    after = configuration(livekit, changed, stream("new", room)).model_copy(
        update={"hooks": (hook,), "log": LogConfig(level="debug")}
    )
    async with running(before) as daemon:
        await daemon.reload(after)
    said = capsys.readouterr().err
    assert "hidden-word" not in said
    lines = [json.loads(line) for line in said.splitlines()]
    keys = {line["what"]: line for line in lines if line["event"] == "configuration changed"}
    assert {what: line["takes_effect"] for what, line in keys.items()} == {
        "log.level": "at once",
        "hooks[0]": "at once",
        "streams[gone]": "the stream is removed",
        "streams[cam].max_bitrate": "the stream starts again",
        "streams[new]": "the stream is added",
    }
    assert keys["streams[cam].max_bitrate"]["change"] == "auto → 8Mbps"


async def test_a_bad_configuration_changes_nothing(livekit: LiveKitServer, room: str) -> None:
    one = stream("one", room)
    async with running(configuration(livekit, one)) as daemon:
        await daemon.reload(ConfigError("ingestd.yaml:3: log.level: 'loud' is not known"))
        assert daemon.names == ["one"]
        assert can_be_dialled(one)


async def test_a_stream_that_cannot_start_hinders_no_other_and_is_tried_at_the_next_reload(
    livekit: LiveKitServer, room: str
) -> None:
    one, late = stream("one", room), stream("late", room)
    # Not port 0: the kernel would give that port to some connection as soon as it is free again.
    with socket.create_server(("127.0.0.1", free_port())) as other:
        taken = stream("taken", room, other.getsockname()[1])
        async with running(configuration(livekit, one)) as daemon:
            config = configuration(livekit, one, taken, late)
            await daemon.reload(config)
            assert daemon.names == ["one", "late"]
            assert can_be_dialled(late)
            other.close()
            await daemon.reload(config)
            assert daemon.names == ["one", "taken", "late"]


async def test_the_connections_of_all_streams_count_and_a_reload_changes_how_many_there_may_be(
    livekit: LiveKitServer, room: str
) -> None:
    connections, one = ConnectionCount(), stream("one", room)
    before = configuration(livekit, one)
    after = before.model_copy(update={"limits": LimitsConfig(max_connections=5)})
    make_stream = partial(build_stream, connections=connections)
    async with running(before, make_stream=make_stream, connections=connections) as daemon:
        assert connections.most == before.max_connections
        await daemon.reload(after)
        assert connections.most == 5
        with socket.create_connection((one.source.address.host, one.source.address.port)):
            await eventually(lambda: connections.open == 1, "count it")


async def test_a_stream_that_could_not_start_is_tried_again_until_it_can(
    livekit: LiveKitServer, room: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(format="json")
    tries: list[str] = []

    def counted(config: StreamConfig, room: RoomConnection, tasks: Tasks) -> Stream:
        tries.append(config.name)
        return build_stream(config, room, tasks)

    one, last = stream("one", room), stream("last", room)
    with socket.create_server(("127.0.0.1", free_port())) as other:
        taken = stream("taken", room, other.getsockname()[1])
        parts = {"make_stream": counted, "first_retry_delay_s": 0.02}
        async with running(configuration(livekit, one), **parts) as daemon:
            await daemon.reload(configuration(livekit, one, taken, last))
            await eventually(lambda: tries.count("taken") > 2, "try again")
            (problem,) = [problem for problem in daemon.app.problems() if "taken" in problem]
            assert problem.endswith("; trying again")
            other.close()
            await eventually(lambda: can_be_dialled(taken), "open the stream")
            await eventually(lambda: daemon.names == ["one", "taken", "last"], "have it in its place")
            await eventually(lambda: not daemon.tasks("retry"), "leave it at that")
            assert not [problem for problem in daemon.app.problems() if "taken" in problem]
    assert capsys.readouterr().err.count("stream not started; trying again") == 1


async def test_a_reload_ends_the_tries_for_what_it_no_longer_wants(livekit: LiveKitServer, room: str) -> None:
    one = stream("one", room)
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = stream("taken", room, other.getsockname()[1])
        async with running(configuration(livekit, one)) as daemon:
            await daemon.reload(configuration(livekit, one, taken))
            assert daemon.tasks("retry")
            await daemon.reload(configuration(livekit, one))
            await eventually(lambda: not daemon.tasks("retry"), "end its tries")
            assert not [problem for problem in daemon.app.problems() if "taken" in problem]


async def test_a_stream_that_a_reload_removes_is_said(
    livekit: LiveKitServer, room: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(format="json")
    kept, gone = stream("kept", room), stream("gone", room)
    async with running(configuration(livekit, kept, gone)) as daemon:
        await daemon.reload(configuration(livekit, kept))
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "stream removed" in line]
    assert '"stream": "gone"' in line


async def test_a_stream_that_cannot_start_leaves_nothing_behind(livekit: LiveKitServer, room: str) -> None:
    one = stream("one", room)
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = stream(
            "taken",
            f"{room}-2",
            other.getsockname()[1],
            feedback={"webhook": f"http://127.0.0.1:{free_port()}/"},
        )
        async with running(configuration(livekit, one)) as daemon:
            for _ in range(2):
                await daemon.reload(configuration(livekit, one, taken))
            assert daemon.tasks("webhook") == []
            assert daemon.tasks("room") == [f"room one@{room}"]


async def test_a_reload_during_the_start_waits_for_it(livekit: LiveKitServer, room: str) -> None:
    config = configuration(livekit, *(stream(f"s{i}", room, identity="cam") for i in range(20)))
    daemon = Daemon(config)
    daemon.code = asyncio.get_running_loop().create_task(daemon.app.run())
    try:
        await eventually(lambda: daemon.names, "begin to start", every_s=0)
        assert len(daemon.names) < 20
        os.kill(os.getpid(), signal.SIGHUP)
        await eventually(lambda: daemon.reloads == 1 and not daemon.tasks("reload"), "reload")
        assert daemon.names == [f"s{i}" for i in range(20)]
        assert not daemon.code.done()
        assert all(can_be_dialled(s) for s in config.streams)
    finally:
        if not daemon.code.done():
            await daemon.stop()
        daemon.code.exception()


async def test_a_newer_configuration_cuts_the_start_of_many_streams_short(
    livekit: LiveKitServer, room: str
) -> None:
    one = stream("one", room)
    many = [stream(f"s{i}", room, identity="many") for i in range(100)]
    async with running(configuration(livekit, one)) as daemon:
        daemon.config = configuration(livekit, one, *many)
        os.kill(os.getpid(), signal.SIGHUP)
        await eventually(lambda: len(daemon.names) > 1, "begin to start them", every_s=0)
        daemon.config = configuration(livekit, one)
        os.kill(os.getpid(), signal.SIGHUP)
        most = 0
        while daemon.names != ["one"]:
            most = max(most, len(daemon.names))
            await asyncio.sleep(0)
        assert most < len(many)


async def test_signals_that_come_while_one_is_obeyed_are_obeyed_once(
    livekit: LiveKitServer, room: str
) -> None:
    one = stream("one", room)
    async with running(configuration(livekit, one)) as daemon:
        for _ in range(50):
            os.kill(os.getpid(), signal.SIGHUP)
            await asyncio.sleep(0)
        await eventually(lambda: daemon.reloads and not daemon.tasks("reload"), "reload")
        assert daemon.reloads < 50


async def test_a_stop_during_a_reload_closes_what_the_reload_opened(
    livekit: LiveKitServer, room: str
) -> None:
    one = stream("one", room)
    new = [stream(f"s{i}", room, identity="new") for i in range(20)]
    async with running(configuration(livekit, one)) as daemon:
        daemon.config = configuration(livekit, one, *new)
        os.kill(os.getpid(), signal.SIGHUP)
        await eventually(lambda: len(daemon.names) > 1, "begin to reload", every_s=0)
        assert await daemon.stop() == 0
        assert not any(can_be_dialled(s) for s in (one, *new))


async def test_a_reload_after_the_stop_has_begun_opens_nothing(livekit: LiveKitServer, room: str) -> None:
    one, new = stream("one", room), stream("new", room, identity="new")
    async with running(configuration(livekit, one)) as daemon:
        daemon.config = configuration(livekit, one, new)
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGHUP)
        assert daemon.code is not None
        async with asyncio.timeout(5):
            assert await daemon.code == 0
        assert not can_be_dialled(new)


async def test_a_server_that_has_stopped_answering_does_not_hold_up_the_end(
    own_livekit: LiveKitServer, room: str
) -> None:
    async with running(configuration(own_livekit, stream("one", room))) as daemon:
        await eventually(lambda: next(iter(daemon.app.figures())).room_connections["joined"], "join")
        os.kill(own_livekit.pid, signal.SIGSTOP)
        try:
            assert await daemon.stop() == 0
        finally:
            os.kill(own_livekit.pid, signal.SIGCONT)


async def test_a_signal_while_a_room_is_being_joined_ends_everything(
    own_livekit: LiveKitServer, room: str
) -> None:
    os.kill(own_livekit.pid, signal.SIGSTOP)
    async with running(configuration(own_livekit, stream("one", room))) as daemon:
        await eventually(lambda: daemon.tasks("connect"), "begin to join")
        assert await daemon.stop() == 0
    own_livekit.kill()  # were it to come back, we would be joining for ever


async def test_a_signal_during_the_start_ends_it(livekit: LiveKitServer, room: str) -> None:
    class LooksUpANameNobodyKnows(Played):
        async def start(self) -> None:
            if self.name == "two":
                await asyncio.Event().wait()
            await super().start()

    one, two = stream("one", room), stream("two", room)
    daemon = Daemon(configuration(livekit, one, two), make_stream=LooksUpANameNobodyKnows.make)
    daemon.code = asyncio.get_running_loop().create_task(daemon.app.run())
    await eventually(lambda: daemon.names == ["one"], "begin to start", every_s=0)
    assert await daemon.stop() == 0
    assert not can_be_dialled(one)
    assert daemon.app.tasks.names == []


async def test_a_stream_that_fails_to_stop_leaves_nothing_else_running(
    livekit: LiveKitServer, room: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped: list[str] = []

    class FailsToStop(Played):
        async def stop(self, reason: str) -> None:
            await super().stop(reason)
            assert self.name != "one", "a defect"
            stopped.append(self.name)

    one, two = stream("one", room), stream("two", room, identity="other")
    async with running(configuration(livekit, one, two), make_stream=FailsToStop.make) as daemon:
        await eventually(lambda: not daemon.app.problems(), "be ready")
        assert await daemon.stop() == 0
    assert stopped == ["two"]
    assert not can_be_dialled(two)
    assert "AssertionError: a defect" in capsys.readouterr().out


async def test_a_codec_the_server_refuses_is_an_error_of_its_stream(room: str) -> None:
    offered = ("audio/opus", "video/vp8", "video/rtx")
    only = {"room": {"enabled_codecs": [{"mime": mime} for mime in offered]}}
    with LiveKitServer(config_overrides=only) as server:
        one = stream("one", room)
        async with running(configuration(server, one)) as daemon:
            video = encode("vp9", frames=30, gop=30, size=(160, 120))
            with socket.create_connection(("127.0.0.1", one.source.address.port)) as encoder:
                encoder.sendall(video.container)

                def errors() -> Mapping[str, int]:
                    return next(iter(daemon.app.figures())).stream_errors

                await eventually(lambda: errors().get("codec_refused"), "count the refusal")


async def test_a_task_that_fails_ends_the_daemon_with_1(livekit: LiveKitServer, room: str) -> None:
    async with running(configuration(livekit, stream("one", room))) as daemon:

        async def fail() -> None:
            raise AssertionError("a defect")

        daemon.app.tasks.start("broken", fail())
        assert daemon.code is not None
        async with asyncio.timeout(5):
            assert await daemon.code == 1


@pytest.mark.parametrize("interval_s", [0.05, 60.0], ids=["while it runs", "at the end"])
async def test_pictures_that_were_dropped_are_said(
    livekit: LiveKitServer,
    room: str,
    interval_s: float,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Dropping(Played):
        def figures(self) -> StreamFigures:
            return replace(super().figures(), frames_dropped={"backlog": 7})

    lines: list[dict[str, Any]] = []

    def said() -> list[int]:
        lines.extend(map(json.loads, capsys.readouterr().err.splitlines()))
        return [line["backlog"] for line in lines if line["event"] == "pictures dropped"]

    monkeypatch.setattr("ingestd.app.LOOK_INTERVAL_S", interval_s)
    logs.configure(format="json")
    make: Any = Dropping.make
    async with running(configuration(livekit, stream("cam", room)), make_stream=make) as daemon:
        if interval_s < 1:
            await eventually(lambda: said() == [7], "say it")
        assert await daemon.stop() == 0
    assert said() == [7]
