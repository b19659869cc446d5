"""Waiting for a condition, and how long a test is patient."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

# What is waited for takes well below a second on an idle machine; a busy one is given this long.
PATIENCE_S = 30.0


async def eventually(
    condition: Callable[[], object | Awaitable[object]],
    what: str = "become so",
    patience_s: float = PATIENCE_S,
    every_s: float = 0.005,
) -> None:
    """Return when ``condition`` holds; fail with "it did not ``what``" after ``patience_s`` seconds.

    ``condition`` may be a coroutine function. ``every_s`` is how long it sleeps between two
    looks; 0 looks after each turn of the loop.
    """
    until = time.monotonic() + patience_s
    while not await _holds(condition):
        assert time.monotonic() < until, f"it did not {what} in {patience_s:g} s"
        await asyncio.sleep(every_s)


def wait_until(
    condition: Callable[[], object],
    what: str = "become so",
    patience_s: float = PATIENCE_S,
    every_s: float = 0.02,
) -> None:
    """Do the same where no event loop runs."""
    until = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < until, f"it did not {what} in {patience_s:g} s"
        time.sleep(every_s)


async def _holds(condition: Callable[[], object | Awaitable[object]]) -> object:
    held = condition()
    return await held if inspect.isawaitable(held) else held
