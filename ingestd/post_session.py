"""HTTP session that hooks and webhooks post with: what it takes of an answer is bounded, whoever answers.

aiohttp reads interim answers (RFC 9110, 15.2) as long as they come, megabytes of them in one turn of the loop
that carries the pictures.
"""

import asyncio
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from ingestd.name_lookup import connector

# Of one answer, interim ones included. Its status is all that we need; gateways add a few hundred bytes.
MAX_ANSWER_BYTES = 16 * 1024


class _Connection(ResponseHandler):
    """Ends where an answer is longer than `MAX_ANSWER_BYTES`; a status before that counts."""

    _left = MAX_ANSWER_BYTES

    def set_response_params(self, **params: Any) -> None:
        """A request begins, so says aiohttp."""
        self._left = MAX_ANSWER_BYTES
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """``data`` of an answer has come."""
        taken = data[: self._left]
        self._left -= len(taken)
        super().data_received(taken)
        if len(taken) < len(data) and self.transport is not None:
            self.transport.abort()


def _make_connection(loop: asyncio.AbstractEventLoop) -> ResponseHandler:
    return _Connection(loop)


def make_session(timeout_s: float) -> aiohttp.ClientSession:
    """Return a session whose requests take ``timeout_s`` at most, which keeps no cookies."""
    bounded = connector()
    bounded._factory = partial(_make_connection, bounded._loop)  # it has no parameter for it
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    return aiohttp.ClientSession(connector=bounded, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
