"""Quantities of a configuration: bitrates, picture rates, durations, sizes and counts, with their limits.

What cannot be read or is out of range raises ValueError, which says what was seen and what is allowed.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator

from ingestd.media.access_unit import MAX_ACCESS_UNIT_BYTES
from ingestd.redact import shown
from ingestd.units import (
    format_bitrate,
    format_duration,
    format_size,
    parse_bitrate,
    parse_duration,
    parse_size,
)

# Below this not even one small picture a second fits.
_MIN_BITRATE_BPS = 10_000
# More than any link of a WebRTC viewer, and small enough that a slip of the unit is noticed.
_MAX_BITRATE_BPS = 1_000_000_000
# The fastest displays; a higher rate is a mistaken unit.
_MAX_FRAMERATE_FPS = 240.0
# Less than one picture at 60 fps would drop pictures that arrive on time.
_MIN_BACKLOG_S = 0.02
# Nothing later than this is live, and what waits is held in memory.
_MAX_BACKLOG_S = 30.0
# Shorter than the gap between two pictures of a slow stream would cut healthy encoders.
_MIN_IDLE_TIMEOUT_S = 0.1
_MAX_IDLE_TIMEOUT_S = 86_400.0

# A keyframe of 1080p at a low bitrate has more.
_MIN_PICTURE_BYTES = 64 * 1024
# A GOP of 10 s at 1 Mbit/s has more; and 4 GB are what a machine has, not a stream.
_MIN_GOP_BYTES = 1024 * 1024
_MAX_GOP_BYTES = 1024 * 1024 * 1024
# One that comes while one is there is needed for every change of encoders.
_MIN_CONNECTIONS = 2
_MAX_CONNECTIONS = 10_000
_MAX_CONNECTION_RATE = 10_000


def _in_range(value: float, seen: object, least: str, most: str, fits: bool) -> float:
    if not fits:
        raise ValueError(f"{shown(seen)} is out of range; allowed: {least} to {most}")
    return value


def _is_auto(value: object) -> bool:
    return value is None or value == "auto"  # None: read before, as a default is


def _bitrate(value: object) -> int | None:
    if _is_auto(value):
        return None
    rate = parse_bitrate(value)
    fits = _MIN_BITRATE_BPS <= rate <= _MAX_BITRATE_BPS
    _in_range(rate, value, format_bitrate(_MIN_BITRATE_BPS), format_bitrate(_MAX_BITRATE_BPS), fits)
    return rate


def _min_bitrate(value: object) -> int:
    rate = _bitrate(value)
    if rate is None:
        least, most = format_bitrate(_MIN_BITRATE_BPS), format_bitrate(_MAX_BITRATE_BPS)
        raise ValueError(f"{shown(value)} is no bitrate; allowed: {least} to {most}")
    return rate


def _framerate(value: object) -> float | None:
    if _is_auto(value):
        return None
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError
        rate = float(value)
    except ValueError:
        raise ValueError(f"{shown(value)} is not a number of frames per second, e.g. 60, or auto") from None
    return _in_range(rate, value, "1", f"{_MAX_FRAMERATE_FPS:g}", 1 <= rate <= _MAX_FRAMERATE_FPS)


def _backlog(value: object) -> float:
    seconds = parse_duration(value)
    fits = _MIN_BACKLOG_S <= seconds <= _MAX_BACKLOG_S
    return _in_range(seconds, value, format_duration(_MIN_BACKLOG_S), format_duration(_MAX_BACKLOG_S), fits)


def _idle(value: object) -> float | Literal["auto"] | None:
    if value == "auto":
        return "auto"
    seconds = parse_duration(value)
    if seconds == 0:
        return None
    fits = _MIN_IDLE_TIMEOUT_S <= seconds <= _MAX_IDLE_TIMEOUT_S
    least = f"auto, 0 (off), or {format_duration(_MIN_IDLE_TIMEOUT_S)}"
    return _in_range(seconds, value, least, format_duration(_MAX_IDLE_TIMEOUT_S), fits)


def _number(value: object, least: int, most: int, or_auto: str = "") -> int:
    try:
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ValueError
        number = int(value)
    except ValueError:
        raise ValueError(
            f"{shown(value)} is not a whole number; allowed: {or_auto}{least} to {most}"
        ) from None
    return int(_in_range(number, value, f"{or_auto}{least}", str(most), least <= number <= most))


def _connections(value: object) -> int:
    return _number(value, _MIN_CONNECTIONS, _MAX_CONNECTIONS)


def _all_connections(value: object) -> int | None:
    return None if _is_auto(value) else _number(value, _MIN_CONNECTIONS, 1_000_000, "auto, or ")


def _connection_rate(value: object) -> int | None:
    return None if _is_auto(value) else _number(value, 1, _MAX_CONNECTION_RATE, "auto, or ")


def _size(value: object, least: int, most: int) -> int:
    size_bytes = parse_size(value)
    return int(
        _in_range(size_bytes, value, format_size(least), format_size(most), least <= size_bytes <= most)
    )


def _picture_size(value: object) -> int:
    return _size(value, _MIN_PICTURE_BYTES, MAX_ACCESS_UNIT_BYTES)


def _gop_size(value: object) -> int:
    return _size(value, _MIN_GOP_BYTES, _MAX_GOP_BYTES)


Bitrate = Annotated[int | None, BeforeValidator(_bitrate)]  # bit/s; None: auto
MinBitrate = Annotated[int, BeforeValidator(_min_bitrate)]  # bit/s
Framerate = Annotated[float | None, BeforeValidator(_framerate)]  # pictures per second; None: auto
BacklogSeconds = Annotated[float, BeforeValidator(_backlog)]
IdleTimeoutSeconds = Annotated[float | Literal["auto"] | None, BeforeValidator(_idle)]  # None: no limit
PictureBytes = Annotated[int, BeforeValidator(_picture_size)]
GopBytes = Annotated[int, BeforeValidator(_gop_size)]
Connections = Annotated[int, BeforeValidator(_connections)]
AllConnections = Annotated[int | None, BeforeValidator(_all_connections)]  # None: auto
ConnectionsPerSecond = Annotated[int | None, BeforeValidator(_connection_rate)]  # None: auto
