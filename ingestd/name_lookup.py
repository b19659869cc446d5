"""Looks names up, each in a thread of its own: one that DNS does not answer holds up no other.

The loop's own getaddrinfo shares a few threads among all names (two, with uvloop), and a lookup that is given
up keeps its thread for as long as the system's resolver waits. Here a name is looked up once at a time,
whoever asks: what the configuration names bounds the threads.
"""

import asyncio
import errno
import socket
import threading
from concurrent.futures import Future
from typing import Any

from aiohttp import TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

_Found = list[tuple[socket.AddressFamily, Any]]

# By name and flags of getaddrinfo.
_under_way: dict[tuple[str, int], Future[_Found]] = {}


async def addresses(host: str, port: int, flags: int = 0) -> _Found:
    """Return the family and the socket address, with ``port``, of each address that ``host`` has.

    ``flags`` are those of getaddrinfo. Raises OSError where it has none, UnicodeError where no host can have
    that name.
    """
    try:
        found = _look_up(host, socket.AI_NUMERICHOST)  # asks nobody
    except socket.gaierror:
        found = await asyncio.wrap_future(_under_way.get((host, flags)) or _begin(host, flags))
    return [(family, (address, port, *scope)) for family, (address, _, *scope) in found]


def connector() -> TCPConnector:
    """Return a connector for a session of aiohttp that looks names up here."""
    return TCPConnector(resolver=_Resolver())


class _Resolver(AbstractResolver):
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        # AI_ADDRCONFIG, as aiohttp's own: else errors of addresses that cannot be reached from here are told.
        found = await addresses(host, port, socket.AI_ADDRCONFIG)
        numeric = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
        return [
            ResolveResult(
                hostname=host,
                host=socket.getnameinfo(address, numeric)[0],  # with the scope of a link-local one
                port=port,
                family=of,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for of, address in found
            if family in (socket.AF_UNSPEC, of)
        ]

    async def close(self) -> None:
        pass


def _begin(host: str, flags: int) -> Future[_Found]:
    lookup = Future[_Found]()
    lookup.set_running_or_notify_cancel()  # who gives up waiting does not cancel it for the others
    _under_way[host, flags] = lookup
    # A daemon thread: the process leaves without waiting for it.
    thread = threading.Thread(target=_run, args=(host, flags, lookup), name=f"look up {host}", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        del _under_way[host, flags]
        raise OSError(errno.EAGAIN, f"{host} is not looked up: {error}") from None
    return lookup


def _run(host: str, flags: int, lookup: Future[_Found]) -> None:
    try:
        lookup.set_result(_look_up(host, flags))
    except Exception as error:  # whatever it is, for those who wait
        lookup.set_exception(error)
    finally:
        # It may be gone: an application may have loops in two threads, which began at the same time.
        _under_way.pop((host, flags), None)


def _look_up(host: str, flags: int) -> _Found:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=flags)
    return [(family, address) for family, _, _, _, address in found]
