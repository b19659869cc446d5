"""Publishes already encoded video from any encoder into a LiveKit room, untouched.

Applications that have access units already push them with `Publication`: docs/api.md.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ingestd.errors import ConfigError, IngestdError, StreamError

if TYPE_CHECKING:
    from ingestd.api import AccessUnit, Publication, offer_h265
    from ingestd.delivery.accounting import Drop
    from ingestd.media.access_unit import Codec
    from ingestd.observe.figures import StreamFigures

__all__ = [
    "AccessUnit",
    "Codec",
    "ConfigError",
    "Drop",
    "IngestdError",
    "Publication",
    "StreamError",
    "StreamFigures",
    "offer_h265",
]
__version__ = "0.1.0"

# Imported when asked for: the SDK takes a second, and the command line must first take SIGTERM over.
_HOMES = {
    "AccessUnit": "ingestd.api",
    "Codec": "ingestd.media.access_unit",
    "Drop": "ingestd.delivery.accounting",
    "Publication": "ingestd.api",
    "StreamFigures": "ingestd.observe.figures",
    "offer_h265": "ingestd.api",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
