"""Connection to ingestd: TCP, TLS or a unix socket, its token, and as little data on its way as possible."""

import asyncio
import socket
import ssl
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

from ingestd.errors import ConfigError

CONNECT_TIMEOUT_S = 10.0
# What the kernel takes of us that it cannot send yet: a keyframe, or half a second at 1 Mbit/s. Its own limit
# is megabytes, and a link that backs up would make viewers later by all of it.
UNSENT_BYTES = 64 * 1024
# A peer that is gone without a word; TCP by itself waits for a quarter of an hour.
UNACKNOWLEDGED_MS = 20_000
# The daemon takes no longer one.
MAX_TOKEN_BYTES = 256

_ALLOWED = "tcp://HOST:PORT, tls://HOST:PORT or unix:///PATH"


@dataclass(frozen=True, slots=True)
class Target:
    """Where ingestd listens."""

    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.scheme == "unix":
            return f"unix://{self.path}"
        return f"{self.scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def parse_target(text: str) -> Target:
    """Read an address, else raise ConfigError."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"--to {text!r}: {error}; allowed: {_ALLOWED}") from None
    if parts.username or parts.query or parts.fragment:
        raise ConfigError(f"--to has more than an address; allowed: {_ALLOWED}; a token goes into --token")
    if parts.scheme == "unix" and not parts.netloc and parts.path.startswith("/"):
        return Target("unix", path=parts.path)
    if parts.scheme in ("tcp", "tls") and parts.hostname and port and parts.path in ("", "/"):
        return Target(parts.scheme, parts.hostname, port)
    raise ConfigError(f"--to {text!r} is not an address; allowed: {_ALLOWED}")


@dataclass(frozen=True, slots=True)
class Tls:
    """Whom to trust on tls:// (the system's authorities, unless ``ca`` names a file), and who we are."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    server_name: str | None = None  # in ingestd's certificate, where that is not the host of the address

    def check(self, target: Target) -> None:
        """Raise ConfigError naming what cannot be used, or has no use where ``target`` is not tls://."""
        if target.scheme == "tls":
            self.context()
            return
        for field in fields(self):
            if getattr(self, field.name) is not None:
                raise ConfigError(
                    f"--tls-{field.name.replace('_', '-')}: {target} is not encrypted; write --to "
                    "tls://HOST:PORT, or leave the option out"
                )

    def context(self) -> ssl.SSLContext:
        """Read the files; raise ConfigError naming the one that cannot be used."""
        if self.key is not None and self.cert is None:
            raise ConfigError("--tls-key has no use without --tls-cert FILE, its certificate")
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except OSError as error:  # ssl.SSLError is one
            raise ConfigError(f"--tls-ca {str(self.ca)!r}: {error.strerror or error}") from None
        if self.cert is not None:
            try:
                context.load_cert_chain(self.cert, self.key)
            except OSError as error:
                files = f"--tls-cert {str(self.cert)!r}, --tls-key {str(self.key or self.cert)!r}"
                raise ConfigError(f"{files}: {error.strerror or error}") from None
        return context


def first_line(token: str | None) -> bytes:
    """Return what ingestd wants to read first where the stream has a token; raise ConfigError."""
    if token is None:
        return b""
    if (
        not 0 < len(token) <= MAX_TOKEN_BYTES
        or not token.isascii()
        or not token.isprintable()
        or " " in token
    ):
        raise ConfigError(
            f"--token: allowed are 1 to {MAX_TOKEN_BYTES} printable ASCII characters without spaces; "
            f"here are {len(token)} characters"
        )
    return f"INGEST {token}\n".encode()


async def connect(target: Target, tls: Tls) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect once; raise OSError or TimeoutError."""
    async with asyncio.timeout(CONNECT_TIMEOUT_S):
        if target.scheme == "unix":
            reader, writer = await asyncio.open_unix_connection(target.path)
        elif target.scheme == "tcp":
            reader, writer = await asyncio.open_connection(target.host, target.port)
        else:
            reader, writer = await asyncio.open_connection(
                target.host,
                target.port,
                ssl=tls.context(),
                server_hostname=tls.server_name or target.host,
            )
    own = writer.get_extra_info("socket")
    if target.scheme == "unix":
        own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNSENT_BYTES)
    else:
        own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        own.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # `drain` returns when all was handed to the kernel: one picture at most waits here. With high=0 asyncio's
    # TLS would pause for ever.
    writer.transport.set_write_buffer_limits(high=1, low=0)
    return reader, writer
