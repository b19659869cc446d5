"""Who may watch in the room that was joined, as the SDK tells of its participants."""

import time
from collections.abc import Callable

from livekit import rtc

from ingestd.delivery.audience import Audience
from ingestd.publish.membership import Membership


class RoomAudience:
    """Fills ``audience`` as long as the stay in the room lasts; ``viewer_came`` is told of each arrival."""

    def __init__(self, membership: Membership, viewer_came: Callable[[], None]) -> None:
        self.audience = Audience()
        self._room = room = membership.room
        self._viewer_came = viewer_came
        # The count that comes with the join may be an old one.
        count = max(room.num_participants, len(room.remote_participants) + 1)
        self.audience.counted(count, time.monotonic())
        for participant in room.remote_participants.values():
            if _may_watch(participant):
                self.audience.present(participant.identity)
        membership.listen("participant_connected", self._came)
        membership.listen("participant_disconnected", self._left)
        membership.listen("room_updated", self._counted)

    def _came(self, participant: rtc.RemoteParticipant) -> None:
        if _may_watch(participant):
            self.audience.came(participant.identity, time.monotonic())
            self._viewer_came()

    def _left(self, participant: rtc.RemoteParticipant) -> None:
        self.audience.left(participant.identity, time.monotonic())

    def _counted(self) -> None:
        if self.audience.counted(self._room.num_participants, time.monotonic()):
            self._viewer_came()


def _may_watch(participant: rtc.RemoteParticipant) -> bool:
    """Whether it may subscribe; other publishers as we are may not."""
    return bool(participant.permissions.can_subscribe)
