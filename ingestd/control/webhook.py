"""Messages to an encoder's controller, as the body of a POST."""

import asyncio

import aiohttp
import structlog

from ingestd.control.messages import Message, Result, Tell, encode
from ingestd.tasks import Tasks

logger = structlog.get_logger("ingestd.control")

# A wish that old has been overtaken by the next.
TIMEOUT = aiohttp.ClientTimeout(total=2.0)


class Webhook:
    """Posts to one URL, one message at a time, and never makes anyone wait."""

    def __init__(self, url: str, stream: str, tasks: Tasks) -> None:
        self._url = url
        self._stream = stream
        self._log = logger.bind(stream=stream)
        # One of a type, the newest: who is slow hears what is wanted now, and no burst of what was.
        self._waiting: dict[object, tuple[Message, Tell]] = {}
        self._news = asyncio.Event()
        self._task = tasks.start(f"webhook {stream}", self._run())

    def send(self, message: Message, tell: Tell) -> None:
        """Post ``message`` soon, in place of one of its type that still waits."""
        overtaken = self._waiting.get(message["type"])
        self._waiting[message["type"]] = message, tell
        self._news.set()
        if overtaken is not None:
            overtaken[1](Result.DROPPED)

    async def close(self) -> None:
        """Post nothing any more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        failing = False
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
            while True:
                message, tell = await self._next()
                body = encode({"stream": self._stream, **message})
                try:
                    headers = {"Content-Type": "application/json"}
                    async with session.post(self._url, data=body, headers=headers) as response:
                        error = None if response.status < 400 else f"HTTP {response.status}"
                # UnicodeError: of a name no host can have.
                except (aiohttp.ClientError, TimeoutError, UnicodeError) as exception:
                    error = str(exception) or type(exception).__name__
                tell(Result.FAILED if error else Result.SENT)
                if error and not failing:
                    self._log.warning("feedback.webhook does not take messages", error=error)
                failing = error is not None

    async def _next(self) -> tuple[Message, Tell]:
        await self._news.wait()
        oldest = self._waiting.pop(next(iter(self._waiting)))
        if not self._waiting:
            self._news.clear()
        return oldest
