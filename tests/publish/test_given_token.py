"""The token of the user, and the server's after it."""

import re
import time
from pathlib import Path

import jwt
import pytest

from ingestd.config import TokenSource
from ingestd.errors import RoomError
from ingestd.publish.given_token import GivenToken

SECRET = "a-secret-of-more-than-32-characters-for-hs256"


def token(*, valid_s: float = 20_000, starts_s: float = -1, identity: str = "cam", **video: object) -> str:
    now = time.time()
    grants = {"roomJoin": True, "room": "lobby"} | video
    return jwt.encode({"sub": identity, "video": grants, "exp": now + valid_s, "nbf": now + starts_s}, SECRET)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "token"


@pytest.fixture
def given(file: Path) -> GivenToken:
    return GivenToken(TokenSource("", file), "lobby", "cam", frozenset({"camera"}))


def test_it_is_read_again_each_time(given: GivenToken, file: Path) -> None:
    for text in (token(), token(valid_s=30_000)):
        file.write_text(text)
        assert given.take() == text
        assert given.notice() is None


@pytest.mark.parametrize(
    ("text", "reason", "words"),
    [
        (None, "token_unusable", "cannot be read: No such file"),
        ("no", "token_unusable", "is no access token"),
        (
            token(valid_s=-7300),
            "token_expired",
            r"expired at .* UTC, 2 h ago; write a new one into this file",
        ),
        (token(starts_s=3_700), "token_not_yet_valid", r"is not valid before .* UTC, in \d+ (min|h)"),
        (token(identity="a"), "token_unusable", "it is for room 'lobby' as 'a', and the configuration says"),
        (token(room="b"), "token_unusable", "it is for room 'b' as 'cam'"),
        (token(canPublish=False), "token_unusable", "forbids to publish"),
    ],
)
def test_why_it_cannot_be_used_is_said_with_the_file(
    given: GivenToken, file: Path, text: str | None, reason: str, words: str
) -> None:
    if text is not None:
        file.write_text(text)
    with pytest.raises(RoomError, match=words) as error:
        given.take()
    assert error.value.reason == reason
    assert str(file) in str(error.value)
    assert given.notice() == str(error.value)
    assert not given.usable


def test_the_last_hour_is_told(given: GivenToken, file: Path) -> None:
    file.write_text(token(valid_s=1800))
    notice = given.notice()
    assert notice is not None
    assert given.usable
    assert re.search(rf"{file} expires at .* UTC, in 30 min: by then write a new one into this file", notice)


def test_the_servers_token_lets_us_back_in_where_the_users_has_expired(given: GivenToken, file: Path) -> None:
    file.write_text(token(valid_s=-1))
    given.refreshed = token(valid_s=600)
    assert given.take() == given.refreshed
    assert "expired" in str(given.notice())
    file.write_text(token())
    assert given.take() == file.read_text()
    file.write_text("")
    given.refreshed = token(valid_s=-1)
    with pytest.raises(RoomError, match="is no access token"):
        given.take()
