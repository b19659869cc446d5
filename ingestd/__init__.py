"""Publishes already encoded video from any encoder into a LiveKit room, untouched.

Applications that have access units already push them with `Publication`: docs/api.md.
"""

from typing import TYPE_CHECKING

from ingestd.delivery.books import Drop
from ingestd.errors import ConfigError, IngestdError, StreamError
from ingestd.media.access_unit import Codec
from ingestd.observe.figures import StreamFigures

if TYPE_CHECKING:
    from ingestd.api import AccessUnit, Publication

__all__ = [
    "AccessUnit",
    "Codec",
    "ConfigError",
    "Drop",
    "IngestdError",
    "Publication",
    "StreamError",
    "StreamFigures",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    # These need the SDK, which takes a second to import; the command line mostly does without.
    if name not in ("AccessUnit", "Publication"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ingestd import api

    return getattr(api, name)
