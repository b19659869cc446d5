"""Ways to write the value of each configuration key, as JSON schema, and how a value is shown as written.

What is allowed is decided in `ingestd.config.schema`; a test holds the two together.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from ingestd.config.values import HookEvent
from ingestd.delivery.replays import Replay
from ingestd.media.access_unit import Codec, Format
from ingestd.redact import HIDDEN, without_credentials
from ingestd.units import (
    format_bitrate,
    format_duration,
    format_size,
    parse_bitrate,
    parse_duration,
    parse_size,
)

Schema = dict[str, Any]

_PORT = r"(0*([0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))"
_HOST_AND_PORT = rf"(\[[0-9A-Za-z:.%_-]+\]|[A-Za-z0-9._-]+):{_PORT}"
_NETWORK = r"([0-9.]+|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)(%[\w-]+)?(/[0-9]{1,3})?"
_QUANTITY = r"^\s*([0-9]{1,15}(\.[0-9]{1,9})?|\.[0-9]{1,9})\s*"


@dataclass(frozen=True, slots=True)
class Kind:
    """The ways to write a value, beside null, and how a value of the models is written; None: it is not."""

    ways: list[Schema]
    write: Callable[[Any], object] = lambda value: value


def _string(pattern: str = "", **limits: int) -> Schema:
    return {"type": "string", **({"pattern": pattern} if pattern else {}), **limits}


def _listed(one: str) -> str:
    """The pattern of some of ``one`` with commas between them."""
    return rf"^\s*({one})\s*(,\s*({one})\s*)*$"


def _or(word: str, kind: Kind) -> Kind:
    """``word`` is the default, None in the models, and may be written in place of a value of ``kind``."""
    return Kind([{"const": word}, *kind.ways], lambda value: word if value is None else kind.write(value))


def _number(least: float, most: float, *, whole: bool = False) -> Kind:
    digits = r"^\s*[+-]?[0-9]+\s*$" if whole else r"^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$"
    number = {"type": "integer" if whole else "number", "minimum": least, "maximum": most}
    return Kind([number, _string(digits)])


def _quantity(
    parse: Callable[[str], float], units: str, write: Callable[[Any], object], least: str, most: str
) -> Kind:
    number = {"type": "number", "minimum": parse(least), "maximum": parse(most)}
    return Kind([_string(f"{_QUANTITY}({units})?$"), number], write)


def _duration(least: str, most: str) -> Kind:
    return _quantity(parse_duration, "us|ms|s|m|min|h", format_duration, least, most)


def _bitrate(least: str, most: str) -> Kind:
    units = "bps|[kKmMgG]bps|[kMG]?bit/s"
    return _quantity(parse_bitrate, units, format_bitrate, least, most)


def _size(least: str, most: str) -> Kind:
    return _quantity(parse_size, "B|[kKMG]B|[KMG]iB", format_size, least, most)


def _enum(*words: str) -> Kind:
    return Kind([{"enum": list(words)}])


def _url(*schemes: str) -> Kind:
    ways = [_string(f"^({'|'.join(schemes)})://[^ ]+$", maxLength=256)]
    return Kind(ways, _if_set(without_credentials))


def _if_set(write: Callable[[Any], object]) -> Callable[[Any], object]:
    return lambda value: None if value is None else write(value)


def _hidden(secret: SecretStr | tuple[SecretStr, ...] | None) -> object:
    return HIDDEN if secret else None


_TEXT = Kind([_string(r"^[^\u0000-\u001f\u007f]+$", maxLength=256)])
_SECRET = Kind([_string(minLength=1)], _hidden)
_ADDRESS = Kind([_string(rf"^((tcp|tls)://{_HOST_AND_PORT}|unix:///.+)$")], _if_set(str))
# YAML 1.1, which the file is read as, has more words for true and false than an editor may know.
_BOOLEAN = Kind([{"type": "boolean"}, _string("^([Tt]rue|[Ff]alse|[Yy]es|[Nn]o|[Oo]n|[Oo]ff)$")])
_BITRATE = _bitrate("10kbps", "1Gbps")
_FRAMERATE = _or("auto", _number(1, 240))
_TOKEN = _string("^[!-~]{1,256}$")

KINDS: Mapping[str, Kind] = {
    "livekit.url": _url("wss?", "https?"),
    "livekit.api_key": Kind(_TEXT.ways, lambda key: key or None),
    "livekit.api_secret": _SECRET,
    "livekit.api_secret_file": _TEXT,
    "livekit.token": _SECRET,
    "livekit.token_file": _TEXT,
    "livekit.h265": Kind([{"enum": ["auto", "native", "off"]}, {"const": False}]),
    "livekit.signal_relay": _BOOLEAN,
    "http.listen": Kind(
        [_string(rf"^(http://)?{_HOST_AND_PORT}/?$")], lambda value: str(value).removeprefix("http://")
    ),
    "http.preview": _BOOLEAN,
    "log.level": _enum("debug", "info", "warning", "error"),
    "log.format": _enum("auto", "console", "json"),
    "limits.max_connections": _or("auto", _number(2, 1_000_000, whole=True)),
    "hooks.url": _url("https?"),
    "hooks.secret": _SECRET,
    "hooks.secret_file": _TEXT,
    "hooks.events": Kind(
        [
            {"type": "array", "items": {"enum": list(HookEvent)}, "minItems": 1},
            _string(_listed("|".join(HookEvent))),
        ],
        list,
    ),
    "streams[].name": Kind([_string("^[a-z0-9][a-z0-9._-]*$", maxLength=256)]),
    "streams[].room": _TEXT,
    "streams[].identity": _TEXT,
    "streams[].track": _TEXT,
    "streams[].join": _enum("always", "with-encoder"),
    "streams[].track_source": _enum("camera", "screen_share"),
    "streams[].participant.name": _TEXT,
    "streams[].participant.metadata": Kind([_string(maxLength=64_000)]),
    "streams[].participant.attributes": Kind(
        [
            {
                "type": "object",
                "propertyNames": {"minLength": 1},
                "additionalProperties": _string(maxLength=64_000),
            },
            _string(r"^[^=,]*=[^,]*(,[^=,]*=[^,]*)*$|^\s*$"),
        ],
        dict,
    ),
    "streams[].source.listen": _ADDRESS,
    "streams[].source.connect": _ADDRESS,
    "streams[].source.allow": Kind(
        [{"type": "array", "items": _string(f"^{_NETWORK}$"), "minItems": 1}, _string(_listed(_NETWORK))],
        lambda networks: [str(network) for network in networks],
    ),
    **{f"streams[].source.tls.{key}": _TEXT for key in ("cert", "key", "client_ca", "ca", "server_name")},
    "streams[].source.token": Kind([_TOKEN, {"type": "array", "items": _TOKEN, "minItems": 1}], _hidden),
    "streams[].source.token_file": _TEXT,
    "streams[].source.proxy_protocol": _BOOLEAN,
    "streams[].source.max_connections": _number(2, 10_000, whole=True),
    "streams[].source.max_connection_rate": _or("auto", _number(1, 10_000, whole=True)),
    "streams[].source.socket_mode": Kind(
        [_string("^0?[0-7]{3}$"), {"type": "integer", "minimum": 1, "maximum": 0o777}],
        lambda mode: f"{mode:04o}",
    ),
    "streams[].source.socket_group": _TEXT,
    "streams[].source.second_encoder": _enum("reject", "replace"),
    "streams[].source.idle_timeout": Kind(
        [{"const": "auto"}, {"const": 0}, *_duration("100ms", "24h").ways],
        lambda value: value if value == "auto" else 0 if value is None else format_duration(value),
    ),
    "streams[].source.reconnect_for_keyframe": _BOOLEAN,
    "streams[].codec": _or("auto", _enum(*Codec)),
    "streams[].format": _or("auto", _enum(*Format)),
    "streams[].max_bitrate": _or("auto", _BITRATE),
    "streams[].max_framerate": _FRAMERATE,
    "streams[].live": _or("auto", _BOOLEAN),
    "streams[].framerate": _FRAMERATE,
    "streams[].max_backlog": _duration("20ms", "30s"),
    "streams[].max_picture": _size("64KiB", "8MiB"),
    "streams[].max_gop": _size("1MiB", "1GiB"),
    "streams[].replay": _enum(*Replay),
    "streams[].b_frames": _enum("auto", "warn", "reject"),
    "streams[].frame_metadata": _or("auto", _BOOLEAN),
    "streams[].feedback.inline": _BOOLEAN,
    "streams[].feedback.webhook": Kind(
        [*_url("https?").ways, _string("^(null)?$")], _if_set(without_credentials)
    ),
    "streams[].feedback.webhook_secret_file": Kind([_string(maxLength=256)], _if_set(lambda file: file.name)),
    "streams[].feedback.min_bitrate": _BITRATE,
}


def yaml_text(value: object) -> str:
    """Return what a `Kind` has written as it stands in a file."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return f"[{', '.join(map(yaml_text, value))}]"
    # Without quotes it would be a number.
    return f'"{value}"' if isinstance(value, str) and value.isdigit() else str(value)
