"""The daemon: starts its parts in order, stops them in reverse, reloads on SIGHUP."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any

import structlog

from ingestd import __version__, descriptors, heap
from ingestd.backoff import Backoff
from ingestd.config import Changes, Config, Effect, StreamConfig, compare, in_force
from ingestd.errors import AddressError, ConfigError, PassedSocketError
from ingestd.hooks.hooks import Hooks
from ingestd.observe import logs
from ingestd.observe.figures import StreamFigures
from ingestd.observe.http import HttpServer
from ingestd.observe.loss_log import LOOK_INTERVAL_S, LossLog
from ingestd.observe.metrics import make_registry
from ingestd.publish.given_token import GivenToken
from ingestd.publish.room_connection import RoomConnection
from ingestd.publish.room_join import RoomAddress
from ingestd.publish.sdk import native_log
from ingestd.publish.signal_relay import SignalRelay
from ingestd.publish.viewer_access import ViewerAccess
from ingestd.service.movement import Motion
from ingestd.service.passed_sockets import PassedSockets
from ingestd.service.sd_notify import Notifier
from ingestd.service.service_manager import ServiceManager
from ingestd.service.status_line import status_line
from ingestd.source.connection_limits import ConnectionCount
from ingestd.stream import Stream
from ingestd.tasks import Tasks, outcome
from ingestd.wiring import build_stream

logger = structlog.get_logger("ingestd")

# SIGTERM promises an end within five seconds; a server that has not answered by then is left behind.
STOP_TIMEOUT_S = 4.0
# Between two streams that a reload starts: thousands of them would take the loop from those that run.
ADD_INTERVAL_S = 0.01
# Before a stream that a reload could not start is tried again: its address is often free within seconds.
FIRST_RETRY_DELAY_S = 2.0
MAX_RETRY_DELAY_S = 15.0
# Of one reload: who changes more knows that he does.
MAX_CHANGES_SAID = 100


class App:
    """The daemon. ``reload`` reads the configuration again; it may raise ConfigError.

    ``make_stream`` builds a stream, not started. ``first_retry_delay_s`` is how long a stream that a reload
    could not start waits for the next try; it doubles, up to MAX_RETRY_DELAY_S. ``hooks``, ``passed`` and
    ``connections`` are those that ``make_stream`` gives to streams; ``service_manager`` is told how we fare.
    """

    def __init__(
        self,
        config: Config,
        reload: Callable[[], Awaitable[Config]],
        *,
        make_stream: Callable[[StreamConfig, RoomConnection, Tasks], Stream] = build_stream,
        first_retry_delay_s: float = FIRST_RETRY_DELAY_S,
        hooks: Hooks | None = None,
        service_manager: ServiceManager | None = None,
        passed: PassedSockets | None = None,
        connections: ConnectionCount | None = None,
    ) -> None:
        self.tasks = Tasks(self._task_failed)  # all that runs beside `run`
        self._config = config
        self._participants = config.participants
        self._connections = connections or ConnectionCount()
        self._connections.most = config.max_connections
        self._reload_config = reload
        self._make_stream = make_stream
        self._first_retry_delay_s = first_retry_delay_s
        self._streams: dict[str, Stream] = {}
        self._relay = SignalRelay()
        self._hooks = hooks or Hooks()
        self._service_manager = service_manager or ServiceManager(Notifier(None))
        self._passed = passed or PassedSockets({})
        self._reload_failure = ""  # of the last reload; for the service manager's line of status
        self._rooms: dict[RoomAddress, RoomConnection] = {}
        self._not_started: dict[str, str] = {}  # by a reload: why, by the stream's name
        self._started = False  # every source is open, or has said why it is not
        self._retrying: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._failed = False
        self._reloads_to_begin = 0
        self._reading = asyncio.Lock()  # the configuration, and applying it: in the order of the signals
        self._reloading = asyncio.Lock()  # while streams and rooms are changed
        self._http = HttpServer(
            config.http.listen,
            self,
            make_registry(self.figures, __version__, self._hooks),
            __version__,
            ViewerAccess(config.livekit) if config.http.preview else None,
        )

    async def run(self) -> int:
        """Run until a signal says stop; return the exit code. Raises AddressError where it cannot start."""
        native_log.forward(self._config.log.level == "debug")
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._want_reload)
        try:
            await self._start_until_stopped()
        finally:
            logger.info("stopping")
            self._service_manager.stopping(STOP_TIMEOUT_S + 1.0)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_TIMEOUT_S):
                    await self._stop()
        logger.info("stopped")
        logs.say_left_out(all=True)
        return 1 if self._failed else 0

    def figures(self) -> Iterable[StreamFigures]:
        """One reading of every stream, made as it is taken, in the order of the configuration."""
        return (stream.figures() for stream in list(self._streams.values()))

    def problems(self) -> list[str]:
        """Why the daemon is not ready, in words; empty when it is."""
        starting = [] if self._started else ["ingestd is starting: not every source is open yet"]
        running = [problem for stream in self._streams.values() for problem in stream.problems]
        return starting + running + list(self._not_started.values())

    async def _start_until_stopped(self) -> None:
        # A signal need not wait for the start, which may be looking up a name that no server knows.
        starting = self.tasks.begin("start", self._start())
        stopping = self.tasks.begin("await a signal", self._stopping.wait())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            await outcome(stopping)
        else:
            starting.cancel()
            await asyncio.wait({starting})

    async def _keep_log(self) -> None:
        """Say what no other line says, and what was left out."""
        losses = LossLog(self.figures)
        try:
            while True:
                await asyncio.sleep(LOOK_INTERVAL_S)
                losses.look()
                logs.say_left_out()
        finally:
            losses.look()

    async def _start(self) -> None:
        for warning in self._config.warnings:
            logger.warning(warning)
        descriptors.raise_limit()
        heap.give_back_large_blocks()
        self._warn_of_shortage()
        self.tasks.start("keep the log", self._keep_log())
        keep = self._service_manager.keep(self._latest_status, self._motions)
        self.tasks.start("tell the service manager", keep)
        self._hooks.configure(self._config.hooks, self.tasks)
        self.tasks.start("watch for hooks", self._hooks.look_on())
        address = await self._http.start()
        logger.info("status page", url=f"{address}/", metrics=f"{address}/metrics")
        async with self._reloading:
            for config in self._config.streams:
                try:
                    await self._add(config)
                except PassedSocketError as error:
                    logger.error("stream not started", stream=config.name, error=str(error))
                    self._not_started[config.name] = str(error)
        self._started = True
        self._warn_of_unused_sockets()
        logger.info("ready", version=__version__, streams=len(self._streams))
        self._service_manager.ready(self._status())

    async def _stop(self) -> None:
        async with self._reloading:  # what a reload has begun to open is closed with the rest
            await self._stop_all()

    async def _stop_all(self) -> None:
        stops = {
            f"stream {name}": stream.stop("ingestd is stopping") for name, stream in self._streams.items()
        }
        await _all(stops)
        rooms = {f"room {address!r}": room.close() for address, room in self._rooms.items()}
        await _all({**rooms, "hooks": self._hooks.close()})
        await _all({"http": self._http.stop(), "signalling relay": self._relay.close()})
        await self.tasks.close()

    def _want_reload(self) -> None:
        # One that has yet to begin will read what the file says by then.
        if self._reloads_to_begin == 0:
            self._reloads_to_begin += 1
            self.tasks.start("reload", self._reload())

    async def _reload(self) -> None:
        async with self._reading:
            self._reloads_to_begin -= 1
            self._service_manager.reloading()
            try:
                await self._read_and_apply()
            finally:
                self._service_manager.ready(self._status())

    async def _read_and_apply(self) -> None:
        try:
            config = await self._reload_config()
        except ConfigError as error:
            logger.error("reload failed; keeping the current configuration", error=str(error))
            self._reload_failure = str(error)
            async with self._reloading:
                await self._add_missing()  # this one may have cut another short
            return
        self._reload_failure = ""
        async with self._reloading:
            if not self._stopping.is_set():
                await self._apply(config)
                logger.info("configuration reloaded", streams=len(self._streams))

    async def _apply(self, config: Config) -> None:
        """Stop what is gone or changed, start what is new, and leave everything else alone."""
        changes = compare(self._config, config)
        self._config = config = in_force(self._config, config)
        self._participants = config.participants
        self._connections.most = config.max_connections
        logs.configure(config.log.level, config.log.format)
        native_log.forward(config.log.level == "debug")
        _say(changes)
        self._hooks.configure(config.hooks, self.tasks)
        keep = set(changes.untouched)
        names = {stream.name for stream in config.streams}
        for name in [name for name in self._streams if name not in keep]:
            why = "the stream's configuration changed" if name in names else "the stream was removed"
            await self._streams.pop(name).stop(why)
            if name not in names:
                logger.info("stream removed", stream=name)
        wanted = {self._room_address(stream) for stream in config.streams}
        for address in [address for address in self._rooms if address not in wanted]:
            await self._rooms.pop(address).close()
        for address in wanted:  # what it says of the participant may be new
            if (room := self._rooms.get(address)) is not None:
                room.revise(address)
        if self._retrying is not None:
            self._retrying.cancel()  # it waits: while it works it holds the lock that is ours now
        self._not_started.clear()
        self._warn_of_shortage()
        self._warn_of_unused_sockets()
        await self._add_missing()
        if self._not_started:
            self._retrying = self.tasks.start("retry", self._retry())

    async def _retry(self) -> None:
        backoff = Backoff(self._first_retry_delay_s, MAX_RETRY_DELAY_S)
        while self._not_started:
            await asyncio.sleep(backoff.next_s())
            async with self._reloading:
                await self._add_missing()

    async def _add_missing(self) -> None:
        """Start every stream that does not run; why one cannot is logged once, and is in ``problems``."""
        streams = self._config.streams
        for stream in streams:
            if stream.name in self._streams:
                continue
            if self._stopping.is_set() or self._reloads_to_begin:
                break  # what a newer configuration says goes
            if self._streams:
                await asyncio.sleep(ADD_INTERVAL_S)
            try:
                await self._add(stream)
                self._not_started.pop(stream.name, None)
            except AddressError as error:
                if stream.name not in self._not_started:
                    logger.error("stream not started; trying again", stream=stream.name, error=str(error))
                self._not_started[stream.name] = f"{error}; trying again"
        self._streams = {s.name: self._streams[s.name] for s in streams if s.name in self._streams}

    async def _add(self, config: StreamConfig) -> None:
        address = self._room_address(config)
        room = self._rooms.get(address) or RoomConnection(
            address, self.tasks, relay=self._relay if self._config.livekit.signal_relay else None
        )
        stream = self._make_stream(config, room, self.tasks)
        try:
            await stream.start()
        except AddressError as error:
            await stream.stop("not opened")  # what it has started, such as its webhook
            raise type(error)(f"stream {config.name}: {error}") from None
        self._streams[config.name] = stream
        if address not in self._rooms:
            self._rooms[address] = room

    def _warn_of_shortage(self) -> None:
        rooms, streams = self._config.rooms, len(self._config.streams)
        if (shortage := descriptors.shortage(rooms, streams, descriptors.limit())) is not None:
            logger.warning(shortage)

    def _warn_of_unused_sockets(self) -> None:
        listening = {stream.name for stream in self._config.streams if stream.source.listen is not None}
        for text in self._passed.unused(listening):
            logger.warning(text)

    def _status(self) -> str:
        return self._status_of(self.figures())

    def _latest_status(self) -> str:
        """The status at the last look, if it saw all streams: hundreds take long to look at."""
        samples = self._http.sampler.samples.values()
        seen = len(samples) == len(self._streams)
        return self._status_of([sample.figures for sample in samples] if seen else self.figures())

    def _status_of(self, figures: Iterable[StreamFigures]) -> str:
        failed = [f"the last reload failed: {self._reload_failure}"] if self._reload_failure else []
        return status_line(figures, failed + self.problems())

    def _motions(self) -> dict[str, Motion]:
        return {name: stream.motion() for name, stream in self._streams.items()}

    def _room_address(self, stream: StreamConfig) -> RoomAddress:
        livekit = self._config.livekit
        secret = livekit.api_secret.get_secret_value()
        room, identity, token = stream.room, stream.identity, livekit.token_source
        participant = self._participants[room, identity]
        given = None
        if token is not None:  # then all streams share one participant
            sources = frozenset(stream.track_source for stream in self._config.streams)
            given = GivenToken(token, room, identity, sources)
        return RoomAddress(livekit.url, livekit.api_key, secret, room, identity, participant, given)

    def _task_failed(self, name: str, error: BaseException) -> None:
        # Such a task does not come back by itself; the supervisor's restart brings everything back.
        logger.critical("internal error; stopping", task=name, exc_info=error)
        self._failed = True
        self._stopping.set()


def _say(changes: Changes) -> None:
    for change in changes.keys[:MAX_CHANGES_SAID]:
        log = logger.warning if change.effect is Effect.RESTART else logger.info
        named = {"stream": change.stream} if change.stream else {}
        log(
            "configuration changed",
            what=change.key,
            **named,
            **({"change": change.values} if change.values else {}),
            takes_effect=change.effect.value,
        )
    if (more := len(changes.keys) - MAX_CHANGES_SAID) > 0:
        logger.info("configuration changed", what=f"{more} keys more")


async def _all(stops: Mapping[str, Coroutine[Any, Any, None]]) -> None:
    """Run all ``stops`` at once; one that fails is logged and holds up no other."""
    results = await asyncio.gather(*stops.values(), return_exceptions=True)
    for name, error in zip(stops, results, strict=True):
        if error is not None:
            logger.error("did not stop cleanly", what=name, exc_info=error)
