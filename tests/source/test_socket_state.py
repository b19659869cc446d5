"""What the system knows of a socket, asked of real ones."""

import asyncio
import os
import select
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from ingestd.source import socket_state
from tests.support.wait import eventually


class Quiet(asyncio.Protocol):
    """Reads nothing."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).pause_reading()


@asynccontextmanager
async def line(family: int, path: Path) -> AsyncIterator[tuple[asyncio.BaseTransport, socket.socket]]:
    """A transport of ours that is not read, and the socket at its other end."""
    loop = asyncio.get_running_loop()
    with socket.socket(family) as listening:
        listening.bind(str(path) if family == socket.AF_UNIX else ("127.0.0.1", 0))
        listening.listen()
        with socket.socket(family) as theirs:
            theirs.connect(listening.getsockname())
            ours, _ = listening.accept()
            ours.setblocking(False)
            transport, _ = await loop.connect_accepted_socket(Quiet, ours)
            yield transport, theirs
            transport.abort()


FAMILIES = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX], ids=["tcp", "unix"])


@FAMILIES
async def test_the_peer_has_a_name(family: int, tmp_path: Path) -> None:
    async with line(family, tmp_path / "socket") as (transport, theirs):
        expected = ("", "unix")
        if family == socket.AF_INET:
            host, port = theirs.getsockname()
            expected = host, f"{host}:{port}"
        assert socket_state.peer_of(transport) == expected


@FAMILIES
async def test_bytes_that_were_not_read_are_seen(family: int, tmp_path: Path) -> None:
    async with line(family, tmp_path / "socket") as (transport, theirs):
        assert not socket_state.has_unread_bytes(transport)
        theirs.send(b"x")
        await eventually(lambda: socket_state.has_unread_bytes(transport))


@FAMILIES
async def test_the_end_of_the_peer_is_seen_behind_what_it_has_sent(family: int, tmp_path: Path) -> None:
    async with line(family, tmp_path / "socket") as (transport, theirs):
        theirs.send(b"x")
        assert not socket_state.peer_has_finished(transport)
        theirs.shutdown(socket.SHUT_WR)
        await eventually(lambda: socket_state.peer_has_finished(transport))
        assert socket_state.has_unread_bytes(transport)


async def test_a_unix_socket_has_no_segments(tmp_path: Path) -> None:
    async with line(socket.AF_UNIX, tmp_path / "socket") as (transport, theirs):
        theirs.send(bytes(100_000))
        assert socket_state.segment_bytes(transport) == 0


async def test_within_the_machine_a_long_write_comes_in_full_segments(tmp_path: Path) -> None:
    async with line(socket.AF_INET, tmp_path) as (transport, theirs):
        ours: socket.socket = transport.get_extra_info("socket")

        def largest_segment_bytes(write_bytes: int) -> int:
            """Of those in which the writes came, as the kernel makes it out."""
            for _ in range(4):
                theirs.sendall(bytes(write_bytes))
                while select.select([ours], [], [], 0.1)[0]:
                    os.read(ours.fileno(), write_bytes)
            largest, _ = socket_state.TCP_INFO.unpack(
                ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, socket_state.TCP_INFO.size)
            )
            return int(largest)

        full = socket_state.segment_bytes(transport)
        assert largest_segment_bytes(30_000) == 30_000
        assert socket_state.segment_bytes(transport) == full
        assert largest_segment_bytes(150_000) == full
