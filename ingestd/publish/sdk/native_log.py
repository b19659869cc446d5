"""The log of the SDK's native part: useful to those who debug it, and costly for all others."""

import os

from livekit import rtc
from livekit.rtc._ffi_client import FfiClient, ffi_event_callback


def forward(wanted: bool) -> None:
    """Send the native part's lines to Python's logger "livekit", or nowhere; may be called at any time.

    The SDK forwards each of them, WebRTC's two for every picture too, and leaves it to Python to drop them:
    with 16 streams that was measured to take as much of a core as publishing does. What matters of them the
    SDK also raises, or tells by an event of the room. Call this before anything else of the SDK: what is not
    forwarded the native part writes to stderr by itself, unless the environment says RUST_LOG=off first.
    """
    os.environ.setdefault("RUST_LOG", "off")
    FfiClient.instance._ffi_lib.livekit_ffi_initialize(
        ffi_event_callback, wanted, b"python", rtc.__version__.encode()
    )
