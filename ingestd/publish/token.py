"""LiveKit access tokens, minted from the API key and secret."""

import warnings
from datetime import timedelta

from livekit import api

from ingestd.config import ParticipantConfig

# The server renews the token of a participant who is connected; this one is for joining only.
LIFETIME = timedelta(hours=1)


def mint(
    *,
    key: str,
    secret: str,
    room: str,
    identity: str,
    hidden: bool | None = None,
    lifetime: timedelta = LIFETIME,
    participant: ParticipantConfig | None = None,
) -> str:
    """Return a token that lets ``identity`` join ``room`` and publish there, and nothing else.

    Other participants do not see one who is ``hidden``; of another they are told what ``participant`` says.
    """
    grants = api.VideoGrants(
        room_join=True,
        room=room,
        can_publish=True,
        can_subscribe=False,
        can_publish_data=False,
        hidden=hidden,
    )
    token = api.AccessToken(key, secret).with_identity(identity).with_ttl(lifetime).with_grants(grants)
    if participant is not None:
        token.with_name(participant.name or "").with_metadata(participant.metadata or "")
        token.with_attributes(dict(participant.attributes))
    return signed(token)


def signed(token: api.AccessToken) -> str:
    """Return ``token`` as a server takes it."""
    with warnings.catch_warnings():
        # It would warn of a short secret at every token; the configuration's own warning has done so.
        warnings.simplefilter("ignore", UserWarning)
        return token.to_jwt()
