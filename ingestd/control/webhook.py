"""The webhook: posts feedback messages to the controller of an encoder."""

import asyncio

import aiohttp
import structlog

from ingestd.control.messages import Message, OnResult, Result, encode
from ingestd.post_session import make_session
from ingestd.signature import headers
from ingestd.tasks import Tasks

logger = structlog.get_logger("ingestd.control")

# A request that old has been overtaken by the next.
TIMEOUT_S = 2.0


class Webhook:
    """Posts to one URL, one message at a time; ``send`` never waits. A POST fails after ``timeout_s``.

    Each bears the signature of its body, by ``secret``, in the header `ingestd.signature.HEADER`; None: it
    does not.
    """

    def __init__(
        self,
        url: str,
        stream: str,
        tasks: Tasks,
        *,
        secret: bytes | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._url = url
        self._secret = secret
        self._stream = stream
        self._timeout_s = timeout_s
        self._log = logger.bind(stream=stream)
        # One of a type, the newest: a slow controller hears what is wanted now, not all that was before.
        self._waiting: dict[object, tuple[Message, OnResult]] = {}
        self._any_waiting = asyncio.Event()
        self._task = tasks.start(f"webhook {stream}", self._run())

    def send(self, message: Message, on_result: OnResult) -> None:
        """Post ``message`` soon, in place of one of its type that still waits."""
        overtaken = self._waiting.get(message["type"])
        self._waiting[message["type"]] = message, on_result
        self._any_waiting.set()
        if overtaken is not None:
            overtaken[1](Result.DROPPED)

    async def close(self) -> None:
        """Stop posting; what waits is not posted."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        failing = False
        async with make_session(self._timeout_s) as session:
            while True:
                message, on_result = await self._next()
                body = encode({"stream": self._stream, **message})
                try:
                    signed = headers(self._secret, body)
                    # Who answers is not to have another address asked.
                    async with session.post(
                        self._url, data=body, headers=signed, allow_redirects=False
                    ) as response:
                        error = None if response.status < 300 else f"HTTP {response.status}"
                # UnicodeError: a name that no host can have. Their texts may hold the whole URL.
                except (aiohttp.ClientError, TimeoutError, UnicodeError) as exception:
                    error = getattr(exception, "strerror", None) or type(exception).__name__
                on_result(Result.FAILED if error else Result.SENT)
                if error and not failing:
                    self._log.warning("cannot post to feedback.webhook", error=error)
                failing = error is not None

    async def _next(self) -> tuple[Message, OnResult]:
        await self._any_waiting.wait()
        oldest = self._waiting.pop(next(iter(self._waiting)))
        if not self._waiting:
            self._any_waiting.clear()
        return oldest
