"""A file and the environment to one configuration: defaults, secrets, all mistakes at once, warnings."""

import contextlib
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingestd.config import (
    PRIVATE_NETWORKS,
    Address,
    Config,
    LiveKitConfig,
    SourceConfig,
    StreamConfig,
    all_keys,
    describe,
    load,
    load_http,
)
from ingestd.errors import ConfigError
from tests.config.support import LIVEKIT, ONE_STREAM, SECRET, Complains, Loads, stream
from tests.support.certificates import make_ca

ROOT = Path(__file__).parent.parent.parent
SECTIONS = ["streams", "livekit", "http", "log", "defaults"]
WORDS = sorted({key.rpartition(".")[2] for key in all_keys()} | {"source", "feedback", "simulcast", "<<"})


def test_the_commented_file_equals_the_defaults() -> None:
    config = load(ROOT / "config/ingestd.yaml", {})

    assert ["livekit.api_secret" in warning for warning in config.warnings] == [True], "that of a test server"
    assert config.model_copy(update={"warnings": ()}) == Config(
        livekit=LiveKitConfig.model_validate({"api_key": "devkey", "api_secret": "secret"}),
        streams=(
            StreamConfig(
                name="front-door",
                room="lobby",
                source=SourceConfig(listen=Address("tcp", "127.0.0.1", 5004)),
            ),
        ),
    )


def test_a_small_file_is_enough(loads: Loads) -> None:
    config = loads(LIVEKIT + ONE_STREAM)

    (front_door,) = config.streams
    assert config.livekit.url == "ws://127.0.0.1:7880"
    assert config.livekit.api_secret.get_secret_value() == SECRET
    assert (front_door.identity, front_door.track) == ("front-door", "front-door")
    assert front_door.source.address == Address("tcp", "127.0.0.1", 5004)
    assert front_door.source.allow == PRIVATE_NETWORKS
    assert (front_door.codec, front_door.format) == (None, None)
    assert config.warnings == ()


def test_defaults_go_under_every_stream_and_mappings_are_merged_key_by_key(loads: Loads) -> None:
    config = loads(
        LIVEKIT
        + "defaults: {room: hall, max_bitrate: 1Mbps, source: {idle_timeout: 3s, second_encoder: replace}}\n"
        + "streams:\n"
        + "- {name: a, source: {listen: 'tcp://127.0.0.1:1', idle_timeout: 5s}}\n"
        + "- {name: b, source: {listen: 'tcp://127.0.0.1:2'}, room: attic, max_bitrate: null}\n"
    )

    a, b = config.streams
    assert (a.room, a.max_bitrate, a.source.idle_timeout, a.source.second_encoder) == (
        "hall",
        10**6,
        5,
        "replace",
    )
    assert (b.room, b.source.idle_timeout) == ("attic", 3)
    assert b.max_bitrate is None, "null is the built-in default"


def test_a_stream_that_dials_overrides_a_default_that_listens(loads: Loads) -> None:
    config = loads(
        LIVEKIT
        + "defaults: {source: {listen: 'tcp://127.0.0.1:1'}}\nstreams:\n"
        + stream("source: {connect: 'tcp://10.0.0.7:8554'}")
    )

    assert config.streams[0].source.address == Address("tcp", "10.0.0.7", 8554)
    assert config.streams[0].source.listen is None


def test_a_secret_is_read_from_a_file_beside_the_configuration(loads: Loads, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")

    config = loads("livekit: {api_key: k, api_secret_file: secret}\n" + ONE_STREAM)

    assert config.livekit.api_secret.get_secret_value() == SECRET


def test_a_secret_file_that_cannot_be_read(complains: Complains, tmp_path: Path) -> None:
    text = "livekit:\n  api_key: k\n  api_secret_file: "

    assert complains(text + "none\n" + ONE_STREAM) == [
        "ingestd.yaml:3: livekit.api_secret_file: 'none' cannot be read: No such file or directory; "
        "give ingestd a file that it may read"
    ]
    (tmp_path / "empty").write_text("\n")
    assert complains(text + "empty\n" + ONE_STREAM) == [
        "ingestd.yaml:3: livekit.api_secret_file: 'empty' is empty, or has spaces around it "
        "or control characters in it; allowed: one line of text"
    ]


def test_the_secret_of_a_webhook_is_read_from_a_file_for_each_stream_or_for_all(
    loads: Loads, tmp_path: Path
) -> None:
    for name in ("one", "other"):
        (tmp_path / name).write_text(f"{name} secret\n")
    config = loads(
        LIVEKIT
        + "defaults: {feedback: {webhook: 'http://h/', webhook_secret_file: one}}\n"
        + "streams:\n"
        + stream(name="a")
        + stream("feedback: {webhook_secret_file: other}", name="b", port=5005)
    )
    files = [config.feedback.webhook_secret_file for config in config.streams]
    assert [(file.name, file.secret.get_secret_value()) for file in files if file] == [
        ("one", "one secret"),
        ("other", "other secret"),
    ]


def test_a_webhooks_secret_that_cannot_be_read_is_named(complains: Complains, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert complains(
        LIVEKIT
        + "defaults: {feedback: {webhook_secret_file: none}}\n"
        + "streams:\n"
        + stream("feedback: {webhook_secret_file: empty}")
        + stream("feedback: {webhook_secret_file: 5, min_bitrate: auto}", name="b", port=5005)
    ) == [
        "ingestd.yaml:4: defaults.feedback.webhook_secret_file: 'none' cannot be read: "
        "No such file or directory; give ingestd a file that it may read",
        "ingestd.yaml:8: streams[0].feedback.webhook_secret_file: 'empty' is empty, or has spaces around it "
        "or control characters in it; allowed: one line of text",
        "ingestd.yaml:12: streams[1].feedback.webhook_secret_file: 5 is no path of a file; put it in quotes",
        "ingestd.yaml:12: streams[1].feedback.min_bitrate: 'auto' is no bitrate; allowed: 10kbps to 1Gbps",
    ]


def test_a_key_in_pem_is_no_secret(complains: Complains, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nhidden\n-----END PRIVATE KEY-----\n")
    assert complains(
        LIVEKIT + "streams:\n" + stream("feedback: {webhook: 'http://h/', webhook_secret_file: key.pem}")
    ) == [
        "ingestd.yaml:7: streams[0].feedback.webhook_secret_file: 'key.pem' has several lines; a secret of "
        "one line is expected"
    ]


def test_two_secrets_are_one_too_many(complains: Complains) -> None:
    assert complains(LIVEKIT + "  api_secret_file: x\n" + ONE_STREAM) == [
        "ingestd.yaml:4: livekit.api_secret_file: api_secret is set as well; allowed: one of them"
    ]


def test_the_secret_is_never_shown(loads: Loads, complains: Complains) -> None:
    config = loads(LIVEKIT + ONE_STREAM)
    assert SECRET not in repr(config) + str(config) + describe(config) + config.model_dump_json()

    # `complains` looks for the secret in what is said.
    complains(f"livekit: {{api_key: k, api_secret: [{SECRET}]}}\n" + ONE_STREAM)
    complains(f"livekit: {{api_key: k, api_secret: ' {SECRET}'}}\n" + ONE_STREAM)
    complains(f"livekit: {{api_key: k, api_secrte: {SECRET}}}\n" + ONE_STREAM)
    complains(f"livekit: {{api_key: k, api_secret: *{SECRET}}}\n" + ONE_STREAM)
    complains(f"livekit: {{api_key: k, api_secret: !{SECRET} x, y}}: \n" + ONE_STREAM)
    complains(f"livekit: {{api_key: k, api_secret: x, url: 'ftp://u:{SECRET}@h/?t={SECRET}'}}\n" + ONE_STREAM)


def test_all_mistakes_are_listed_each_with_its_line(complains: Complains) -> None:
    text = """\
livekit:
  url: ftp://sfu
  api_key: 12
  api_secret: x
log: {level: loud}
colour: red
defaults:
  max_backlog: 1h
streams:
  - name: Front Door
    rom: lobby
    listen: tcp://127.0.0.1:5004
  - name: b
    room: c
    source: {codec: h264, listen: "tcp://::1:50"}
    max_framerate: 0
    feedback: {inline: perhaps}
"""
    assert complains(text) == [
        "ingestd.yaml:2: livekit.url: 'ftp://sfu' is not usable; "
        "allowed: ws://HOST or wss://HOST or http://HOST or https://HOST",
        "ingestd.yaml:3: livekit.api_key: 12 is not text; put it in quotes",
        "ingestd.yaml:5: log.level: 'loud' is not known; allowed: debug, info, warning or error",
        "ingestd.yaml:6: colour: is not known; allowed: livekit, http, log, limits, defaults, streams, hooks",
        "ingestd.yaml:8: defaults.max_backlog: '1h' is out of range; allowed: 20ms to 30s",
        "ingestd.yaml:10: streams[0].name: 'Front Door' is not a stream name; "
        "allowed: a-z, 0-9, '.', '_' and '-', the first one of a-z, 0-9",
        "ingestd.yaml:10: streams[0].room: is missing; the room to publish into, e.g. lobby",
        "ingestd.yaml:10: streams[0].source: is missing; "
        "write listen: tcp://127.0.0.1:5004 or connect: tcp://HOST:PORT below it",
        "ingestd.yaml:11: streams[0].rom: is not known; did you mean room?",
        "ingestd.yaml:12: streams[0].listen: is not known here; it belongs under source",
        "ingestd.yaml:15: streams[1].source.listen: 'tcp://::1:50' has no host and port; "
        "put the IPv6 address in brackets, e.g. 127.0.0.1:5004 or [::1]:5004",
        "ingestd.yaml:15: streams[1].source.codec: is not known here; it belongs to the stream, one level up",
        "ingestd.yaml:16: streams[1].max_framerate: 0 is out of range; allowed: 1 to 240",
        "ingestd.yaml:17: streams[1].feedback.inline: 'perhaps' is not known; allowed: true or false",
    ]


def test_no_password_of_an_encoder_is_repeated(complains: Complains) -> None:
    text = LIVEKIT + "streams:\n- {name: a, room: r, source: {connect: 'tcp://cam:hunter2@1.2.3.4:5'}}\n"
    (line,) = complains(text)
    assert "hunter2" not in line
    assert "streams[0].source.connect: 'tcp://[hidden]@1.2.3.4:5' has no host and port" in line


def test_a_section_that_is_none_is_shown_but_where_it_may_be_a_secret(complains: Complains) -> None:
    assert complains(LIVEKIT + "log: 5\n" + ONE_STREAM) == [
        "ingestd.yaml:4: log: 5 is not usable; a mapping is needed, with the keys level, format"
    ]
    assert not [line for line in complains(f"livekit: {SECRET}\n" + ONE_STREAM) if SECRET in line]


@pytest.mark.parametrize("streams", ["", "streams:\n", "streams: []\n"])
def test_at_least_one_stream_is_needed(complains: Complains, streams: str) -> None:
    (line,) = complains(LIVEKIT + streams)
    assert line.endswith("streams: is missing or empty; at least one stream is needed")


@pytest.mark.parametrize(
    "text", ["livekit: 5\nstreams: 5\n", "livekit: []\nstreams: [5, [], null]\nhttp: x\n1: 2\n? [a]\n: b\n"]
)
def test_wrong_shapes_are_said_and_do_not_crash(complains: Complains, text: str) -> None:
    assert complains(text, INGESTD_STREAMS__0__ROOM="x", INGESTD_LIVEKIT__URL="y")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.just("tcp://h:1"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inner)
    ),
    max_leaves=20,
)


@settings(deadline=None)  # the machine may be busy
@given(
    root=st.dictionaries(st.sampled_from(SECTIONS), values, min_size=1),
    stream=values,
    text=st.text(max_size=9),
)
@example(root={"streams": [None]}, stream={}, text="")
def test_whatever_is_written_is_loaded_or_complained_of(
    tmp_path_factory: pytest.TempPathFactory, root: dict[str, object], stream: object, text: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_text(yaml.safe_dump({"streams": [stream], **root}), encoding="utf-8")
    environ = {
        f"INGESTD_{section}__0__{key}".upper(): text for section, key in zip(SECTIONS, WORDS, strict=False)
    }
    for environment in ({}, environ):
        with contextlib.suppress(ConfigError):
            load(file, environment)


def test_a_missing_file_and_a_directory(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read: No such file or directory"):
        load(tmp_path / "none.yaml", {})
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path, {})


def test_a_file_may_begin_with_a_byte_order_mark(loads: Loads) -> None:
    assert loads(b"\xef\xbb\xbf" + (LIVEKIT + ONE_STREAM).encode()).streams


HOOK = "hooks:\n  - url: https://user:word@example.com/hook\n    secret_file: hook-secret\n"


def test_hooks_are_read_with_their_secrets(loads: Loads, tmp_path: Path) -> None:
    (tmp_path / "hook-secret").write_text("a hook's secret\n")
    [hook] = loads(LIVEKIT + HOOK + ONE_STREAM).hooks
    assert hook.secret is not None
    assert hook.secret.get_secret_value() == "a hook's secret"
    assert [str(event) for event in hook.events] == ["up", "down", "stalled"]
    config = loads(LIVEKIT + HOOK + "    events: [stalled, down, down]\n" + ONE_STREAM)
    assert [str(event) for event in config.hooks[0].events] == ["down", "stalled"]
    assert config.secrets == [SECRET, "a hook's secret"]


def test_hooks_are_added_and_changed_by_the_environment(loads: Loads) -> None:
    config = loads(
        LIVEKIT + ONE_STREAM,
        INGESTD_HOOKS__0__URL="http://127.0.0.1:1/",
        INGESTD_HOOKS__0__EVENTS="up,down",
        INGESTD_HOOKS__1__URL="http://127.0.0.1:2/",
        INGESTD_HOOKS__1__SECRET="known",
    )
    assert [hook.url for hook in config.hooks] == ["http://127.0.0.1:1/", "http://127.0.0.1:2/"]
    assert [str(event) for event in config.hooks[0].events] == ["up", "down"]
    [warning] = config.warnings
    assert "hooks[0]: has no secret_file: its posts are not signed" in warning


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("hooks: x\n", "hooks: a list is needed, each item beginning with - url: …"),
        ("hooks: [x]\n", "hooks[0]: a mapping is needed, beginning with url: …"),
        ("hooks: [{}]\n", "hooks[0].url: is missing; where to post, e.g. https://example.com/ingestd"),
        (
            "hooks: [{url: 'ftp://u:word@a/'}]\n",
            "hooks[0].url: 'ftp://a/' is not usable; allowed: http://HOST or https://HOST",
        ),
        (
            "hooks: [{url: 'http://a/', events: [gone]}]\n",
            "hooks[0].events: 'gone' is not known; allowed: up, down, stalled",
        ),
        (
            "hooks: [{url: 'http://a/', events: 5}]\n",
            "hooks[0].events: 5 is not a list of events; write [up, down, stalled]",
        ),
        ("hooks: [{url: 'http://a/', evens: up}]\n", "hooks[0].evens: is not known; did you mean events?"),
        (
            "hooks: [{url: 'http://a/', secret_file: none}]\n",
            "hooks[0].secret_file: 'none' cannot be read: No such file or directory; "
            "give ingestd a file that it may read",
        ),
        (
            "hooks: [{url: 'http://a/', secret: x, secret_file: none}]\n",
            "hooks[0].secret_file: secret is set as well; allowed: one of them",
        ),
    ],
)
def test_a_bad_hook(complains: Complains, text: str, complaint: str) -> None:
    [line] = complains(text + LIVEKIT + ONE_STREAM)
    assert line == f"ingestd.yaml:1: {complaint}"


def test_the_section_http_alone_is_read_without_the_secrets(tmp_path: Path) -> None:
    file = tmp_path / "ingestd.yaml"
    file.write_text("livekit: {api_secret_file: /not/for/me}\nhttp: {listen: '[::1]:9000'}\n")
    assert str(load_http(file, {"LIVEKIT_URL": "nonsense"}).listen) == "http://[::1]:9000"
    assert str(load_http(file, {"INGESTD_HTTP__LISTEN": "h:1"}).listen) == "http://h:1"
    assert str(load_http(None, {}).listen) == "http://127.0.0.1:9464"
    with pytest.raises(ConfigError, match="environment: INGESTD_HTTP__LISTEN: 'h' has no host and port"):
        load_http(None, {"INGESTD_HTTP__LISTEN": "h"})


def test_defaults_of_a_section_within_a_section_are_kept_key_by_key(loads: Loads, tmp_path: Path) -> None:
    made = make_ca(tmp_path)
    defaults = f"defaults: {{source: {{tls: {{client_ca: {made.cert}}}, token_file: tokens}}}}\n"
    tls = f"tls: {{cert: {made.cert}, key: {made.key}}}"
    own = f"source: {{listen: 'tls://h:1', {tls}, token: a-token-of-16-letters}}"
    [one] = loads(LIVEKIT + defaults + "streams:\n" + stream(own)).streams
    assert one.source.tls.client_ca == str(made.cert), "else anyone would be let in"
    assert (len(one.source.token), one.source.token_file) == (1, None), "its own token replaces the file"
