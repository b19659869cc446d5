"""Durations, bitrates and sizes as people write them: ``500ms``, ``8Mbps``, ``4MiB``, or a plain number."""

import re
from collections.abc import Mapping
from decimal import Decimal

from ingestd.redact import shown

# Fifteen digits are more than any limit of ours and few enough to stay exact in a float.
_QUANTITY = re.compile(r"(\d{1,15}(?:\.\d{1,9})?|\.\d{1,9})\s*([A-Za-z/]*)", re.ASCII)

_SECONDS = {
    "us": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "m": Decimal(60),
    "min": Decimal(60),
    "h": Decimal(3600),
}
# Both cases of the prefix are taken, as no bitrate is in millibits; MBps, which may mean bytes, is refused.
_BITS_PER_SECOND = {
    "bps": Decimal(1),
    "kbps": Decimal(10**3),
    "Kbps": Decimal(10**3),
    "mbps": Decimal(10**6),
    "Mbps": Decimal(10**6),
    "gbps": Decimal(10**9),
    "Gbps": Decimal(10**9),
    "bit/s": Decimal(1),
    "kbit/s": Decimal(10**3),
    "Mbit/s": Decimal(10**6),
    "Gbit/s": Decimal(10**9),
}

_BYTES = {
    "B": Decimal(1),
    "kB": Decimal(10**3),
    "KB": Decimal(10**3),
    "MB": Decimal(10**6),
    "GB": Decimal(10**9),
    "KiB": Decimal(2**10),
    "MiB": Decimal(2**20),
    "GiB": Decimal(2**30),
}


def parse_duration(value: object) -> float:
    """Seconds, 0 or more, from ``500ms``, ``10s``, ``2m``, ``1h`` or a plain number of seconds."""
    return float(_parse(value, _SECONDS, "a duration; write 500ms, 10s, 2m, 1h or a number of seconds"))


def parse_bitrate(value: object) -> int:
    """Bits per second, 0 or more, from ``800kbps``, ``8Mbps`` or a plain number of bit/s."""
    return round(
        _parse(value, _BITS_PER_SECOND, "a bitrate; write 800kbps, 8Mbps, 1Gbps or a number of bit/s")
    )


def parse_size(value: object) -> int:
    """Bytes, 0 or more, from ``4MiB``, ``500kB`` or a plain number of bytes."""
    return round(_parse(value, _BYTES, "a size; write 512KiB, 4MiB, 1GiB or a number of bytes"))


def format_size(size_bytes: int) -> str:
    """The shortest way to write a size that `parse_size` reads back."""
    return _format(Decimal(size_bytes), {u: _BYTES[u] for u in ("GiB", "MiB", "KiB", "B")})


def format_duration(seconds: float) -> str:
    """The shortest way to write ``seconds`` that `parse_duration` reads back, exact to a microsecond."""
    return _format(Decimal(round(seconds * 1e6)).scaleb(-6), {u: _SECONDS[u] for u in ("h", "m", "s", "ms")})


def format_bitrate(bits_per_second: float) -> str:
    """The shortest way to write a bitrate that `parse_bitrate` reads back, exact to a bit/s."""
    return _format(
        Decimal(round(bits_per_second)), {u: _BITS_PER_SECOND[u] for u in ("Gbps", "Mbps", "kbps", "bps")}
    )


def _parse(value: object, units: Mapping[str, Decimal], wanted: str) -> Decimal:
    # YAML reads `yes` as true, and Python counts true as 1: never a quantity.
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise ValueError(f"{shown(value)} is not {wanted}")
    text = value.strip() if isinstance(value, str) else format(Decimal(str(value)), "f")
    match = _QUANTITY.fullmatch(text)
    unit = match[2] if match else ""
    if match is None or (unit and unit not in units):
        raise ValueError(f"{shown(value)} is not {wanted}")
    return Decimal(match[1]) * (units[unit] if unit else 1)


def _format(value: Decimal, units: Mapping[str, Decimal]) -> str:
    """In the largest of ``units`` (falling) that leaves at most one decimal, else in the smallest."""
    for unit, factor in units.items():
        scaled = value / factor
        if scaled >= 1 and scaled == scaled.quantize(Decimal("0.1")):
            return f"{scaled.normalize():f}{unit}"
    unit, factor = list(units.items())[-1]
    return f"{(value / factor).normalize():f}{unit}"
