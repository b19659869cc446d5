"""What a configuration is warned of, and where it was written."""

from pathlib import Path

from tests.config.support import LIVEKIT, ONE_STREAM, SECRET, Loads, stream


def test_what_is_pinned_off_is_taken_when_false_and_warned_of_when_true(loads: Loads, tmp_path: Path) -> None:
    config = loads(
        LIVEKIT + "  dynacast: false\n  auto_subscribe: true\nstreams:\n" + stream("simulcast: true"),
    )
    assert [warning.replace(f"{tmp_path}/", "") for warning in config.warnings] == [
        "ingestd.yaml:5: livekit.auto_subscribe: true is ignored: ingestd only publishes",
        "ingestd.yaml:9: streams[0].simulcast: true is ignored: a pre-encoded stream has one layer, "
        "and making others would mean decoding it",
    ]


def test_a_short_secret_is_warned_of_where_it_was_set(loads: Loads, tmp_path: Path) -> None:
    short = "x" * 31
    (of_the_file,) = loads(LIVEKIT.replace(SECRET, short) + ONE_STREAM).warnings
    (of_the_environment,) = loads(LIVEKIT + ONE_STREAM, LIVEKIT_API_SECRET=short).warnings

    assert of_the_file.startswith(f"{tmp_path}/ingestd.yaml:3: livekit.api_secret: is shorter than 32 bytes")
    assert of_the_environment.startswith("environment: LIVEKIT_API_SECRET: is shorter than 32 bytes")
    assert short not in of_the_file + of_the_environment
    assert loads(LIVEKIT.replace(SECRET, short + "x") + ONE_STREAM).warnings == ()


def test_a_secret_without_a_webhook_is_warned_of(loads: Loads, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a secret\n")
    text = LIVEKIT + "streams:\n"
    (warning,) = loads(text + stream("feedback: {webhook_secret_file: secret}")).warnings
    assert warning.endswith(
        "streams[0].feedback.webhook_secret_file: is ignored: it signs what feedback.webhook is sent, and "
        "there is none"
    )
    signed = loads(text + stream("feedback: {webhook: 'http://h/', webhook_secret_file: secret}"))
    assert signed.warnings == ()
    for_others = LIVEKIT + "defaults: {feedback: {webhook_secret_file: secret}}\n" + ONE_STREAM
    assert loads(for_others).warnings == ()


def test_an_open_door_and_keys_without_use_are_warned_of(loads: Loads) -> None:
    text = LIVEKIT + "streams:\n"
    open_door = loads(text + stream("source: {listen: 'tcp://0.0.0.0:5', allow: [0.0.0.0/0]}"))
    unused = loads(
        text + stream("source: {connect: 'tcp://h:5', allow: [10.0.0.0/8], second_encoder: replace}")
    )

    assert "anyone who can reach this port may publish" in open_door.warnings[0]
    assert [warning.rpartition("source.")[2] for warning in unused.warnings] == [
        "allow: is ignored: only a listener on TCP or TLS checks addresses",
        "second_encoder: is ignored: a dialled source has one encoder",
    ]


def test_a_mode_and_a_group_are_for_unix_sockets_and_the_group_has_to_be_there(loads: Loads) -> None:
    tcp = "source: {listen: 'tcp://h:1', socket_mode: '0600', socket_group: root}"
    said = loads(LIVEKIT + "streams:\n" + stream(tcp)).warnings
    assert [line.rpartition("source.")[2] for line in said] == [
        "socket_mode: is ignored: only a unix socket that is listened on has one",
        "socket_group: is ignored: only a unix socket that is listened on has one",
    ]
    unix = "source: {{listen: 'unix:///run/cam', socket_group: {}}}"
    assert loads(LIVEKIT + "streams:\n" + stream(unix.format("root"))).warnings == ()
    [line] = loads(LIVEKIT + "streams:\n" + stream(unix.format("nosuchgroup"))).warnings
    assert "source.socket_group: this machine has no group nosuchgroup" in line
