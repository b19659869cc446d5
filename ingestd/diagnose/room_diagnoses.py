"""The table of all that keeps a participant out of a room, or a track from its viewers: reason → `Diagnosis`.

A new reason of a RoomError is one entry here; a test compares this table with the source.
"""

from collections.abc import Mapping

from ingestd.diagnose.diagnosis import Diagnoses, Diagnosis

_ONE_CLOCK = {"any": "set both by the same time server (NTP)"}
_OR_ANOTHER_CODEC = "or send H.264 (ffmpeg: -c:v libx264; GStreamer: x264enc), VP8, VP9 or AV1"
_JOINED_AGAIN = "; the room is joined again at once"

_NOT_JOINED: Diagnoses = {
    "unauthorized": Diagnosis(
        means="the server refuses the token", cures={"any": "check livekit.api_key and api_secret"}
    ),
    "unauthorized.token": Diagnosis(
        means="the server refuses the token that is given",
        cures={"any": "make one with the key and secret of this server (livekit.url)"},
    ),
    "token_expired": Diagnosis(
        means="the token that is given (livekit.token, token_file) has expired: it opens no room any more. "
        "One who is in the room stays there, as the server sends newer ones",
    ),
    "token_not_yet_valid": Diagnosis(
        means="the token that is given is valid only later (nbf); the room is joined then", cures=_ONE_CLOCK
    ),
    "token_unusable": Diagnosis(
        means="the token that is given is none, is for another room or identity, or does not let it publish",
        cures={"any": "make one with `lk token create --token-only --join --room ROOM --identity IDENTITY`"},
    ),
    "clock.ahead": Diagnosis(means="this machine's clock is ahead of the server's", cures=_ONE_CLOCK),
    "clock.behind": Diagnosis(means="this machine's clock is behind the server's", cures=_ONE_CLOCK),
    "server_failed": Diagnosis(
        means="the server fails, as it also does where a room is full (max_participants)",
        cures={"any": "its log says why"},
    ),
    "forbidden": Diagnosis(means="the server forbids it", cures={"any": "check what the API key may do"}),
    "not_found": Diagnosis(
        means="no LiveKit server answers at this URL (livekit.url)", cures={"any": "check it"}
    ),
    "no_descriptors": Diagnosis(
        means="this process has not enough file descriptors left for another room",
        cures={
            "any": "raise the limit (systemd: LimitNOFILE=, shell: ulimit -n), or let streams share a room"
        },
    ),
    "no_such_room": Diagnosis(
        means="the room does not exist, and the server makes none by itself",
        cures={"any": "create it, or set room.auto_create"},
    ),
    "unreachable.refused": Diagnosis(
        means="nothing listens there", cures={"any": "check the URL (livekit.url) and that the server runs"}
    ),
    "unreachable.no_route": Diagnosis(
        means="there is no way to this address", cures={"any": "check the URL (livekit.url) and the network"}
    ),
    "unresolved": Diagnosis(
        means="the host name in the URL (livekit.url) is not known here",
        cures={"any": "check it and the name server"},
    ),
    "no_media": Diagnosis(
        means="the server answers, but WebRTC finds no way to it",
        cures={
            "any": "let its media ports (rtc.udp_port, rtc.tcp_port) through the firewall, and check that "
            "the address it gives (rtc.node_ip) can be reached from here"
        },
    ),
    "timeout": Diagnosis(
        means="the server does not answer", cures={"any": "check the URL (livekit.url) and the firewall"}
    ),
    "tls": Diagnosis(
        means="TLS failed", cures={"any": "ws:// and wss:// in the URL (livekit.url) may be mixed up"}
    ),
    "tls.certificate": Diagnosis(
        means="the server's certificate is not trusted here",
        cures={
            "any": "it must be valid today, and for the host in the URL (livekit.url); where an authority of "
            "your own signed it, name its certificates, a PEM file, in SSL_CERT_FILE"
        },
    ),
    "tls.plain": Diagnosis(
        means="this port speaks no TLS",
        cures={"any": "write ws:// for wss:// in the URL (livekit.url), or the port that does"},
    ),
    "broken_off": Diagnosis(
        means="the server broke the connection off",
        cures={"any": "if it speaks TLS, write wss:// in the URL (livekit.url)"},
    ),
    "failed": Diagnosis(means="anything else that kept us out; the text is the SDK's"),
}

_LOST: Diagnoses = {
    "server_shutdown": Diagnosis(means=f"the server shut down{_JOINED_AGAIN}"),
    "room_deleted": Diagnosis(
        means=f"an administrator deleted the room{_JOINED_AGAIN}, which makes it again"
    ),
    "participant_removed": Diagnosis(
        means="an administrator removed the participant; it comes back after 8 to 15 s, and twice as late "
        "each time, up to 10 minutes"
    ),
    "duplicate_identity": Diagnosis(
        means="another participant has joined with the same `identity`; the older one waits until the newer "
        "has left, so that they do not throw each other out for ever",
        cures={"any": "give one of them another identity"},
    ),
    "publish_forbidden": Diagnosis(
        means="an administrator has taken away the right to publish (`can_publish`), and the server our "
        "tracks out; ingestd waits in the room until the right is given back, or the connection is "
        "interrupted: then it joins again"
    ),
    "renewed": Diagnosis(
        means="16 tracks were taken out of the room on one connection, by changes of codec or configuration "
        "(64 where other tracks share it), and the SDK keeps two threads of each; the room is joined again "
        "at once, which frees them"
    ),
    "participant_changed": Diagnosis(
        means="the configuration says something else of the participant (`participant`) now, and the server "
        f"takes that only from one who joins{_JOINED_AGAIN}"
    ),
    "unanswered": Diagnosis(
        means="a track could not be published, or no media of the server comes, and it answers nothing else "
        "on this connection either: one "
        'that is overloaded drops its half of a session ("channel is full" in its log) and keeps the '
        "connection open; in a cluster the node that has the room may have died, where the signalling goes "
        f"through another{_JOINED_AGAIN}",
        cures={"any": "give the server more of the machine"},
    ),
    "internal": Diagnosis(
        means=f"a defect of ingestd: the log has the details{_JOINED_AGAIN}",
        cures={"any": "report it with the lines of the log"},
    ),
    "lost": Diagnosis(means="anything else that ended the session; the text says what"),
}

_TRACK: Diagnoses = {
    "codec_refused": Diagnosis(
        means="the server or this machine's SDK does not offer the codec",
        cures={"any": "allow it in the server's `room.enabled_codecs`, or send another"},
    ),
    "codec_refused.h265": Diagnosis(
        means="the server or this machine's SDK does not offer H.265",
        cures={
            "any": "allow it in the server's `room.enabled_codecs`, see livekit.h265 in docs/h265.md, "
            f"{_OR_ANOTHER_CODEC}"
        },
    ),
    "h265_not_published.off": Diagnosis(
        means="livekit.h265 is off", cures={"any": f"set it to auto, {_OR_ANOTHER_CODEC}"}
    ),
    "h265_not_published.not_compiled": Diagnosis(
        means="the SDK offers H.265 only with a hardware encoder, and the stand-ins for one are not compiled",
        cures={
            "any": "install a C compiler (Debian: apt-get install gcc) and have ingestd's Python run "
            f"`python -m ingestd.publish.sdk.h265`, {_OR_ANOTHER_CODEC}"
        },
    ),
    "h265_not_published.not_proved": Diagnosis(
        means="the SDK did not publish H.265 in a trial with the stand-ins for a hardware encoder",
        cures={"any": f"see docs/h265.md, {_OR_ANOTHER_CODEC}"},
    ),
    "not_negotiated": Diagnosis(means="no codec was negotiated in time: the server does not answer"),
    "not_published": Diagnosis(means="the SDK has not published the track"),
    "silent": Diagnosis(means="WebRTC takes pictures and encodes none; the track is published again"),
    "no_statistics": Diagnosis(means="WebRTC does not answer for the track; it is published again"),
    "muted": Diagnosis(
        means="an administrator has muted the track: nothing is published",
        cures={
            "any": "unmute it in the room, which the server allows with `room.enable_remote_unmute`, or "
            "restart ingestd"
        },
    ),
}

ROOM_SECTIONS: Mapping[str, Diagnoses] = {
    "The room is not joined": _NOT_JOINED,
    "The room is lost": _LOST,
    "The track in the room": _TRACK,
}

ROOM_DIAGNOSES: Diagnoses = {
    reason: diagnosis for section in ROOM_SECTIONS.values() for reason, diagnosis in section.items()
}
