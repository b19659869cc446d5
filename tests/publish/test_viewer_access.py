"""What a browser is let do: watch one room, unseen, for minutes."""

import jwt
from pydantic import SecretStr

from ingestd.config import LiveKitConfig
from ingestd.publish.viewer_access import LIFETIME, REFUSAL, ViewerAccess

SECRET = "a-secret-of-more-than-32-characters-for-hs256"
ACCESS = ViewerAccess(LiveKitConfig(url="ws://10.0.0.1:7880", api_key="devkey", api_secret=SecretStr(SECRET)))


def test_a_viewer_may_subscribe_unseen_for_minutes_and_nothing_else() -> None:
    claims = jwt.decode(ACCESS.token("lobby"), SECRET, algorithms=["HS256"], leeway=5)
    granted = {name: value for name, value in claims["video"].items() if value is not None}
    assert granted == {
        "roomJoin": True,
        "room": "lobby",
        "canPublish": False,
        "canSubscribe": True,
        "canPublishData": False,
        "hidden": True,
    }
    assert claims["exp"] - claims["nbf"] <= LIFETIME.total_seconds() + 1


def test_two_viewers_do_not_put_each_other_out() -> None:
    tokens = [ACCESS.token("lobby") for _ in range(2)]
    names = {jwt.decode(token, SECRET, algorithms=["HS256"], leeway=5)["sub"] for token in tokens}
    assert len(names) == 2


def test_without_key_and_secret_it_says_that_it_cannot() -> None:
    assert ACCESS.refusal is None
    keyless = LiveKitConfig.model_construct(url="ws://10.0.0.1:7880", api_key="", api_secret=SecretStr(""))
    assert ViewerAccess(keyless).refusal == REFUSAL
