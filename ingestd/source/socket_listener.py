"""Listens on a TCP or TLS port, or a unix socket, for the encoder of one stream."""

import asyncio
import contextlib
import errno
import os
import shutil
import socket
import stat
from dataclasses import replace
from pathlib import Path

import structlog

from ingestd import descriptors
from ingestd.config import Address
from ingestd.config.address import WILDCARDS
from ingestd.errors import AddressError, PassedSocketError
from ingestd.source.admission import Admission

logger = structlog.get_logger("ingestd.source")


class Listener:
    """Accepts encoders for one stream.

    ``socket_mode`` and ``socket_group`` are those of a unix socket; None: our own group. ``passed`` is a
    listening socket that was opened for us, and is used in place of ``address``.
    """

    def __init__(
        self,
        address: Address,
        admission: Admission,
        stream: str,
        *,
        socket_mode: int = 0o660,
        socket_group: str | None = None,
        passed: socket.socket | None = None,
    ) -> None:
        self.address = address
        self._socket_mode = socket_mode
        self._socket_group = socket_group
        self._passed = passed
        self._admission = admission
        self._log = logger.bind(stream=stream)
        self._server: asyncio.Server | None = None

    @property
    def problem(self) -> str | None:
        """Why no encoder can connect, in words; None while it listens."""
        return None if self._server is not None else f"{self.address} is not open"

    async def start(self) -> None:
        """Listen; ``address`` then has the port the system chose, where 0 was asked for.

        Raises AddressError where the address cannot be listened on, or a file of `source.tls` not be used;
        PassedSocketError where it is of another kind than the socket that was passed.
        """
        loop = asyncio.get_running_loop()
        await self._admission.open()
        try:
            if self._passed is not None:
                self._server = await self._serve_passed(self._passed)
            elif self.address.scheme == "unix":
                _remove_stale(Path(self.address.path))
                line = _unix_socket(self.address.path, self._socket_mode, self._socket_group)
                self._server = await self._serve(line)
            elif self.address.host == "::":
                line = _socket_of_both_families(self.address.port)
                self._server = await self._serve(line)
            else:
                self._server = await loop.create_server(
                    self._admission.new_connection, self.address.host, self.address.port
                )
                if not self._server.sockets:  # so says uvloop where no socket can be made
                    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            if self.address.scheme != "unix":
                port = self._server.sockets[0].getsockname()[1]
                self.address = Address(self.address.scheme, self.address.host, port)
        except (OSError, UnicodeError) as error:  # UnicodeError: a name that no host can have
            why = getattr(error, "strerror", None) or str(error)
            cure = "allowed: an address of this machine that no other process listens on"
            if getattr(error, "errno", None) in (errno.EMFILE, errno.ENFILE):
                cure = descriptors.CURE
            elif why.startswith("source.socket_group"):
                cure = "allowed: a group that ingestd is a member of"
            raise AddressError(
                f"source.listen: {self.address} cannot be listened on: {why}; {cure}"
            ) from None
        passed = {} if self._passed is None else {"passed_by": "systemd"}
        self._log.info("waiting for the encoder", address=str(self.address), **passed)

    async def _serve(self, line: socket.socket) -> asyncio.Server:
        # Of a unix socket, too: from Python 3.13 on `create_unix_server` would remove the file at its end.
        # That of a passed one is not ours, and ours we remove ourselves.
        return await asyncio.get_running_loop().create_server(self._admission.new_connection, sock=line)

    async def _serve_passed(self, passed: socket.socket) -> asyncio.Server:
        """Serve on a socket that was passed; `address` then is that of the socket."""
        is_unix = self.address.scheme == "unix"
        bound = _address_of(passed)
        if (bound.scheme == "unix") != is_unix:
            # Else a socket that checks no addresses would stand in for one that does.
            raise PassedSocketError(
                f"source.listen: {self.address} is not what the socket that systemd passes is: {bound}; "
                "write the same address in source.listen and as ListenStream= in the socket's unit, or the "
                "name of another stream as its FileDescriptorName="
            )
        if not is_unix:
            bound = replace(bound, scheme=self.address.scheme)  # tcp or tls
        if not _same(bound, self.address):
            self._log.warning(
                "the socket that systemd passes counts, not source.listen",
                passed=str(bound),
                listen=str(self.address),
            )
        self.address = bound
        return await self._serve(passed)

    async def stop(self, reason: str) -> None:
        """Stop listening, and end the open connection for ``reason``."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            if self.address.scheme == "unix" and self._passed is None:
                _remove(Path(self.address.path))
        if self._passed is not None:
            self._passed.close()  # others of this socket are open: who dials now waits in it
        self._admission.close(reason)


def _same(bound: Address, wanted: Address) -> bool:
    """Whether ``bound`` is what was ``wanted``; port 0 is any, and a socket unit's wildcard is [::]."""
    if bound.port != wanted.port and wanted.port != 0:
        return False
    hosts = {bound.host, wanted.host}
    return bound.path == wanted.path and (len(hosts) == 1 or hosts == set(WILDCARDS))


def _address_of(line: socket.socket) -> Address:
    name = line.getsockname()
    if line.family == socket.AF_UNIX:
        return Address(
            "unix", path=name if isinstance(name, str) else f"@{name[1:].decode(errors='replace')}"
        )
    return Address("tcp", name[0], name[1])


def _unix_socket(path: str, mode: int, group: str | None) -> socket.socket:
    line = socket.socket(socket.AF_UNIX)
    try:
        line.bind(path)
        # Nobody can connect before it is listened on.
        if group is not None:
            shutil.chown(path, group=group)
        Path(path).chmod(mode)
    except LookupError:
        line.close()
        _remove(Path(path))
        raise OSError(f"source.socket_group: this machine has no group {group}") from None
    except PermissionError as error:
        line.close()
        if group is None or not Path(path).exists():
            raise
        _remove(Path(path))
        reason = f"source.socket_group: ingestd is no member of {group}, and may not give the socket to it"
        raise PermissionError(error.errno, reason) from None
    except BaseException:
        line.close()
        raise
    return line


def _socket_of_both_families(port: int) -> socket.socket:
    """Listen for IPv6 and, where the system has both in one socket, for IPv4."""
    both = socket.has_dualstack_ipv6()
    line = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=both)
    line.setblocking(False)
    return line


def _remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def _remove_stale(path: Path) -> None:
    # A socket on which no process accepts was left by one that was killed.
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise OSError(f"{path} exists and is not a socket")
        with socket.socket(socket.AF_UNIX) as probe:
            # Else we, and every stream with us, would wait while the other's queue is full.
            probe.setblocking(False)
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()
                return
            except BlockingIOError:
                pass
            raise OSError(errno.EADDRINUSE, "another process listens on it")
