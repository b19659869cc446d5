"""Access of a browser to a room, for the preview: a token of minutes that lets it subscribe, unseen."""

import secrets
from datetime import timedelta

from livekit import api

from ingestd.config import LiveKitConfig
from ingestd.publish.token import signed

# Long enough to join and to reconnect, too short to be passed on.
LIFETIME = timedelta(minutes=5)
REFUSAL = "livekit.token lets in one publisher and no viewer: the preview needs api_key and api_secret"


class ViewerAccess:
    """How a browser may watch what is published on the server of ``livekit``."""

    def __init__(self, livekit: LiveKitConfig) -> None:
        self.url = livekit.url
        self._key = livekit.api_key
        self._secret = livekit.api_secret.get_secret_value()

    @property
    def refusal(self) -> str | None:
        """Why no viewer can be let in; None when one can."""
        return None if self._secret else REFUSAL

    def token(self, room: str) -> str:
        """Return a token for one viewer of ``room``: it may subscribe, and others do not see it."""
        grants = api.VideoGrants(
            room_join=True,
            room=room,
            can_publish=False,
            can_subscribe=True,
            can_publish_data=False,
            hidden=True,
        )
        identity = f"ingestd-preview-{secrets.token_hex(4)}"  # a second of one name would put the first out
        token = api.AccessToken(self._key, self._secret).with_identity(identity)
        return signed(token.with_ttl(LIFETIME).with_grants(grants))
