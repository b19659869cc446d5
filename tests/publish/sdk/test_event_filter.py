"""Rooms of one process and a real server: who is woken by what happens in one of them."""

from typing import Any

import pytest
from livekit import rtc

from ingestd.devserver.livekit_server import LiveKitServer
from ingestd.publish.room_join import connect
from tests.publish.support import address
from tests.support.wait import eventually


async def test_a_room_is_woken_by_what_happens_in_it_and_not_in_another(
    livekit: LiveKitServer, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there, guest_here, guest_there = (rtc.Room() for _ in range(4))
    try:
        await connect(here, address(livekit, f"{room}-here"))
        await connect(there, address(livekit, f"{room}-there"))
        woken_by: list[object] = []
        take = here._ffi_queue.put_nowait

        def put(event: Any) -> None:
            message = event.WhichOneof("message")
            woken_by.append(event.room_event.room_handle if message == "room_event" else message)
            take(event)

        monkeypatch.setattr(here._ffi_queue, "put_nowait", put)
        await connect(guest_there, address(livekit, f"{room}-there", identity="guest"))
        await eventually(lambda: there.remote_participants, "see the guest")
        await connect(guest_here, address(livekit, f"{room}-here", identity="guest"))
        await eventually(lambda: here.remote_participants, "see the guest")
        assert here._ffi_handle is not None
        assert set(woken_by) == {here._ffi_handle.handle}
    finally:
        for joined in (guest_there, guest_here, there, here):
            await joined.disconnect()
