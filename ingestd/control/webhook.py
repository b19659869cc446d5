"""Messages to an encoder's controller, as the body of a POST."""

import asyncio

import aiohttp
import structlog

from ingestd.control.messages import encode
from ingestd.tasks import Tasks

logger = structlog.get_logger("ingestd.control")

# A wish that old has been overtaken by the next.
TIMEOUT = aiohttp.ClientTimeout(total=2.0)
# A controller that is slower than this hears of the newest wishes only.
MAX_WAITING = 4


class Webhook:
    """Posts to one URL, one message at a time, and never makes anyone wait."""

    def __init__(self, url: str, stream: str, tasks: Tasks) -> None:
        self._url = url
        self._stream = stream
        self._log = logger.bind(stream=stream)
        self._queue: asyncio.Queue[dict[str, object]] = asyncio.Queue(MAX_WAITING)
        self._task = tasks.start(f"webhook {stream}", self._run())

    def send(self, message: dict[str, object]) -> bool:
        """Post ``message`` soon; False if too much is waiting already."""
        try:
            self._queue.put_nowait({"stream": self._stream, **message})
        except asyncio.QueueFull:
            return False
        return True

    async def close(self) -> None:
        """Post nothing any more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        failing = False
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
            while True:
                body = encode(await self._queue.get())
                try:
                    headers = {"Content-Type": "application/json"}
                    async with session.post(self._url, data=body, headers=headers) as response:
                        error = None if response.status < 400 else f"HTTP {response.status}"
                # UnicodeError: of a name no host can have.
                except (aiohttp.ClientError, TimeoutError, UnicodeError) as exception:
                    error = str(exception) or type(exception).__name__
                if error and not failing:
                    self._log.warning("feedback.webhook does not take messages", error=error)
                failing = error is not None
