"""Reads a file, a FIFO or a socket into the analyser."""

import io
import os
import select
import socket
import sys
import time
from pathlib import Path

from ingestd.config.address import Address
from ingestd.errors import ConfigError, StreamError
from ingestd.probe.analyser import Analyser
from ingestd.probe.target import Fifo, Listen

FILE_READ_BYTES = 8 * 1024  # a picture or so, that not much more is taken than was asked for
LIVE_READ_BYTES = 64 * 1024  # more than encoders write at once
# The system would wait two minutes for a host that swallows packets.
DIAL_TIMEOUT_S = 5.0
# The least that a read waits: what has arrived already goes before a silence.
MIN_WAIT_S = 0.001


def read_file(path: Path, analyser: Analyser, seconds: float | None) -> None:
    """Read the file, or the first ``seconds`` of it by its timestamps or declared rate.

    Raises ConfigError for a file that cannot be opened or read, StreamError for one that is empty,
    BitstreamError for what is no video.
    """
    empty = True
    try:
        with path.open("rb") as file:
            while data := file.read(FILE_READ_BYTES):
                empty = False
                analyser.feed(data)
                if seconds is not None and (analyser.seconds or 0.0) >= seconds:
                    return
    except OSError as error:
        raise _unreadable(path, error) from None
    if empty:
        raise StreamError("empty", "the file is empty", case="file")
    analyser.finish()


def connect(target: Address | Listen | Fifo) -> socket.socket | io.FileIO:
    """Dial the encoder, or wait for it to dial, or open what it writes to.

    Raises StreamError, or ConfigError for a port in use and a FIFO that cannot be opened.
    """
    if isinstance(target, Listen):
        return _accept(target)
    if isinstance(target, Fifo):
        return _open(target.path)
    try:
        return socket.create_connection((target.host, target.port), DIAL_TIMEOUT_S)
    except (OSError, UnicodeError) as error:  # UnicodeError: of a name no host can have
        why = getattr(error, "strerror", None) or str(error)
        raise StreamError("unreachable", why) from None


def _open(path: Path) -> io.FileIO:
    try:
        # To open it would wait for somebody who writes.
        return io.FileIO(path, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(f"{path}: cannot be read: {error.strerror}")


def _accept(target: Listen) -> socket.socket:
    try:
        server = socket.create_server(("", target.port))
    except OSError as error:
        raise ConfigError(f"{target}: cannot be listened on: {error.strerror}") from None
    with server:
        port = server.getsockname()[1]
        print(f"waiting for an encoder on TCP port {port}; Ctrl-C ends it", file=sys.stderr, flush=True)
        return server.accept()[0]


def read_live(connection: socket.socket | io.FileIO, analyser: Analyser, seconds: float) -> None:
    """Read for ``seconds``, or until the encoder hangs up.

    Raises StreamError where nothing comes, BitstreamError for what is no video.
    """
    heard = False
    deadline = time.monotonic() + seconds
    while (now := time.monotonic()) < deadline:
        until = deadline if analyser.quiet_at is None else min(analyser.quiet_at, deadline)
        if not select.select([connection], [], [], max(until - now, MIN_WAIT_S))[0]:
            if analyser.quiet_at is not None and analyser.quiet_at <= time.monotonic():
                analyser.flush()
            continue
        try:
            data = os.read(connection.fileno(), LIVE_READ_BYTES)
        except OSError:  # an encoder that was killed
            break
        if not data:
            break
        heard = True
        analyser.feed(data, time.monotonic())
    else:
        if not heard:
            raise StreamError("silent", f"nothing came in {seconds:g} s")
        if analyser.understood:
            return  # what is half here now is not cut: it goes on without us
    analyser.finish()
