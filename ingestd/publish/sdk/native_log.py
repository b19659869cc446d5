"""The log of the SDK's native part: wanted by those who look into it, and costly for all others."""

import os

from livekit import rtc
from livekit.rtc._ffi_client import FfiClient, ffi_event_callback

# What its native part writes to stderr by itself, in a form of its own, when nothing is forwarded.
os.environ.setdefault("RUST_LOG", "off")


def forward(wanted: bool) -> None:
    """Have the native part's lines in Python's logger "livekit", or nowhere. May be said again at any time.

    The SDK forwards each of them, WebRTC's two for every picture too, and leaves it to Python to throw them
    away: measured with 16 streams, that takes as much of a core as publishing does. What matters of them
    the SDK also raises, or says with an event of the room.
    """
    FfiClient.instance._ffi_lib.livekit_ffi_initialize(
        ffi_event_callback, wanted, b"python", rtc.__version__.encode()
    )
