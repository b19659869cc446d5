"""What a token says of itself, with tokens of LiveKit's own making."""

import json
import time
from datetime import timedelta
from pathlib import Path

import jwt
import pytest
from livekit import api

from ingestd.config import AccessToken, TokenSource

SECRET = "a-secret-of-more-than-32-characters-for-hs256"
HOUR = timedelta(hours=1)


def made(lifetime: timedelta = HOUR, identity: str = "cam") -> str:
    grants = api.VideoGrants(room_join=True, room="lobby")
    token = api.AccessToken("key", SECRET).with_grants(grants).with_ttl(lifetime)
    return token.with_identity(identity).to_jwt()


def test_room_identity_and_expiry_are_read() -> None:
    token = AccessToken.parse(made(timedelta(hours=5, seconds=1)))
    assert (token.room, token.identity) == ("lobby", "cam")
    assert token.lacks({"camera", "screen_share"}) == []
    now = time.time()
    assert token.validity(now).startswith("expires at ")
    assert token.validity(now).endswith(" UTC, in 5 h")
    assert not token.expires_soon(now)
    assert token.expires_soon(now + 4 * 3600 + 2)
    assert not token.expired(now + 4 * 3600 + 2)
    assert token.expired(now + 6 * 3600)
    assert token.validity(now + 8 * 3600).endswith(" UTC, 3 h ago")
    assert token.text not in repr(token)


@pytest.mark.parametrize(
    ("claim", "said", "lack"),
    [
        ("roomJoin", None, "it does not let anyone join a room (no roomJoin)"),
        ("room", "", "it names no room"),
        ("canPublish", False, "it forbids to publish (canPublish)"),
        ("canPublishSources", ["microphone"], "it forbids to publish camera (canPublishSources)"),
        ("hidden", True, "it hides the participant from viewers (hidden)"),
    ],
)
def test_what_a_token_lacks_is_named(claim: str, said: object, lack: str) -> None:
    claims = {"sub": "cam", "video": {"roomJoin": True, "room": "lobby", claim: said}}
    assert AccessToken.parse(jwt.encode(claims, SECRET)).lacks({"camera"}) == [lack]


@pytest.mark.parametrize(
    "text", ["", "secret", "a.b.c", "eyJhbGciOiJIUzI1NiJ9.bm8.x", f"{made()[:-40]}"[:60]]
)
def test_what_is_no_token_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(ValueError, match=r"^is no access token: three parts") as error:
        AccessToken.parse(text)
    assert not text or text not in str(error.value)


@pytest.mark.parametrize("exp", [-1, 10**30, "soon", True, []])
def test_a_time_beyond_any_calendar_counts_as_none(exp: object) -> None:
    text = jwt.api_jws.encode(json.dumps({"sub": "cam", "exp": exp}).encode(), SECRET)
    assert AccessToken.parse(text).validity(time.time()) == "never expires"


def test_a_token_that_is_valid_later_says_so() -> None:
    now = time.time()
    token = AccessToken.parse(jwt.encode({"sub": "cam", "nbf": now + 300}, SECRET))
    assert token.validity(now).startswith("is not valid before ")
    assert token.validity(now).endswith(" UTC, in 5 min")


def test_a_file_is_read_again_and_again(tmp_path: Path) -> None:
    source = TokenSource("", tmp_path / "token")
    with pytest.raises(ValueError, match=r"token' cannot be read: No such file"):
        source.read()
    for identity in ("one", "other"):
        (tmp_path / "token").write_text(made(identity=identity) + "\n")
        assert source.read().identity == identity
    (tmp_path / "token").write_bytes(b"\xff")
    with pytest.raises(ValueError, match="is not UTF-8 text"):
        source.read()
