"""What keeps us out of a room, as the SDK and the server word it, and as users understand it."""

import re

from ingestd.errors import RoomError
from ingestd.redact import without_credentials

# (part of the SDK's text in lower case, reason, what was seen and what to change); the first that fits. Mere
# numbers would also be found in the tokens and pages that it quotes.
_CURES = (
    (
        "token is not valid yet",
        "clock",
        "this machine's clock is ahead of the server's: set both by the same time server (NTP)",
    ),
    (
        "token is expired",
        "clock",
        "this machine's clock is behind the server's: set both by the same time server (NTP)",
    ),
    (
        "500 internal server error",
        "server_failed",
        "the server fails, and its log says why; where a room is full (max_participants) it answers so, too",
    ),
    (
        "401 unauthorized",
        "unauthorized",
        "the server refuses the token: check livekit.api_key and api_secret",
    ),
    ("403 forbidden", "forbidden", "the server forbids it: check what the API key may do"),
    (
        "room does not exist",
        "no_such_room",
        "the room does not exist, and the server makes none by itself: create it, or set room.auto_create",
    ),
    ("404 not found", "not_found", "no LiveKit server answers at this URL (livekit.url): check it"),
    (
        "wait_pc_connection",
        "no_media",
        "the server answers, but WebRTC finds no way to it: let its media ports (rtc.udp_port, rtc.tcp_port) "
        "through the firewall, and check that the address it gives (rtc.node_ip) can be reached from here",
    ),
    ("timed out", "timeout", "the server does not answer: check the URL (livekit.url) and the firewall"),
    ("timeout", "timeout", "the server does not answer: check the URL (livekit.url) and the firewall"),
    ("refused", "unreachable", "nothing listens there: check the URL (livekit.url) and that the server runs"),
    (
        "unreachable",
        "unreachable",
        "there is no way to this address: check the URL (livekit.url) and the network",
    ),
    ("lookup", "unresolved", "the host name in the URL (livekit.url) is not known here"),
    ("dns", "unresolved", "the host name in the URL (livekit.url) is not known here"),
    ("certificate", "tls", "the server's certificate is not trusted here"),
    (
        "corrupt message",
        "tls",
        "this port speaks no TLS: write ws:// for wss:// in the URL (livekit.url), or the port that does",
    ),
    ("tls", "tls", "TLS failed: ws:// and wss:// in the URL (livekit.url) may be mixed up"),
    (
        "reset by peer",
        "broken_off",
        "the server broke the connection off: if it speaks TLS, write wss:// in the URL (livekit.url)",
    ),
)
# Why the server ended the session; what is not here is said in its own words.
_ENDS = {
    "unknown_reason": "the connection broke",
    "participant_removed": "an administrator removed participant {identity!r}",
    "room_deleted": "the room was deleted",
    "server_shutdown": "the server is shutting down",
    "duplicate_identity": "another participant has joined as {identity!r}: give one of them another identity",
    "unanswered": "the server answers nothing that it is asked there, as one may that was overloaded",
    "silent": "nothing of a track arrived there, nor after it was published anew",
    "interrupted_while_forbidden": "it was interrupted while we were forbidden to publish; asking anew",
    "publish_allowed": "the right to publish was given back",
    "renewed": "many tracks were taken out of it, and the SDK keeps threads of each until the room is left",
}
# Those of the ends that have a count of their own.
_COUNTED = {
    "participant_removed",
    "room_deleted",
    "server_shutdown",
    "duplicate_identity",
    "renewed",
    "unanswered",
}
# Servers quote the token that they refuse, and those that are none answer with a page.
_TOKEN = re.compile(r"eyJ[\w-]{4,}(\.[\w-]*)*")
_MAX_QUOTE_LETTERS = 200


def not_joined(url: str, message: str) -> RoomError:
    """Return the error that ``message``, the SDK's, means."""
    server, lower = without_credentials(url), message.lower()
    quote = " ".join(_TOKEN.sub("[token]", message).split())
    if len(quote) > _MAX_QUOTE_LETTERS:
        quote = f"{quote[:_MAX_QUOTE_LETTERS]} …"
    for part, reason, cure in _CURES:
        if part in lower:
            return RoomError(reason, f"{server}: {cure} ({quote})")
    return RoomError("failed", f"{server}: {quote}")


def lost(end: str, identity: str) -> RoomError:
    """Return the error for a room that was lost; ``end`` is why, by the SDK's name."""
    why = _ENDS.get(end, end).format(identity=identity)
    return RoomError(end if end in _COUNTED else "lost", f"the room was lost: {why}")
