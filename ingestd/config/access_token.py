"""Access token (JWT, RFC 7519) that is given in place of an API key and secret: its grants, its expiry."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt

from ingestd.config import small_files
from ingestd.errors import FILE_CURE

_MAX_FILE_BYTES = 1 << 20  # a token with all that servers take of metadata has a fifth of it
# An hour is time to make a new one, and less than most are valid for.
EXPIRES_SOON_S = 3600.0
_LATEST = datetime.max.replace(tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a token says. Its signature only the server can check. Times are seconds since 1970."""

    text: str = field(repr=False)
    room: str
    identity: str
    expires_at: float | None  # None: never
    valid_from: float | None  # None: always
    grants: Mapping[str, Any]  # by the names of LiveKit's claim "video"

    @classmethod
    def parse(cls, text: str) -> "AccessToken":
        """Read ``text``. Raises ValueError where it is no token; what it says does not show the token."""
        try:
            claims = jwt.decode(text, options={"verify_signature": False})
        except jwt.InvalidTokenError:
            raise ValueError(
                "is no access token: three parts of base64url with dots between, as `lk token create "
                "--token-only --join --room ROOM --identity IDENTITY` prints it"
            ) from None
        video = claims.get("video")
        grants = video if isinstance(video, dict) else {}
        return cls(
            text,
            str(grants.get("room") or ""),
            str(claims.get("sub") or ""),
            _time(claims.get("exp")),
            _time(claims.get("nbf")),
            grants,
        )

    def lacks(self, sources: Collection[str]) -> list[str]:
        """What keeps it from publishing tracks of ``sources`` (camera, screen_share), in words."""
        allowed = self.grants.get("canPublishSources") or sources
        missing = sorted(source for source in sources if source not in allowed)
        return [
            *(
                ["it does not let anyone join a room (no roomJoin)"]
                if not self.grants.get("roomJoin")
                else []
            ),
            *(["it names no room"] if not self.room else []),
            *(["it names no identity (sub)"] if not self.identity else []),
            *(["it forbids to publish (canPublish)"] if self.grants.get("canPublish") is False else []),
            *([f"it forbids to publish {' and '.join(missing)} (canPublishSources)"] if missing else []),
            *(
                ["it hides the participant from viewers (hidden)"]
                if self.grants.get("hidden") is True
                else []
            ),
        ]

    def expired(self, now: float) -> bool:
        """Whether no room can be joined with it any more."""
        return self.expires_at is not None and self.expires_at <= now

    def valid(self, now: float) -> bool:
        """Whether a room can be joined with it."""
        return not self.expired(now) and (self.valid_from is None or self.valid_from <= now)

    def expires_soon(self, now: float) -> bool:
        """Whether it expires within `EXPIRES_SOON_S`, or has expired."""
        return self.expires_at is not None and self.expires_at <= now + EXPIRES_SOON_S

    def validity(self, now: float) -> str:
        """From when on and until when it is valid, in words: ``expires at …, in 5 h``."""
        if self.valid_from is not None and self.valid_from > now:
            return f"is not valid before {_in_words(self.valid_from, now)}"
        if self.expires_at is None:
            return "never expires"
        return f"{'expired' if self.expired(now) else 'expires'} at {_in_words(self.expires_at, now)}"


@dataclass(frozen=True, slots=True)
class TokenSource:
    """Where the token is: in the configuration, or in a file that is read again each time."""

    text: str = field(repr=False)
    file: Path | None

    def __str__(self) -> str:
        return f"the token in {self.file}" if self.file is not None else "the token (livekit.token)"

    def read(self) -> AccessToken:
        """Return it as it is now. Raises ValueError, which names the file, where there is none."""
        if self.file is None:
            return AccessToken.parse(self.text)
        try:
            text = small_files.read(self.file, _MAX_FILE_BYTES, "an access token").decode().strip()
        except UnicodeDecodeError:
            raise ValueError(f"'{self.file}' cannot be read: it is not UTF-8 text; {FILE_CURE}") from None
        except ValueError as error:
            raise ValueError(f"'{self.file}' {error}") from None
        try:
            return AccessToken.parse(text)
        except ValueError as error:
            raise ValueError(f"what is in '{self.file}' {error}") from None

    @property
    def cure(self) -> str:
        """What to do where it has expired."""
        if self.file is not None:
            return "write a new one into this file, which is read again each time a room is joined"
        return "write a new one there, and reload (SIGHUP)"


def _time(claim: object) -> float | None:
    """A NumericDate (RFC 7519, 2); None for one that is none, or beyond any calendar."""
    if isinstance(claim, bool) or not isinstance(claim, int | float):
        return None
    return float(claim) if math.isfinite(claim) and 0 <= claim <= _LATEST else None


def _in_words(at: float, now: float) -> str:
    away = _rough(abs(at - now))
    when = f"in {away}" if at > now else f"{away} ago"
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC, {when}"


def _rough(seconds: float) -> str:
    """In the largest unit that leaves two digits of it, or days."""
    for unit_s, name in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit_s:
            return f"{seconds / unit_s:.0f} {name}"
    return f"{seconds:.0f} s"
