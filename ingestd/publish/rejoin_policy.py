"""Policy of when a room is joined again: the waits between two tries, and what has a room renewed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RejoinPolicy:
    """When a room is joined again."""

    # A server that restarts is back within a second or two; one that is down for long is not hammered.
    first_retry_delay_s: float = 0.3
    max_retry_delay_s: float = 10.0
    # If the room is lost sooner than this after it was joined, the delays go on growing.
    settled_s: float = 30.0
    # An administrator who removes a participant does not want it back at once, and less so each time; there
    # are other ways to keep it out for good.
    first_removed_retry_delay_s: float = 15.0
    max_removed_retry_delay_s: float = 600.0
    # The server may throw us out for another participant before it lists that one.
    identity_settles_s: float = 0.5
    # Between two looks at whether another participant still has our identity.
    identity_poll_s: float = 5.0
    # Tracks that may be withdrawn before the room is joined again: till then the SDK keeps threads of each,
    # and what it negotiates grows. More where another track of the same connection would be interrupted.
    max_withdrawn_tracks: int = 16
    max_withdrawn_tracks_beside_others: int = 64
    # A join takes some 0.2 s, on a busy machine seconds; the SDK itself gives up after 20 to 60 s.
    answer_patience_s: float = 8.0


REJOIN_POLICY = RejoinPolicy()
