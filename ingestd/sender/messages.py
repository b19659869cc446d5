"""Lines of ingestd's back-channel, as they come from the socket: JSON objects.

Lines that are none, types and fields that are not known here are left out: the format may grow.
"""

import json
from collections.abc import Iterator
from typing import Any

# Longer than any message. What is longer comes from something that is not ingestd.
MAX_LINE_BYTES = 16 * 1024


class Lines:
    """Cuts received bytes into messages; holds `MAX_LINE_BYTES` at most."""

    def __init__(self) -> None:
        self._begun = b""
        self._too_long = False

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """Yield the messages that ``data`` completes."""
        *whole, begun = (self._begun + data).split(b"\n")
        for line in whole:
            if self._too_long:
                self._too_long = False
            elif (message := _parsed(line)) is not None:
                yield message
        if len(begun) > MAX_LINE_BYTES:
            self._too_long = True
        self._begun = b"" if self._too_long else begun


def bitrate_bps(message: dict[str, Any]) -> int | None:
    """Return what a rate message asks for, in bit/s; None: nothing that makes sense."""
    value = message.get("bitrate_bps")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e12:
        return None
    return round(value)


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None
