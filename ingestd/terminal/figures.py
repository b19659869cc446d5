"""Figures of a running daemon, asked for over HTTP: ``GET /api/streams``."""

import base64
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ingestd.errors import ConfigError, IngestdError
from ingestd.redact import without_credentials

# What each stream has, as /api/streams names it.
Figures = Mapping[str, Any]

# The daemon answers in milliseconds; one that is stopped, or behind a dead link, never.
TIMEOUT_S = 3.0
# A thousand streams, each with a page of problems, have less.
_MAX_ANSWER_BYTES = 32 << 20
# What comes first needs a person first; a state that we do not know yet is none of ours to judge.
STATES = ("failed", "frozen", "degraded", "starting", "waiting", "live")
_CURE = "is it running there? Its http.listen says where it answers, and --url names another place"


class DaemonError(IngestdError):
    """A daemon that does not answer, or something that is none."""


class Daemon:
    """Where to ask. ``url``: ``http://HOST:PORT``, with user and password where a proxy asks who is there.

    Raises ConfigError for what is no such URL.
    """

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            valid = None
        if not valid or not url.isprintable() or " " in url:
            raise ConfigError(
                f"--url {without_credentials(url)!r} is not usable; allowed: http://HOST:PORT, as "
                "http.listen of the daemon says, e.g. http://127.0.0.1:9464"
            )
        place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
        self.place = place  # without user and password
        self._request = urllib.request.Request(f"{place}/api/streams")  # noqa: S310 - http(s), as seen above
        if parts.username is not None:
            user = f"{parts.username}:{parts.password or ''}"
            self._request.add_header("Authorization", "Basic " + base64.b64encode(user.encode()).decode())
        # Not through a proxy that the environment names: it stands between this machine and the Internet.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def look(self) -> list[Figures]:
        """Return the figures of every stream, the worst first. Raises DaemonError, after seconds at most."""
        try:
            with self._opener.open(self._request, timeout=TIMEOUT_S) as answer:
                body = answer.read(_MAX_ANSWER_BYTES)
        except urllib.error.HTTPError as error:
            raise DaemonError(f"{self.place} answers {error.code} {error.reason}; {_CURE}") from None
        except (OSError, http.client.HTTPException) as error:
            why = error.reason if isinstance(error, urllib.error.URLError) else error
            said = getattr(why, "strerror", None) or str(why) or type(why).__name__
            raise DaemonError(f"no ingestd answers at {self.place}: {said}; {_CURE}") from None
        try:
            streams = json.loads(body)
            return sorted(streams, key=lambda stream: (_rank(stream["state"]), str(stream["name"])))
        except (ValueError, TypeError, KeyError, RecursionError):
            raise DaemonError(f"what answers at {self.place} is not ingestd; {_CURE}") from None


def _rank(state: object) -> int:
    return STATES.index(state) if isinstance(state, str) and state in STATES else -1
