"""Descriptions of all configuration keys: the one source of the JSON schema, the reference and the man page.

Markdown, with links as docs/configuration.md has them; `plain` takes them off. A key is named in full, as
`ingestd.config.all_keys` does.
"""

import re
from collections.abc import Mapping

# What the default is where a value would not tell; "" where a key has none and needs none.
DEFAULTS_IN_WORDS: Mapping[str, str] = {
    "livekit.api_key": "needed",
    "livekit.api_secret": "needed",
    "hooks.url": "needed",
    "hooks.events": "all",
    "streams[].name": "needed",
    "streams[].room": "needed",
    "streams[].identity": "the name",
    "streams[].track": "the name",
    "streams[].source.allow": "loopback, private and link-local networks",
    "streams[].source.tls.key": "the file of `cert`",
    "streams[].source.tls.ca": "those the system trusts",
    "streams[].source.tls.server_name": "the host that is dialled",
    "streams[].source.socket_group": "our own",
}

# Of what holds further keys.
SECTION_DOCS: Mapping[str, str] = {
    "livekit": "the LiveKit server, and the credentials for it",
    "http": "the web server: status page, `/metrics`, `/healthz`, `/readyz`, `/api/streams`",
    "log": "what is logged, and how it looks",
    "limits": "limits of the whole process",
    "streams": "one item for each encoder: its stream, and the track that it becomes",
    "hooks": "who is told by a POST what becomes of the streams",
    "streams[].source": "how the encoder connects: exactly one of `listen` and `connect`",
    "streams[].source.tls": "files of PEM for `tls://`, read again when they change",
    "streams[].participant": "what viewers are told of the participant, beside its identity",
    "streams[].feedback": "where requests for keyframes and bitrates go",
}

KEY_DOCS: Mapping[str, str] = {
    "livekit.url": "`ws://`, `wss://` (`http://` and `https://` mean the same)",
    "livekit.api_key": "the key of the server, or the environment: `LIVEKIT_API_KEY`",
    "livekit.api_secret": "never printed or logged; a warning says if it is shorter than 32 bytes",
    "livekit.api_secret_file": (
        "a file that holds the secret instead, relative to the configuration, else a credential of that "
        "name that systemd passes (`CREDENTIALS_DIRECTORY`); a line end is ignored"
    ),
    "livekit.token": (
        "in place of key and secret, an [access token](rooms.md#with-a-token) for one room and one "
        "identity: what all streams then have. Never printed or logged"
    ),
    "livekit.token_file": (
        "a file that holds it instead, found as `api_secret_file` is; read again each time the room is joined"
    ),
    "livekit.h265": (
        "whether [H.265](h265.md) is published: `auto`, also on machines without a hardware encoder; "
        "`native`, where the LiveKit SDK offers it by itself; `off`"
    ),
    "livekit.signal_relay": (
        "the SDK's signalling passes through a port of 127.0.0.1, where `ingestd` tells WebRTC what the "
        "streams need; else WebRTC begins at 1 Mbit/s, and faster streams are late for seconds "
        "([measured](webrtc.md)). Where the SDK cannot reach that port (`HTTP_PROXY` is set), it joins "
        "directly and the log says so. A change holds for rooms joined after it"
    ),
    "http.listen": "`HOST:PORT` of the status page and `/metrics`; port 0: any free one, which the log names",
    "http.preview": (
        "`true`: `/preview/NAME` plays a stream to everyone who reaches the status page "
        "([how](status-page.md#preview))"
    ),
    "log.level": (
        "`debug`, `info`, `warning`, `error`; `debug` also has what the LiveKit SDK logs, which costs as "
        "much CPU as publishing (for WebRTC's own lines set the environment variable `LIVEKIT_RTC_DEBUG=1`)"
    ),
    "log.format": "`console`, `json`; `auto`: console on a terminal, JSON otherwise",
    "limits.max_connections": (
        "of encoders, all streams together: `auto` (256, and 8 for each stream), or 2 to 1,000,000. A "
        "connection beyond it is refused (`limit`)"
    ),
    "hooks.url": (
        "of each item of the list `hooks`: where [events of the streams](service.md#hooks) are posted, "
        "`http://` or `https://`"
    ),
    "hooks.secret_file": (
        "a file with the secret that signs them, as `livekit.api_secret_file`; without one they are not "
        "signed, and a warning says so"
    ),
    "hooks.secret": "the secret itself, instead",
    "hooks.events": "which of `up`, `down`, `stalled`",
    "defaults": (
        "any key of a stream but `name`; `source`, `source.tls`, `participant` and `feedback` are merged key"
        " by key"
    ),
    "streams[].name": (
        "unique; `a-z`, `0-9`, `.`, `_`, `-`, beginning with a letter or digit; the label of metrics and logs"
    ),
    "streams[].room": (
        "1 to 256 bytes of UTF-8, without control characters, ends of lines and bidirectional overrides; so "
        "are `identity`, `track` and `participant.name`"
    ),
    "streams[].identity": "streams with the same room and identity share one connection",
    "streams[].track": "name of the track; unique per room and identity",
    "streams[].join": (
        "`always`: in the room from the start on; `with-encoder`: [only while an encoder is "
        "there](rooms.md#in-the-room-with-the-encoder), and 10 s longer"
    ),
    "streams[].track_source": (
        "`camera` or `screen_share`: what viewers are told that the track shows. It is sent in the same way"
    ),
    "streams[].participant.name": "the name that viewers see beside the identity",
    "streams[].participant.metadata": "a text for applications; up to 64,000 bytes",
    "streams[].participant.attributes": (
        "texts by key, for applications; up to 64,000 bytes with the keys. In a variable: "
        "`KEY=VALUE,KEY=VALUE`. Streams with the same room and identity are one participant: those that say"
        " something of it say the same. A reload [changes "
        "it](rooms.md#what-viewers-are-told-of-the-participant)"
    ),
    "streams[].source.listen": (
        "the encoder dials us: `tcp://HOST:PORT` (IPv6 in brackets, port 0: any free one; `[::]` takes "
        "IPv4, too), `tls://HOST:PORT` ([TLS](tls.md)) or `unix:///PATH`"
    ),
    "streams[].source.connect": (
        "or we dial the encoder, again and again: the same forms. All addresses of a name are tried. "
        "Exactly one of the two"
    ),
    "streams[].source.allow": (
        "who may dial a TCP or TLS listener: a list of networks or addresses. Behind NAT or a proxy that is"
        " their address, and every encoder behind it is allowed; a load balancer can say who is behind it "
        "(`source.proxy_protocol`)"
    ),
    "streams[].source.tls.cert": (
        "our certificate with what lies between it and its CA, a file of PEM, relative to the "
        "configuration. Needed to listen on `tls://`; where we dial, for encoders that ask for one"
    ),
    "streams[].source.tls.key": "the key to it, without a passphrase",
    "streams[].source.tls.client_ca": (
        "`listen`: an encoder must show a certificate of this CA; its name is in log, page and API"
    ),
    "streams[].source.tls.ca": "`connect`: the CA of the encoder's certificate",
    "streams[].source.tls.server_name": "`connect`: the name that the encoder's certificate must have",
    "streams[].source.token": (
        "a token of 1 to 256 printable ASCII characters without spaces, or a list of them, of which an "
        "encoder must show one: its first line is `INGEST <token>` ([tokens](tls.md#tokens))"
    ),
    "streams[].source.token_file": "or a file with one token a line, read again when it changes",
    "streams[].source.proxy_protocol": (
        "`true`: each connection begins with the header of a load balancer ([PROXY "
        "protocol](tls.md#behind-a-load-balancer), version 1 or 2), and `allow` means the encoder that it "
        "names"
    ),
    "streams[].source.max_connections": (
        "connections that may be open at a time, the encoder's, those that have sent nothing yet and those "
        "that were turned away together: 2 to 10,000. The oldest that has sent nothing gives way to a new "
        "one; if there is none, the new one is refused (`limit`)"
    ),
    "streams[].source.max_connection_rate": (
        "new connections in a second from one address that may send something: `auto` (1,000; with TLS, "
        "which costs more, 100), or 1 to 10,000. One beyond it is refused (`limit`)"
    ),
    "streams[].source.socket_mode": "mode of a unix socket that is listened on: who may write to it may send",
    "streams[].source.socket_group": (
        "its group; `ingestd` must be a member of it (in a systemd unit: `SupplementaryGroups=`)"
    ),
    "streams[].source.second_encoder": (
        "while one is connected: `reject` the newcomer (after 0.3 s, as it may be the same encoder, back "
        "before its old connection has ended), or `replace` the first as soon as the newcomer's bytes show "
        "that they are a stream. A connection that has sent nothing that is a stream is no encoder, and makes"
        " way for any. In any case an encoder that has been silent for over 1 s makes way for a stream from"
        " its own address, and one that has ended while `ingestd` still plays or reads what it sent makes way"
        " for any stream"
    ),
    "streams[].source.idle_timeout": (
        "an encoder that is silent for this long is disconnected, and so is one whose bytes have not shown "
        "by then what they are (10 s if this is off): 100ms to 24h, or `0`: never. `auto`: 10 s before its "
        "first picture, never after it. In any case one whose machine, or the network to it, has not "
        "answered for 15 s (TCP keepalive) is disconnected"
    ),
    "streams[].source.reconnect_for_keyframe": (
        "if after an [interruption](#keyframes) viewers see nothing for want of a keyframe: end the "
        "encoder's connection, at most once a minute, as the next one begins with a keyframe; `false`: wait"
    ),
    "streams[].codec": "`h264`, `h265`, `vp8`, `vp9`, `av1`",
    "streams[].format": "`annexb` (H.264, H.265), `length-prefixed`, `ivf`, `obu` (AV1)",
    "streams[].max_bitrate": (
        "what WebRTC is told that the stream needs at most: `auto` (what the stream needs, [followed as it "
        "changes](webrtc.md#a-stream-that-grows)), or 10kbps to 1Gbps. A stream that sends more than a "
        "number says is published all the same, and the log and the status page say so"
    ),
    "streams[].max_framerate": (
        "what WebRTC and, in rate messages, the encoder are told: `auto` (no limit; rate messages name 60),"
        " or 1 to 240"
    ),
    "streams[].live": (
        "`true`: pictures are handed over as they come; `false`: the input is a file, handed over at its "
        "own frame rate; `auto`: live, unless they come [faster than any "
        "clock](#files-and-other-input-faster-than-any-clock)"
    ),
    "streams[].framerate": (
        "1 to 240: counts in place of all that the stream states of its rate, where that is missing or wrong"
    ),
    "streams[].max_backlog": (
        "pictures later than this, with us and in WebRTC together, are dropped up to a "
        "[keyframe](#when-pictures-come-late); 20ms to 30s"
    ),
    "streams[].max_picture": (
        "a picture (access unit) that is larger ends the connection (`too_large`): 64KiB to 8MiB. A viewer"
        " with libwebrtc, as every browser is, can put 2,048 packets together, some 2.4 MB"
    ),
    "streams[].max_gop": (
        "the pictures since the last keyframe that are held for replays, and as much again that waits: 1MiB"
        " to 1GiB. Of a GOP that is larger nothing is held up to its end"
    ),
    "streams[].replay": (
        "when the pictures since the last keyframe are [replayed](#replays): `auto`, `always`, `start`, "
        "`never`"
    ),
    "streams[].b_frames": (
        "what becomes of [B-frames](#b-frames): `auto` leaves out those that nothing refers to, where that "
        "mends the order; `warn` publishes all of them; `reject` refuses the encoder at its first one. No "
        "header tells for sure that one will come, so the one or two pictures before it are published on "
        "each connection"
    ),
    "streams[].frame_metadata": (
        "tell viewers what is known of each picture: `true`, `false`, or `auto`, where that keeps no viewer"
        " from playing it, see [below](#metadata-of-pictures)"
    ),
    "streams[].feedback.inline": (
        "ask for keyframes and bitrates with lines of JSON on the encoder's own connection"
    ),
    "streams[].feedback.webhook": "POST them to this `http://` or `https://` URL, instead or as well",
    "streams[].feedback.webhook_secret_file": (
        "a file, relative to the configuration's; each POST bears `X-Ingestd-Signature: sha256=…`, the HMAC"
        " of its body with the secret in it"
    ),
    "streams[].feedback.min_bitrate": (
        "the encoder is never asked for less: 10kbps to 1Gbps, `max_bitrate` at most"
    ),
}


def plain(markdown: str) -> str:
    """``markdown`` without links; those that stand alone in parentheses are left out."""
    text = re.sub(r" \(\[[^\]]*\]\([^)]*\)\)", "", markdown)
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
