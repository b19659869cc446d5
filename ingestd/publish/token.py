"""Access tokens, minted from the API key and secret."""

from datetime import timedelta

from livekit import api

# The server renews the token of a participant who is connected; this one must only outlive the way there.
LIFETIME = timedelta(hours=1)


def mint(*, key: str, secret: str, room: str, identity: str) -> str:
    """Return a token that lets ``identity`` join ``room`` and publish there, and nothing else."""
    grants = api.VideoGrants(
        room_join=True, room=room, can_publish=True, can_subscribe=False, can_publish_data=False
    )
    return (
        api.AccessToken(key, secret).with_identity(identity).with_ttl(LIFETIME).with_grants(grants).to_jwt()
    )
