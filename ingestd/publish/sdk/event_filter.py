"""Filter of the SDK's events, so that a room is woken only by those that are for it."""

from typing import Any

from livekit import rtc
from livekit.rtc._ffi_client import FfiClient


def wake_for_own_events(room: rtc.Room) -> None:
    """Spare ``room``, which has been joined, what happens in other rooms and what others have asked for.

    The SDK wakes every room of the process for every event, and each drops what is not its own. Where N rooms
    each hear of N participants, and ask for statistics, that is a multiple of N² times.
    """
    assert room._ffi_handle is not None, "it has been joined"
    handle = room._ffi_handle.handle
    events = FfiClient.instance.queue

    def own(event: Any) -> bool:
        match event.WhichOneof("message"):
            case "room_event":
                return bool(event.room_event.room_handle == handle)
            case "connect" | "disconnect" | "get_stats" | "get_session_stats":
                return False  # those who have asked have a subscription each
            case "video_stream_event" | "audio_stream_event":
                return False  # each of these streams has one, too
            case _:
                return True  # those who have asked wait for it by way of the room

    with events._lock:
        events._subscribers[:] = [
            (queue, loop, own if queue is room._ffi_queue else wanted)
            for queue, loop, wanted in events._subscribers
        ]
