"""A configuration in words."""

from pathlib import Path

from ingestd.config import (
    describe,
)
from tests.config.support import LIVEKIT, Loads, stream
from tests.support.certificates import make_ca


def test_the_description_says_what_would_happen(loads: Loads) -> None:
    text = (
        LIVEKIT.replace("livekit:", "livekit:\n  url: wss://user:pw@sfu.example/x?access_token=t")
        + "http: {listen: '[::1]:9464'}\nstreams:\n"
        + stream("codec: vp9", "feedback: {inline: true, webhook: 'http://u:pw@hook/a?k=pw'}")
        + stream(
            "source: {connect: 'tcp://10.0.0.7:1', idle_timeout: 0}",
            "simulcast: true",
            "frame_metadata: false",
            "live: false",
            "framerate: 50",
            "max_bitrate: 8Mbps",
            "max_framerate: 60",
            name="roof",
        )
    )
    said = describe(loads(text))

    assert "2 streams to wss://sfu.example/x over 2 room connections" in said
    assert "on http://[::1]:9464." in said
    assert "cam: tcp://127.0.0.1:5004 → track cam in room lobby as cam\n" in said
    assert "the encoder dials ingestd, from loopback and private networks; a second one is refused; " in said
    assert "vp9, format detected; live, or a file at its own pace; any bit rate and picture rate; " in said
    assert "; waits at most 500ms" in said
    assert "a file at its own pace of 50 pictures/s; at most 8Mbps and 60 pictures/s; waits" in said
    assert "; frame metadata: published where every viewer can play it\n" in said
    assert "; frame metadata: none\n" in said
    assert "requests: on the encoder's connection and to http://hook/a; 100kbps at least\n" in said
    assert "ingestd dials the encoder, and redials it; a silent one is kept" in said
    assert "warning: " in said
    assert "pw" not in said
    assert "access_token" not in said


def test_a_least_bitrate_that_is_not_written_gives_way_to_the_maximum(loads: Loads) -> None:
    said = describe(loads(LIVEKIT + "streams:\n" + stream("feedback: {inline: true}", "max_bitrate: 50kbps")))
    assert "requests: on the encoder's connection; 50kbps at least" in said


def test_the_guards_of_a_source_are_said(loads: Loads, tmp_path: Path) -> None:
    made = make_ca(tmp_path)
    tls = f"tls: {{cert: {made.cert}, key: {made.key}, client_ca: {made.cert}}}"
    (tmp_path / "tokens").write_text("a-secret-token-of-many\n")
    source = f"source: {{listen: 'tls://h:1', {tls}, token_file: tokens, proxy_protocol: true}}"
    text = LIVEKIT + "streams:\n" + stream(source)
    text += stream("source: {listen: 'tcp://h:2', token: [a-secret-token-of-many, b]}", name="b")
    text += stream("source: {connect: 'tls://camera:1'}", name="c")
    said = describe(loads(text))
    guards = f"as a load balancer's PROXY header says, by TLS, with a certificate of {made.cert}, "
    assert f"networks, {guards}with one of the tokens in {tmp_path}/tokens; a second" in said
    assert "private networks, with one of several tokens; a second" in said
    assert "redials it, by TLS, with a certificate for camera of a CA the system trusts; " in said
    assert "a-secret-token-of-many" not in said


def test_who_can_watch_the_preview_is_said(loads: Loads) -> None:
    text = LIVEKIT + "http: {preview: true}\nstreams:\n" + stream()
    assert "9464; everyone who reaches it can watch (http.preview)." in describe(loads(text))


def test_who_may_send_and_how_long_one_may_be_silent_is_said(loads: Loads) -> None:
    text = LIVEKIT + "streams:\n"
    text += stream("source: {listen: 'unix:///run/cam', idle_timeout: 10s}")
    text += stream(
        "source: {listen: 'tcp://h:2', allow: [10.0.0.0/8, '::1'], second_encoder: replace}", name="b"
    )
    said = describe(loads(text))
    assert (
        "from any process that may write to the socket; a second one is refused; "
        "one that is silent for 10s is disconnected\n"
    ) in said
    assert "from 10.0.0.0/8, ::1/128; a second one replaces the first; " in said
