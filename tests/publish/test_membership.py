"""A stay in a room, whose events the test makes."""

import pytest
import structlog
from livekit import rtc

from ingestd.publish.membership import Membership


@pytest.fixture
async def membership() -> Membership:
    return Membership(rtc.Room(), structlog.get_logger())


async def test_it_ends_once_and_hears_nothing_from_then_on(membership: Membership) -> None:
    heard: list[str] = []
    membership.listen("reconnecting", lambda: heard.append("reconnecting"))
    membership.room.emit("reconnecting")
    membership.end("left")
    membership.room.emit("reconnecting")
    membership.end("again")
    assert heard == ["reconnecting"]
    assert membership.ended.result() == "left"


async def test_a_disconnection_ends_it_by_its_name(membership: Membership) -> None:
    membership.room.emit("disconnected", rtc.DisconnectReason.DUPLICATE_IDENTITY)
    assert membership.ended.result() == "duplicate_identity"


async def test_a_handler_that_raises_ends_it(membership: Membership) -> None:
    def fail() -> None:
        raise ValueError

    membership.listen("room_updated", fail)
    membership.room.emit("room_updated")
    assert membership.ended.result() == "internal"
