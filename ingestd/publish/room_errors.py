"""Classification of what the SDK and the server say when a room cannot be joined, or is lost."""

import re

from ingestd.diagnose.explain import explain_room
from ingestd.errors import RoomError
from ingestd.redact import without_credentials

# (part of the SDK's text in lower case, reason, case); the first that fits. Numbers alone would also be found
# in the tokens and pages that it quotes.
REASONS = (
    ("token is not valid yet", "clock", "ahead"),
    ("token is expired", "clock", "behind"),
    ("500 internal server error", "server_failed", ""),
    ("401 unauthorized", "unauthorized", ""),
    ("403 forbidden", "forbidden", ""),
    ("room does not exist", "no_such_room", ""),
    ("404 not found", "not_found", ""),
    ("wait_pc_connection", "no_media", ""),
    ("invalid peer certificate", "tls", "certificate"),  # quotes names: DnsName("timeout.example")
    ("timed out", "timeout", ""),
    ("timeout", "timeout", ""),
    ("refused", "unreachable", "refused"),
    ("unreachable", "unreachable", "no_route"),
    ("lookup", "unresolved", ""),
    ("dns", "unresolved", ""),
    ("corrupt message", "tls", "plain"),
    ("tls", "tls", ""),
    ("reset by peer", "broken_off", ""),
)
# Why the session ended, by the server's name or ours; any other is said in its own words.
_ENDS = {
    "unknown_reason": "the connection broke",
    "participant_removed": "an administrator removed participant {identity!r}",
    "room_deleted": "the room was deleted",
    "server_shutdown": "the server is shutting down",
    "duplicate_identity": "another participant has joined as {identity!r}",
    "unanswered": "the server answers nothing that it is asked there: it was overloaded, or its node died",
    "silent": "nothing of a track arrived there, nor after it was published again",
    "interrupted_while_forbidden": "it was interrupted while we were forbidden to publish; asking again",
    "participant_changed": "the configuration says something else of the participant now",
    "publish_allowed": "the right to publish was given back",
    "internal": "a defect of ingestd; the log has the details",
    "renewed": "many tracks were taken out of it, and the SDK keeps threads of each until the room is left",
}
# Those of the ends that have a count each.
COUNTED_ENDS = {
    "participant_removed",
    "room_deleted",
    "server_shutdown",
    "duplicate_identity",
    "renewed",
    "participant_changed",
    "unanswered",
    "internal",
}
# Servers quote the token that they refuse, and web servers answer with a page.
_TOKEN = re.compile(r"eyJ[\w-]{4,}(\.[\w-]*)*")
_MAX_QUOTE_LETTERS = 200


def not_joined(url: str, message: str) -> RoomError:
    """Return the error that ``message``, the SDK's, means."""
    server, lower = without_credentials(url), message.lower()
    quote = " ".join(_TOKEN.sub("[token]", message).split())
    if len(quote) > _MAX_QUOTE_LETTERS:
        quote = f"{quote[:_MAX_QUOTE_LETTERS]} …"
    for part, reason, case in REASONS:
        if part in lower:
            return RoomError(reason, f"{server}: {explain_room(reason, case=case)} ({quote})")
    return RoomError("failed", f"{server}: {quote}")


def lost(end: str, identity: str) -> RoomError:
    """Return the error for a room that was lost; ``end`` is why, by the SDK's name."""
    reason = end if end in COUNTED_ENDS else "lost"
    why = _ENDS.get(end, end).format(identity=identity)
    return RoomError(reason, explain_room(reason, f"the room was lost: {why}"))
