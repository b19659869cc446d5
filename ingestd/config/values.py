"""Types of configuration values: names, secrets, URLs, addresses, choices; each reads what people write.

What cannot be read raises ValueError, which says what was seen and what is allowed.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal
from unicodedata import category
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SecretStr

from ingestd.config import ingest_tokens
from ingestd.config.address import Address, Network, parse_address, parse_http_address, parse_networks
from ingestd.delivery.replays import Replay
from ingestd.media.access_unit import Codec, Format
from ingestd.redact import shown, without_credentials

# The server's own default limits for names of rooms and participants (`limit:` in its configuration).
_MAX_NAME_BYTES = 256
# Beside control characters and ends of lines: what has a line read in another order (Unicode UAX 9). Joiners,
# as in Persian words and emoji of several people, and characters younger than this Python are names' own.
_NOT_IN_NAMES = ("Cc", "Cs", "Zl", "Zp")
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Of other texts, as paths.
_MAX_TEXT_LETTERS = 256
# The same, for what is said of a participant.
_MAX_PARTICIPANT_BYTES = 64_000


class HookEvent(StrEnum):
    """What a hook may be told of."""

    UP = "up"  # the first picture of an encoder is published, or pictures move again
    DOWN = "down"  # the encoder, the room or the track is gone
    STALLED = "stalled"  # its pictures come, and viewers see none of them


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is not text; put it in quotes")
    if not value or len(value) > _MAX_TEXT_LETTERS or not value.isprintable():
        raise ValueError(
            f"{shown(value)} is not usable; allowed: 1 to {_MAX_TEXT_LETTERS} printable characters"
        )
    return value


def _name(value: object) -> str:
    """The name of a room, a participant or a track: what servers take, but for what misleads who reads it."""
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is not text; put it in quotes")
    if any(category(letter) in _NOT_IN_NAMES or letter in _REORDERING for letter in value):
        raise ValueError(
            f"{shown(value)} is not usable; allowed: any characters but control characters, ends of lines, "
            "and those that turn the order of letters round"
        )
    size_bytes = len(value.encode())
    if not 0 < size_bytes <= _MAX_NAME_BYTES:
        raise ValueError(
            f"{shown(value)} is not usable: it has {size_bytes} bytes; allowed: 1 to {_MAX_NAME_BYTES}"
        )
    return value


def usable_secret(value: object) -> str:
    """``value``, if it can be one; raises ValueError."""
    # No error shows the secret.
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if not isinstance(value, str):
        raise ValueError("is not text; put it in quotes")
    if not value or not value.isprintable() or value != value.strip():
        raise ValueError(
            "is empty, or has spaces around it or control characters in it; allowed: one line of text"
        )
    return value


def _optional_name(value: object) -> str | None:
    return None if value is None else _name(value)


def _optional_secret(value: object) -> str | None:
    return None if value is None else usable_secret(value)


def _metadata(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is not text; put it in quotes")
    _at_most_what_servers_take(len(value.encode()))
    return value


def _attributes(value: object) -> tuple[tuple[str, str], ...]:
    if isinstance(value, tuple):  # read before, as a default is
        return value
    if isinstance(value, str):  # a variable
        pairs = [pair.partition("=") for pair in value.split(",") if pair.strip()]
        if not all(equals for _, equals, _ in pairs):
            raise ValueError(f"{shown(value)} is not usable; allowed: KEY=VALUE,KEY=VALUE")
        value = {key.strip(): text.strip() for key, _, text in pairs}
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ValueError("a mapping of keys to texts is needed; put numbers, true and false in quotes")
    if not all(isinstance(key, str) and key for key in value):
        raise ValueError("a key of it is empty or no text; put it in quotes")
    _at_most_what_servers_take(sum(len(key.encode()) + len(text.encode()) for key, text in value.items()))
    return tuple(sorted(value.items()))


def _at_most_what_servers_take(size_bytes: int) -> None:
    if size_bytes > _MAX_PARTICIPANT_BYTES:
        raise ValueError(f"has {size_bytes:,} bytes; allowed: {_MAX_PARTICIPANT_BYTES:,}, as servers take")


def _stream_name(value: object) -> str:
    text = _text(value)
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789")
    if text[0] not in allowed or not set(text) <= allowed | set("._-"):
        raise ValueError(
            f"{text!r} is not a stream name; allowed: a-z, 0-9, '.', '_' and '-', the first one of a-z, 0-9"
        )
    return text


def _tokens(value: object) -> tuple[SecretStr, ...]:
    if value is None or value == ():
        return ()
    found = value if isinstance(value, list | tuple) else [value]
    if not found:
        raise ValueError("is an empty list; allowed: a token, or a list of them")
    plain = [token.get_secret_value() if isinstance(token, SecretStr) else token for token in found]
    return tuple(SecretStr(ingest_tokens.usable(token)) for token in plain)


def _codec(value: object) -> Codec | None:
    return None if value == "auto" else Codec(_choice(value, ["auto", *Codec]))


def _format(value: object) -> Format | None:
    return None if value == "auto" else Format(_choice(value, ["auto", *Format]))


def _replay(value: object) -> Replay:
    return Replay(_choice(value, list(Replay)))


def _h265(value: object) -> str:
    return "off" if value is False else _choice(value, ["auto", "native", "off"])  # YAML reads off as False


def _auto_true_or_false(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    words = {"auto": None, "true": True, "false": False}  # the environment has no other way to say true
    return words[_choice(value, list(words))]


def _live(value: object) -> bool | None:
    return None if value is None else _auto_true_or_false(value)  # None: read before, as a default is


def _socket_mode(value: object) -> int:
    # YAML reads 0660 as an octal number, and 660 as a decimal one, which is not meant.
    if isinstance(value, str) and re.fullmatch(r"0?[0-7]{3}", value):
        return int(value, 8)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 0o777:
        return value
    raise ValueError(
        f'{shown(value)} is not the mode of a file; write "0660" (in quotes), or another up to "0777"'
    )


def _choice(value: object, allowed: list[str]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{shown(value)} is not known; allowed: {', '.join(allowed)}")
    return value


def _url(value: object, schemes: tuple[str, ...]) -> str:
    text = _text(value)
    try:
        parts = urlsplit(text)
        valid = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or " " in text:
        shown = without_credentials(text)
        raise ValueError(f"{shown!r} is not usable; allowed: {' or '.join(f'{s}://HOST' for s in schemes)}")
    return text


def _server_url(value: object) -> str:
    # The SDKs take http(s) as well and mean the same server.
    url = _url(value, ("ws", "wss", "http", "https"))
    return "ws" + url.removeprefix("http") if url.startswith("http") else url


def _http_url(value: object) -> str:
    return _url(value, ("http", "https"))


def _optional_http_url(value: object) -> str | None:
    return None if value in (None, "", "null") else _http_url(value)


def _hook_events(value: object) -> tuple[HookEvent, ...]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(f"{shown(value)} is not a list of events; write [{', '.join(HookEvent)}]")
    chosen = {_choice(item, list(HookEvent)) for item in value}
    return tuple(event for event in HookEvent if event in chosen)


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A file, as the configuration names it, and the secret that `load` has read from it."""

    name: str
    secret: SecretStr


def _secret_file(value: object) -> SecretFile | None:
    if isinstance(value, SecretFile):
        return value
    if value in (None, "", "null"):
        return None
    raise ValueError(f"{shown(value)} is no path of a file; put it in quotes")


def _listen(value: object) -> Address:
    return value if isinstance(value, Address) else parse_address(value)


def _connect(value: object) -> Address:
    address = _listen(value)
    if address.scheme != "unix" and address.port == 0:
        raise ValueError(f"{shown(value)}: port 0 cannot be dialled; allowed: 1 to 65535")
    return address


def _http_listen(value: object) -> Address:
    return value if isinstance(value, Address) else parse_http_address(value)


Text = Annotated[str, BeforeValidator(_text)]
Name = Annotated[str, BeforeValidator(_name)]
OptionalName = Annotated[str | None, BeforeValidator(_optional_name)]
StreamName = Annotated[str, BeforeValidator(_stream_name)]
Metadata = Annotated[str | None, BeforeValidator(_metadata)]
Attributes = Annotated[tuple[tuple[str, str], ...], BeforeValidator(_attributes)]  # sorted by key

Secret = Annotated[SecretStr, BeforeValidator(usable_secret)]
OptionalSecret = Annotated[SecretStr | None, BeforeValidator(_optional_secret)]
OptionalSecretFile = Annotated[SecretFile | None, BeforeValidator(_secret_file)]
Tokens = Annotated[tuple[SecretStr, ...], BeforeValidator(_tokens)]

ServerUrl = Annotated[str, BeforeValidator(_server_url)]  # ws:// or wss://
HttpUrl = Annotated[str, BeforeValidator(_http_url)]  # http:// or https://
OptionalHttpUrl = Annotated[str | None, BeforeValidator(_optional_http_url)]
ListenAddress = Annotated[Address | None, BeforeValidator(_listen)]
ConnectAddress = Annotated[Address | None, BeforeValidator(_connect)]
HttpAddress = Annotated[Address, BeforeValidator(_http_listen)]
Networks = Annotated[tuple[Network, ...], BeforeValidator(parse_networks)]
SocketMode = Annotated[int, BeforeValidator(_socket_mode)]

CodecChoice = Annotated[Codec | None, BeforeValidator(_codec)]  # None: auto
FormatChoice = Annotated[Format | None, BeforeValidator(_format)]  # None: auto
ReplayPolicy = Annotated[Replay, BeforeValidator(_replay)]
Live = Annotated[bool | None, BeforeValidator(_live)]  # None: auto
FrameMetadata = Annotated[bool | None, BeforeValidator(_auto_true_or_false)]  # None: auto
H265 = Annotated[Literal["auto", "native", "off"], BeforeValidator(_h265)]
HookEvents = Annotated[tuple[HookEvent, ...], BeforeValidator(_hook_events)]
