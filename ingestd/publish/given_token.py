"""Access token that the user gives in place of an API key and secret, for one room and one identity.

It is read again before each join. While we are in a room its server keeps sending newer tokens: the last of
them lets us back in for some minutes, where the user's own has expired by then.
"""

import time

from ingestd.config import AccessToken, TokenSource
from ingestd.diagnose.explain import explain_room
from ingestd.errors import RoomError


class GivenToken:
    """The token for ``room`` and ``identity``; raises RoomError where it is not usable."""

    def __init__(self, source: TokenSource, room: str, identity: str, sources: frozenset[str]) -> None:
        """``sources``: what the tracks show, camera or screen_share."""
        self.source = source
        self.refreshed: str | None = None  # the server's last
        self._room = room
        self._identity = identity
        self._sources = sources

    def take(self) -> str:
        """Return the token to join with now. Raises RoomError, which says why there is none, and the cure."""
        try:
            return self.read().text
        except RoomError:
            if self.refreshed is not None and not AccessToken.parse(self.refreshed).expired(time.time()):
                return self.refreshed
            raise

    def read(self) -> AccessToken:
        """Return the user's token, if it is usable now. Raises RoomError."""
        source, now = self.source, time.time()
        try:
            token = source.read()
        except ValueError as error:
            raise RoomError("token_unusable", explain_room("token_unusable", str(error))) from None
        if token.expired(now):
            seen = f"{source} {token.validity(now)}; {source.cure}"
            raise RoomError("token_expired", explain_room("token_expired", seen))
        if token.valid_from is not None and token.valid_from > now:
            seen = f"{source} {token.validity(now)}"
            raise RoomError("token_not_yet_valid", explain_room("token_not_yet_valid", seen))
        unfit = token.lacks(self._sources)
        if (token.room, token.identity) != (self._room, self._identity):
            unfit.append(
                f"it is for room {token.room!r} as {token.identity!r}, and the configuration says room "
                f"{self._room!r} as {self._identity!r}"
            )
        if unfit:
            raise RoomError("token_unusable", explain_room("token_unusable", f"{source}: {'; '.join(unfit)}"))
        return token

    @property
    def usable(self) -> bool:
        """Whether a room could be joined with the user's token now."""
        try:
            self.read()
        except RoomError:
            return False
        return True

    def notice(self) -> str | None:
        """What to do about it, soon or now, in words; None while nothing is needed."""
        try:
            token = self.read()
        except RoomError as error:
            return str(error)
        now = time.time()
        if not token.expires_soon(now):
            return None
        return f"{self.source} {token.validity(now)}: by then {self.source.cure}"
