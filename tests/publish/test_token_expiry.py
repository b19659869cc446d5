"""What the log says of tokens that expire."""

import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
import structlog
from structlog.typing import EventDict

from ingestd.config import TokenSource
from ingestd.publish.given_token import GivenToken
from ingestd.publish.token_expiry import warn_of_expiry
from ingestd.tasks import Tasks
from tests.support.wait import eventually


def token(valid_s: float) -> str:
    grants = {"roomJoin": True, "room": "lobby"}
    return jwt.encode({"sub": "cam", "video": grants, "exp": time.time() + valid_s}, "s" * 32)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[EventDict]]:
    monkeypatch.setattr("ingestd.publish.token_expiry.LOOK_INTERVAL_S", 0.01)
    with structlog.testing.capture_logs() as log:
        yield log


async def test_each_token_is_warned_of_once(tmp_path: Path, log: list[EventDict]) -> None:
    file, looks = tmp_path / "token", []
    given = GivenToken(TokenSource("", file), "lobby", "cam", frozenset({"camera"}))

    def look() -> GivenToken:
        looks.append(len(log))
        return given

    file.write_text(token(60))
    tasks = Tasks(lambda name, error: pytest.fail(f"{name}: {error!r}"))
    tasks.start("watch", warn_of_expiry(look, structlog.get_logger()))
    await eventually(lambda: len(looks) > 5, "look again and again")
    file.write_text("nonsense")
    await eventually(lambda: len(log) > 1, "look at the new one")
    await tasks.close()
    assert [(line["log_level"], line["event"]) for line in log] == [
        ("warning", "access token expires soon"),
        ("error", "access token not usable"),
    ]
