"""Reads a file or a socket into the analyser."""

import socket
import sys
import time
from pathlib import Path

from ingestd.config.address import Address
from ingestd.errors import ConfigError, StreamError
from ingestd.probe.analyser import Analyser
from ingestd.probe.target import Listen

FILE_READ_BYTES = 8 * 1024  # a picture or so, that not much more is taken than was asked for
SOCKET_READ_BYTES = 64 * 1024  # more than encoders write at once
# The system would wait two minutes for a host that swallows packets.
DIAL_TIMEOUT_S = 5.0
# The least that recv() waits: what has arrived already goes before a silence.
MIN_WAIT_S = 0.001


def read_file(path: Path, analyser: Analyser, seconds: float | None) -> None:
    """Read the file, or the first ``seconds`` of it by its timestamps or declared rate.

    Raises ConfigError for a file that cannot be opened, StreamError for one that is empty, BitstreamError for
    what is no video.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    with file:
        empty = True
        while data := file.read(FILE_READ_BYTES):
            empty = False
            analyser.feed(data)
            if seconds is not None and (analyser.seconds or 0.0) >= seconds:
                return
    if empty:
        raise StreamError("empty", "the file is empty", case="file")
    analyser.finish()


def connect(target: Address | Listen) -> socket.socket:
    """Dial the encoder, or wait for it to dial. Raises StreamError, or ConfigError for a port in use."""
    if isinstance(target, Listen):
        return _accept(target)
    try:
        return socket.create_connection((target.host, target.port), DIAL_TIMEOUT_S)
    except (OSError, UnicodeError) as error:  # UnicodeError: of a name no host can have
        why = getattr(error, "strerror", None) or str(error)
        raise StreamError("unreachable", why) from None


def _accept(target: Listen) -> socket.socket:
    try:
        server = socket.create_server(("", target.port))
    except OSError as error:
        raise ConfigError(f"{target}: cannot be listened on: {error.strerror}") from None
    with server:
        port = server.getsockname()[1]
        print(f"waiting for an encoder on TCP port {port}; Ctrl-C ends it", file=sys.stderr, flush=True)
        return server.accept()[0]


def read_socket(connection: socket.socket, analyser: Analyser, seconds: float) -> None:
    """Read for ``seconds``, or until the encoder hangs up.

    Raises StreamError where nothing comes, BitstreamError for what is no video.
    """
    heard = False
    deadline = time.monotonic() + seconds
    while (now := time.monotonic()) < deadline:
        until = deadline if analyser.quiet_at is None else min(analyser.quiet_at, deadline)
        connection.settimeout(max(until - now, MIN_WAIT_S))
        try:
            data = connection.recv(SOCKET_READ_BYTES)
        except TimeoutError:
            if analyser.quiet_at is not None and analyser.quiet_at <= time.monotonic():
                analyser.flush()
            continue
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
