"""GStreamer sender: pushes any pipeline's pictures to ingestd and obeys what it is told (`ingestd-gst`).

    process      the command as a process: signals, exit code
    cli          its arguments
    bindings     GStreamer's Python bindings, here or in the system's Python
    test_picture a test picture, or a camera, as a fragment of a pipeline
    encoders     what is known of each encoder element: bitrate property, unit, settings for live pictures
    fragment     a fragment of a pipeline as text: the encoders in it, the same for a shell
    pipeline     a fragment becomes a pipeline, with a queue before its encoder
    encoder_element  that encoder: set for live pictures, told of keyframes and bitrates
    sender       Sender: connects, again and again, and passes pictures on and messages back
    connection   addresses, TLS, sockets that hold little
    messages     lines of the back-channel
    ivf          headers of IVF

It knows nothing of the daemon, and needs nothing but the standard library and PyGObject, so that it runs in
the system's Python, where distributions install the bindings.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingestd.sender.connection import Tls
    from ingestd.sender.sender import Sender

__all__ = ["Sender", "Tls"]
# Imported when asked for: the command must first take SIGTERM over.
_HOMES = {"Sender": "ingestd.sender.sender", "Tls": "ingestd.sender.connection"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
