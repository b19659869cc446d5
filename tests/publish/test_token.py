import time
import warnings

import jwt
import pytest

from ingestd.publish.token import LIFETIME, mint

SECRET = "a-secret-of-more-than-32-characters-for-hs256"


def test_a_token_grants_what_a_publisher_needs_and_nothing_else() -> None:
    token = mint(key="devkey", secret=SECRET, room="lobby", identity="front-door")
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], options={"require": ["exp", "iss", "sub"]})
    assert claims["iss"] == "devkey"
    assert claims["sub"] == "front-door"
    granted = {name: value for name, value in claims["video"].items() if value is not None}
    assert granted == {
        "roomJoin": True,
        "room": "lobby",
        "canPublish": True,
        "canSubscribe": False,
        "canPublishData": False,
    }


def test_a_token_may_hide_its_participant() -> None:
    token = mint(key="devkey", secret=SECRET, room="lobby", identity="front-door", hidden=True)
    claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    assert claims["video"]["hidden"] is True


def test_a_token_expires() -> None:
    before = time.time()
    claims = jwt.decode(
        mint(key="k", secret=SECRET, room="r", identity="i"), SECRET, algorithms=["HS256"], leeway=5
    )
    assert before - 2 <= claims["exp"] - LIFETIME.total_seconds() <= time.time() + 2
    assert claims["nbf"] <= before


def test_a_token_is_signed_with_the_secret() -> None:
    token = mint(key="k", secret=SECRET, room="r", identity="i")
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, SECRET[::-1], algorithms=["HS256"])


def test_a_short_secret_is_not_complained_of_at_every_token() -> None:
    with warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        mint(key="k", secret="short", room="r", identity="i")
    assert complaints == []
