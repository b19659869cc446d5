"""Target of a probe: a file, standard input, a FIFO, an encoder that we dial, or one that dials us."""

import re
from dataclasses import dataclass
from pathlib import Path

from ingestd.config.address import Address, parse_address
from ingestd.errors import ConfigError

_DIAL, _LISTEN = "tcp://", "listen:"
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://")
STANDARD_INPUT = Path("/dev/stdin")
ALLOWED = "FILE, - (standard input), tcp://HOST:PORT (to dial the encoder) or listen:PORT (to be dialled)"


@dataclass(frozen=True, slots=True)
class Listen:
    """Any address of this machine."""

    port: int  # 0: whichever is free

    def __str__(self) -> str:
        return f"{_LISTEN}{self.port}"


@dataclass(frozen=True, slots=True)
class Fifo:
    """What an encoder writes to; nobody may, and it has no end while somebody does."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


Target = Path | Fifo | Address | Listen


def parse_target(text: str) -> Target:
    """Read what the command line names. Raises ConfigError for what is none of these."""
    if text.startswith(_LISTEN):
        port = text.removeprefix(_LISTEN)
        if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
            raise ConfigError(f"{text}: {port!r} is not a port; allowed: 0 (any free one) to 65535")
        return Listen(int(port))
    if text.startswith(_DIAL):
        try:
            return parse_address(text)
        except ValueError as error:
            raise ConfigError(str(error)) from None
    if scheme := _SCHEME.match(text):
        raise ConfigError(f"{text}: {scheme[0]} cannot be probed; allowed: {ALLOWED}")
    path = STANDARD_INPUT if text == "-" else Path(text)
    if not path.exists():
        raise ConfigError(f"{text}: there is no such file; allowed: {ALLOWED}")
    # Standard input ends with the command that was started to write to it.
    return Fifo(path) if path.is_fifo() and path != STANDARD_INPUT else path
