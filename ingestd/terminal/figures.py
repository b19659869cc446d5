"""Figures of a running daemon, asked for over HTTP: ``GET /api/streams``."""

import base64
import http.client
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import Future, wait
from typing import Any
from urllib.parse import urlsplit

from ingestd.errors import ConfigError, IngestdError
from ingestd.redact import without_credentials

# What each stream has, as /api/streams names it.
Figures = Mapping[str, Any]

# The daemon answers in milliseconds; one that is stopped, or behind a dead link, never.
TIMEOUT_S = 3.0
# Of a whole answer: the time above begins anew with each byte, and is not that of looking up a name.
ANSWER_TIMEOUT_S = 5.0
# A thousand streams, each with a page of problems, have less.
_MAX_ANSWER_BYTES = 32 << 20
_MAX_INTEGER_DIGITS = 20  # of a count; what has hundreds is no float
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
        self._answer: Future[bytes] | None = None  # what was asked for last

    def look(self) -> list[Figures]:
        """Return the figures of every stream, the worst first. Raises DaemonError, after seconds at most."""
        try:
            body = self._ask()
        except urllib.error.HTTPError as error:
            raise DaemonError(f"{self.place} answers {error.code} {error.reason}; {_CURE}") from None
        except (OSError, http.client.HTTPException) as error:
            why = error.reason if isinstance(error, urllib.error.URLError) else error
            said = getattr(why, "strerror", None) or str(why) or type(why).__name__
            raise DaemonError(f"no ingestd answers at {self.place}: {said}; {_CURE}") from None
        try:
            streams = json.loads(body, parse_int=_integer)
            for stream in streams:
                _check_types(stream)
            return sorted(streams, key=lambda stream: (_rank(stream["state"]), str(stream["name"])))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise DaemonError(f"what answers at {self.place} is not ingestd; {_CURE}") from None

    def _ask(self) -> bytes:
        """Return the answer; one that is still coming from the last time is waited for once more.

        A thread takes it, as nothing else bounds all of the time: it is left behind when that is over.
        """
        if self._answer is None or self._answer.done():
            self._answer = Future()
            threading.Thread(target=self._receive, args=(self._answer,), daemon=True).start()
        if wait([self._answer], ANSWER_TIMEOUT_S).not_done:
            raise TimeoutError(f"not all of an answer came in {ANSWER_TIMEOUT_S:g} s")
        return self._answer.result()

    def _receive(self, to: Future[bytes]) -> None:
        try:
            with self._opener.open(self._request, timeout=TIMEOUT_S) as answer:
                to.set_result(answer.read(_MAX_ANSWER_BYTES))
        except Exception as error:
            to.set_exception(error)


def _integer(text: str) -> int:
    if len(text) > _MAX_INTEGER_DIGITS:
        raise ValueError(f"{len(text)} digits")
    return int(text)


def _check_types(stream: Figures) -> None:
    """Raise TypeError or AttributeError where what is added up or gone through cannot be."""
    sum((stream.get("frames_dropped") or {}).values(), stream.get("frames_lost") or 0)
    (stream.get("frame_delay") or {}).keys()
    if not isinstance(stream.get("problems") or [], list):
        raise TypeError("problems")


def _rank(state: object) -> int:
    return STATES.index(state) if isinstance(state, str) and state in STATES else -1
