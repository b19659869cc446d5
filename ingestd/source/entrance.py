"""Entrance of a source: what a connection passes before its bytes are a stream's.

PROXY header ─▶ allow, rate ─▶ TLS ─▶ INGEST <token>     each where the configuration wants it
"""

import asyncio
from collections.abc import Callable
from typing import Any

from ingestd.config import SourceConfig
from ingestd.log_limiter import LogLimiter
from ingestd.source.connection_limits import ConnectionRate
from ingestd.source.entrance_stage import EntryError, Stage
from ingestd.source.proxy_header import ProxyHeader
from ingestd.source.tls_renewal import TlsContext
from ingestd.source.tls_stage import TlsStage
from ingestd.source.token_gate import TokenLine, Tokens
from ingestd.timer import Timer

# A certificate that was replaced is used at the next handshake; that a bad one is there, or that one expires,
# is said without any.
LOOK_INTERVAL_S = 5.0
UNWANTED_TOKEN_LOG_INTERVAL_S = 3600.0


class Entrance:
    """The way in of one connection, which passes ``stages`` in order; TLS stays when it is passed.

    ``check`` is told the address of the encoder, "" for that of the socket, before anything costly is done
    for it; it may raise EntryError.
    """

    def __init__(
        self,
        proxy: ProxyHeader | None,
        tls: TlsStage | None,
        token: TokenLine,
        check: Callable[[str], None],
    ) -> None:
        self._proxy, self._tls, self._token = proxy, tls, token
        self._stages: list[Stage] = [stage for stage in (proxy, tls, token) if stage is not None]
        self._check: Callable[[str], None] | None = check

    def begin(self) -> bytes:
        """The socket is open: return what to send first."""
        if self._tls is None:
            return b""
        self._tls.begin()
        return self._tls.to_send()

    def receive(self, data: memoryview) -> bytes | memoryview:
        """Take ``data``; return what the stream gets of it. Raises EntryError."""
        rest: bytes | memoryview = data
        for stage in self._stages:
            if stage is not self._proxy:
                self._ask()
            if not stage.passed or stage is self._tls:
                rest = stage.receive(rest)
                if stage is self._proxy and stage.passed:
                    self._ask()
            if not len(rest):
                break
        return rest

    def encrypt(self, line: bytes) -> bytes:
        """Return what to send so that the encoder reads ``line``."""
        if self._tls is None:
            return line
        self._tls.send(line)
        return self._tls.to_send()

    def to_send(self) -> bytes:
        """Return what to send to the encoder beside messages."""
        return b"" if self._tls is None else self._tls.to_send()

    @property
    def clear(self) -> bool:
        """Whether all that comes from now on is the stream's, as it is."""
        return self._tls is None and self._stage is None

    @property
    def ended(self) -> bool:
        """Whether the encoder has said by TLS that it sends no more."""
        return self._tls is not None and self._tls.ended

    @property
    def encrypted(self) -> bool:
        """Whether the bytes on the socket are TLS records."""
        return self._tls is not None

    @property
    def stages_left(self) -> int:
        """How many are not passed."""
        return sum(not stage.passed for stage in self._stages)

    @property
    def timeout_s(self) -> float | None:
        """How long it may take from now, as the last stage was passed, until the next; None: for ever."""
        stage = self._stage
        return stage.TIMEOUT_S if stage is not None and stage.wanted else None

    def unfinished(self) -> EntryError | None:
        """What to say of a connection that ends in the midst of the entrance; None: it has sent nothing."""
        stage = self._stage
        return stage.unfinished() if stage is not None and stage.begun else None

    @property
    def endpoint(self) -> tuple[str, int] | None:
        """Address and port of the encoder behind a load balancer; None: those of the socket are."""
        if self._proxy is None or self._proxy.host is None:
            return None
        return self._proxy.host, self._proxy.port or 0

    @property
    def name(self) -> str:
        """The name in the encoder's certificate; "" without one."""
        return self._tls.peer_name if self._tls is not None else ""

    @property
    def _stage(self) -> Stage | None:
        return next((stage for stage in self._stages if not stage.passed), None)

    def _ask(self) -> None:
        if (check := self._check) is not None:
            self._check = None
            check(self.endpoint[0] if self.endpoint else "")


class Entrances:
    """Makes the entrance of each connection of one source; holds what they share: TLS context and tokens."""

    def __init__(self, config: SourceConfig, log: Any) -> None:
        self._config = config
        self._log = log
        self._tls: TlsContext | None = None
        self._tokens = Tokens([token.get_secret_value() for token in config.token], config.token_path, log)
        self._rate = ConnectionRate(config.max_connection_rate_per_s)
        self._unwanted = LogLimiter(UNWANTED_TOKEN_LOG_INTERVAL_S)
        self._timer = Timer(self._look)

    async def open(self) -> None:
        """Read the files. Raises AddressError where one cannot be used."""
        config = self._config
        if config.address.scheme == "tls":
            # Many CAs take longer than a picture may wait.
            self._tls = await asyncio.to_thread(
                TlsContext, config.tls, listens=config.listen is not None, log=self._log
            )
        if self._tls is not None or config.token_path is not None:
            self._timer.set(LOOK_INTERVAL_S)

    def close(self) -> None:
        """Look at the files no more."""
        self._timer.clear()

    def make(self, host: Callable[[], str], max_read_bytes: int) -> Entrance:
        """Return that of the next connection, whose socket is connected to the address ``host``."""
        config = self._config
        tls = None
        if config.address.scheme == "tls":
            assert self._tls is not None, "opened before the first connection"
            name = None if config.listen is not None else config.tls.server_name or config.address.host
            tls = TlsStage(self._tls.current(), name, max_read_bytes)
        return Entrance(
            ProxyHeader() if config.proxy_protocol else None,
            tls,
            TokenLine(self._tokens.opens if self._tokens.wanted else None, self._say_unwanted),
            lambda behind: self._check(behind or host()),
        )

    def _check(self, host: str) -> None:
        config = self._config
        if config.listen is None:
            return
        if config.proxy_protocol and not config.allows(host):
            raise EntryError("not_allowed", f"its address {host} is not in source.allow")
        if host and not self._rate.take(host):
            raise EntryError(
                "limit",
                f"more than {config.max_connection_rate_per_s} new connections in a second come from its "
                "address (source.max_connection_rate)",
            )

    def _say_unwanted(self) -> None:
        if self._unwanted.due("token") is not None:
            self._log.warning(
                "an encoder sends a token, which this stream does not ask for, and is let in as any other; "
                "set source.token or source.token_file to have it checked"
            )

    def _look(self) -> None:
        if self._tls is not None:
            self._tls.look()
        self._tokens.look()
        self._timer.set(LOOK_INTERVAL_S)
