"""Listening sockets that the service manager has opened and passed, by the name of their stream."""

import contextlib
import errno
import os
import re
import socket
from collections.abc import Collection, MutableMapping
from dataclasses import dataclass

# SD_LISTEN_FDS_START of sd_listen_fds(3).
_FIRST_DESCRIPTOR = 3
_COUNT = re.compile(r"[0-9]{1,9}")
_MAX_SHOWN_CHARACTERS = 20
_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


@dataclass(frozen=True, slots=True)
class PassedSockets:
    """The sockets by name, and what was passed and cannot be used, in words.

    They stay open for as long as the process lives, and at systemd beyond: an encoder that dials while its
    stream or the process starts again waits in the socket, and is not refused.
    """

    by_name: dict[str, socket.socket]
    unusable: tuple[str, ...] = ()

    @classmethod
    def taken_from(
        cls, environ: MutableMapping[str, str], first_descriptor: int = _FIRST_DESCRIPTOR
    ) -> "PassedSockets":
        """Return what ``environ`` tells of; the variables are removed, as they are not for our children.

        Without a word where they are those of another process, as sd_listen_fds(3) has it.
        """
        pid, count, names = (environ.pop(name, "") for name in _VARIABLES)
        if pid != str(os.getpid()) or not count:
            return cls({})
        if _COUNT.fullmatch(count) is None:
            seen = f"LISTEN_FDS is {count[:_MAX_SHOWN_CHARACTERS]!r}; expected the number of passed sockets"
            return cls({}, (f"no passed socket is used: {seen}",))
        by_name: dict[str, socket.socket] = {}
        unusable: list[str] = []
        given = names.split(":") if names else []
        for number in range(int(count)):
            name = given[number] if number < len(given) and given[number] else "unknown"
            if not _is_open(first_descriptor + number):
                # The count is wrong, and what follows is not what was passed: it may be ours.
                seen = (
                    f"LISTEN_FDS is {int(count)}, and file descriptor {first_descriptor + number} is not open"
                )
                unusable.append(f"of the passed sockets only the first {number} are looked at: {seen}")
                break
            problem = _take(first_descriptor + number, name, by_name)
            if problem is not None:
                unusable.append(f"the passed socket {name!r} is not used: {problem}")
        return cls(by_name, tuple(unusable))

    def of(self, stream: str) -> socket.socket | None:
        """Return a copy of the socket that is named after ``stream``; None where there is none."""
        passed = self.by_name.get(stream)
        return None if passed is None else passed.dup()

    def unused(self, listening: Collection[str]) -> list[str]:
        """Say which are not used where the streams ``listening`` listen."""
        names = [name for name in self.by_name if name not in listening]
        return [
            *self.unusable,
            *(
                f"the passed socket {name!r} is not used: no stream that listens has this name; in its unit "
                "write FileDescriptorName= with the name of the stream"
                for name in names
            ),
        ]


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError as error:
        return error.errno != errno.EBADF
    return True


def _take(descriptor: int, name: str, by_name: dict[str, socket.socket]) -> str | None:
    """Put the socket into ``by_name``, or return why it is not one to use."""
    try:
        os.set_inheritable(descriptor, False)
        passed = socket.socket(fileno=descriptor)
    except OSError as error:
        return f"file descriptor {descriptor} is no socket: {error.strerror}"
    listens = False
    with contextlib.suppress(OSError):
        listens = bool(passed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    if passed.type != socket.SOCK_STREAM or not listens:
        passed.close()
        return "it does not listen for connections; in its unit write ListenStream= and Accept=no"
    if name in by_name:
        passed.close()
        return "another one has its name; a stream has one socket"
    passed.setblocking(False)
    by_name[name] = passed
    return None
