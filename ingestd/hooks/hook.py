"""Poster of one hook: events in their order, each until it was taken or is too old; nothing waits for it."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum

import aiohttp
import structlog

from ingestd.backoff import Backoff
from ingestd.config import HookConfig
from ingestd.hooks.event import Event, headers
from ingestd.post_session import make_session
from ingestd.redact import without_credentials
from ingestd.tasks import Tasks

logger = structlog.get_logger("ingestd.hooks")

# A receiver that is slower than that is not there.
POST_TIMEOUT_S = 5.0
FIRST_RETRY_DELAY_S = 0.5
MAX_RETRY_DELAY_S = 30.0
# Longer ago it is no news, and what has happened since waits behind it.
MAX_AGE_S = 600.0
# A hundred streams that go down and up with their server; an event takes some 200 bytes.
MAX_WAITING_EVENTS = 256
# What is left when ingestd stops gets this long, which is within the time to leave the rooms.
CLOSE_TIMEOUT_S = 1.0


class Result(StrEnum):
    """What became of an event; the label ``result`` of ``ingestd_hook_events_total``."""

    SENT = "sent"
    FAILED = "failed"  # not taken for as long as it was news
    DROPPED = "dropped"  # more waited than may, or the hook is gone


class Hook:
    """Posts to one URL. ``send`` never waits; ``on_result`` is told once of each event.

    An answer below 300 takes the event; anything else, or none within ``timeout_s``, has it sent again.
    ``first_retry_delay_s``: before the second try; it doubles up to MAX_RETRY_DELAY_S.
    """

    def __init__(
        self,
        config: HookConfig,
        tasks: Tasks,
        on_result: Callable[[Event, Result], None],
        *,
        timeout_s: float = POST_TIMEOUT_S,
        first_retry_delay_s: float = FIRST_RETRY_DELAY_S,
        max_age_s: float = MAX_AGE_S,
    ) -> None:
        self.config = config
        self._on_result = on_result
        self._timeout_s = timeout_s
        self._backoff = Backoff(first_retry_delay_s, MAX_RETRY_DELAY_S)
        self._max_age_s = max_age_s
        self._log = logger.bind(what=without_credentials(config.url))
        self._waiting: deque[tuple[Event, float]] = deque()  # and when each came, by the monotonic clock
        self._any_waiting = asyncio.Event()
        self._posting = False  # the first of them
        self._closing = asyncio.Event()
        self._failing = False
        self._task = tasks.start(f"hook {without_credentials(config.url)}", self._run())

    def send(self, event: Event) -> None:
        """Post ``event`` behind those that wait; where they are too many, the oldest is dropped."""
        if len(self._waiting) >= MAX_WAITING_EVENTS:
            # Not the one that is being posted.
            oldest = self._waiting[1] if self._posting else self._waiting[0]
            self._waiting.remove(oldest)
            self._on_result(oldest[0], Result.DROPPED)
        self._waiting.append((event, time.monotonic()))
        self._any_waiting.set()

    async def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Try what waits once more, for at most ``timeout_s`` seconds, then stop."""
        self._closing.set()
        self._any_waiting.set()
        await asyncio.wait({self._task}, timeout=timeout_s)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._waiting:
            self._log.warning("events not posted: this hook ends", events=len(self._waiting))
        for event, _ in self._waiting:
            self._on_result(event, Result.DROPPED)
        self._waiting.clear()

    async def _run(self) -> None:
        async with make_session(self._timeout_s) as session:
            while await self._next():
                event, came_at = self._waiting[0]
                self._posting = True
                taken = await self._deliver(session, event, came_at)
                self._posting = False
                self._waiting.popleft()
                self._on_result(event, Result.SENT if taken else Result.FAILED)

    async def _next(self) -> bool:
        """Wait for an event; False where none waits and none will."""
        while not self._waiting:
            if self._closing.is_set():
                return False
            self._any_waiting.clear()
            await self._any_waiting.wait()
        return True

    async def _deliver(self, session: aiohttp.ClientSession, event: Event, came_at: float) -> bool:
        """Post ``event`` until it is taken; False where that took too long."""
        while (error := await self._post(session, event.body())) is not None:
            last = self._closing.is_set() or time.monotonic() - came_at > self._max_age_s
            if not self._failing:
                self._failing = True
                self._log.warning(
                    "cannot post an event; trying again", error=error, event_kind=event.kind.value
                )
            if last:
                self._log.warning(
                    "an event was not posted: the hook did not take it in time",
                    error=error,
                    event_kind=event.kind.value,
                    stream=event.stream,
                )
                return False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._backoff.next_s()):
                    await self._closing.wait()
        self._backoff.reset()
        if self._failing:
            self._failing = False
            self._log.info("events are posted again", waiting=len(self._waiting) - 1)
        return True

    async def _post(self, session: aiohttp.ClientSession, body: bytes) -> str | None:
        """Return why ``body`` was not taken; None if it was. Answers are not read beyond their headers."""
        try:
            async with session.post(
                self.config.url, data=body, headers=headers(self.config, body), allow_redirects=False
            ) as response:
                if response.status < 300:
                    return None
                said = f"HTTP {response.status}"
                return f"{said}: redirects are not followed" if response.status < 400 else said
        except TimeoutError:
            return f"no answer within {self._timeout_s:g} s"
        except aiohttp.ClientConnectorError as error:
            return error.strerror or type(error).__name__
        # UnicodeError: a name that no host can have. Their texts may hold the whole URL.
        except (aiohttp.ClientError, UnicodeError) as error:
            return type(error).__name__
