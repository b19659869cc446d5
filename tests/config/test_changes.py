"""What differs between two configurations, and when a running daemon obeys it."""

import copy
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from ingestd.config import Config, Effect, all_keys, compare, describe_changes, in_force
from ingestd.config.values import SecretFile
from tests.config.support import LIVEKIT, SECRET, Loads, stream

STREAMS = "streams:\n" + stream(name="cam") + stream(name="roof", port=5005)


def changes(loads: Loads, before: str, after: str) -> dict[str, tuple[str, Effect]]:
    found = compare(loads(before), loads(after))
    return {change.key: (change.values, change.effect) for change in found.keys}


def test_the_same_changes_nothing(loads: Loads) -> None:
    found = compare(loads(LIVEKIT + STREAMS), loads(LIVEKIT + "log: {}\n" + STREAMS))
    assert found.keys == ()
    assert found.untouched == ("cam", "roof")
    assert describe_changes(found) == "  nothing\n  streams that go on untouched: cam, roof"


@pytest.mark.parametrize(
    ("text", "key", "values", "effect"),
    [
        ("log: {level: debug}\n", "log.level", "info → debug", Effect.AT_ONCE),
        (
            "http: {listen: '[::1]:1'}\n",
            "http.listen",
            "127.0.0.1:9464 → [::1]:1",
            Effect.RESTART,
        ),
        (
            "hooks: [{url: 'http://u:hidden@a/?k=hidden', secret: hidden}]\n",
            "hooks[0]",
            "none → url: http://a/, secret: [hidden], events: [up, down, stalled]",
            Effect.AT_ONCE,
        ),
    ],
)
def test_a_key_of_a_section(loads: Loads, text: str, key: str, values: str, effect: Effect) -> None:
    assert changes(loads, LIVEKIT + STREAMS, LIVEKIT + text + STREAMS) == {key: (values, effect)}


@pytest.mark.parametrize(
    ("key", "values", "effect"),
    [
        ("url: wss://u:hidden@sfu.example", "ws://127.0.0.1:7880 → wss://sfu.example", Effect.ALL_STREAMS),
        ("h265: off", "auto → off", Effect.RESTART),
        ("signal_relay: false", "true → false", Effect.LATER_ROOMS),
    ],
)
def test_a_key_of_the_server(loads: Loads, key: str, values: str, effect: Effect) -> None:
    before, after = loads(LIVEKIT + STREAMS), loads(f"{LIVEKIT}  {key}\n{STREAMS}")
    found = compare(before, after)
    assert [(change.values, change.effect) for change in found.keys] == [(values, effect)]
    all_again = effect is Effect.ALL_STREAMS
    assert found.untouched == (() if all_again else ("cam", "roof"))


def test_a_secret_is_said_to_have_changed_and_not_shown(loads: Loads) -> None:
    other = LIVEKIT.replace(SECRET, SECRET.upper())
    found = changes(loads, LIVEKIT + STREAMS, other + STREAMS)
    assert found == {"livekit.api_secret": ("changed in what is not shown", Effect.ALL_STREAMS)}


@pytest.mark.parametrize(
    ("line", "key", "values"),
    [
        ("max_bitrate: 8Mbps", "max_bitrate", "auto → 8Mbps"),
        ("max_backlog: 2s", "max_backlog", "500ms → 2s"),
        ("live: true", "live", "auto → true"),
        ("codec: h264", "codec", "auto → h264"),
        ("track: '\\e[31m'", "track", None),
        ("feedback: {webhook: 'http://u:hidden@a/x'}", "feedback.webhook", "null → http://a/x"),
        (
            "source: {listen: 'tcp://127.0.0.1:5004', idle_timeout: 0, socket_mode: '0600'}",
            "source.idle_timeout",
            "auto → 0",
        ),
    ],
)
def test_a_key_of_a_stream_has_that_stream_alone_start_again(
    loads: Loads, line: str, key: str, values: str | None
) -> None:
    after = LIVEKIT + "streams:\n" + stream(line, name="cam") + stream(name="roof", port=5005)
    found = compare(loads(LIVEKIT + STREAMS), loads(after))
    change = next(change for change in found.keys if change.key == f"streams[cam].{key}")
    assert change.effect is Effect.STREAM
    assert values is None or change.values == values
    assert found.untouched == ("roof",)


def test_a_mode_is_written_as_in_the_file(loads: Loads) -> None:
    sources = (f"source: {{listen: 'unix:///run/x', socket_mode: '{mode}'}}" for mode in ("0600", "0666"))
    before, after = (LIVEKIT + "streams:\n" + stream(source) for source in sources)
    assert changes(loads, before, after)["streams[cam].source.socket_mode"][0] == '"0600" → "0666"'


def test_streams_come_go_and_change_their_order(loads: Loads) -> None:
    after = LIVEKIT + "streams:\n" + stream(name="roof", port=5005) + stream(name="yard", port=5006)
    found = compare(loads(LIVEKIT + STREAMS), loads(after))
    assert [(change.key, change.effect) for change in found.keys] == [
        ("streams[cam]", Effect.REMOVED),
        ("streams[yard]", Effect.ADDED),
    ]
    assert found.untouched == ("roof",)
    swapped = LIVEKIT + "streams:\n" + stream(name="roof", port=5005) + stream(name="cam")
    assert compare(loads(LIVEKIT + STREAMS), loads(swapped)).keys == ()


def test_long_values_are_cut(loads: Loads) -> None:
    after = (
        LIVEKIT + "streams:\n" + stream(f"track: {'x' * 200}", name="cam") + stream(name="roof", port=5005)
    )
    values, _ = changes(loads, LIVEKIT + STREAMS, after)["streams[cam].track"]
    assert values == f"cam → {'x' * 79}…"


def test_what_needs_a_restart_stays_in_force(loads: Loads) -> None:
    running: Config = loads(LIVEKIT + STREAMS)
    wanted = loads(LIVEKIT + "  h265: off\nhttp: {listen: 'localhost:1'}\nlog: {level: debug}\n" + STREAMS)
    now = in_force(running, wanted)
    assert (now.http, now.livekit.h265, now.log.level) == (running.http, "auto", "debug")
    assert {change.key for change in compare(now, wanted).keys} == {"http.listen", "livekit.h265"}
    assert compare(now, running).keys == compare(wanted, running).keys[-1:]


# Of every key a value as a user writes it, which is how it is to be shown.
WRITTEN = {
    "livekit.url": "wss://sfu.example",
    "livekit.api_key": "another",
    "livekit.api_secret_file": "secret.txt",
    "livekit.token_file": "token.txt",
    "livekit.h265": "native",
    "livekit.signal_relay": "false",
    "http.listen": "0.0.0.0:8080",
    "http.preview": "true",
    "log.level": "debug",
    "log.format": "json",
    "limits.max_connections": "40",
    "streams[].room": "attic",
    "streams[].identity": "roof",
    "streams[].track": "screen",
    "streams[].join": "with-encoder",
    "streams[].track_source": "screen_share",
    "streams[].participant.name": "Front door",
    "streams[].participant.metadata": "old",
    "streams[].participant.attributes": '{"floor": "1", "side": "north"}',
    "streams[].source.listen": "tcp://127.0.0.1:5005",
    "streams[].source.connect": "unix:///run/encoder",
    "streams[].source.allow": "[10.0.0.0/8, fd00::/8]",
    "streams[].source.tls.cert": "cert.pem",
    "streams[].source.tls.key": "key.pem",
    "streams[].source.tls.client_ca": "clients.pem",
    "streams[].source.tls.ca": "ca.pem",
    "streams[].source.tls.server_name": "encoder.example",
    "streams[].source.token_file": "tokens.txt",
    "streams[].source.proxy_protocol": "true",
    "streams[].source.max_connections": "64",
    "streams[].source.max_connection_rate": "20",
    "streams[].source.socket_mode": '"0600"',
    "streams[].source.socket_group": "video",
    "streams[].source.second_encoder": "replace",
    "streams[].source.idle_timeout": "30s",
    "streams[].source.reconnect_for_keyframe": "false",
    "streams[].codec": "h265",
    "streams[].format": "annexb",
    "streams[].max_bitrate": "2.5Mbps",
    "streams[].max_framerate": "29.97",
    "streams[].live": "true",
    "streams[].framerate": "25.0",
    "streams[].max_backlog": "250ms",
    "streams[].max_picture": "512KiB",
    "streams[].max_gop": "64MiB",
    "streams[].replay": "never",
    "streams[].b_frames": "reject",
    "streams[].frame_metadata": "false",
    "streams[].feedback.inline": "true",
    "streams[].feedback.webhook": "https://example.com/encoder",
    "streams[].feedback.min_bitrate": "200kbps",
    "hooks.url": "https://example.com/b",
    "hooks.events": "[up, down]",
}
SECRETS: dict[str, object] = {
    "livekit.api_secret": "never-shown-and-long-enough",
    "livekit.token": "never-shown",
    "streams[].source.token": ["never-shown"],
    "hooks.secret": "never-shown",
}
# The name says which stream it is; what the loader reads from files has a test of its own.
ELSEWHERE = {"streams[].name", "defaults", "hooks.secret_file", "streams[].feedback.webhook_secret_file"}
LEAST: dict[str, Any] = {
    "livekit": {"api_key": "key", "api_secret": SECRET},
    "streams": [{"name": "cam", "room": "lobby", "source": {"listen": "tcp://127.0.0.1:5004"}}],
    "hooks": [{"url": "https://example.com/a"}],
}


def shown(key: str, value: object) -> str:
    """What is said of ``key`` to become ``value``, from what it is in LEAST."""
    raw = copy.deepcopy(LEAST)
    *sections, name = key.split(".")
    section: Any = raw
    for part in sections:
        section = section.setdefault(part.removesuffix("[]"), {})
        section = section[0] if isinstance(section, list) else section
    section[name] = value
    if name == "connect":
        del section["listen"]
    changes = compare(Config.model_validate(LEAST), Config.model_validate(raw)).keys
    return next(change.after for change in changes if change.key.endswith(f".{name}"))


def test_every_key_is_here() -> None:
    assert sorted([*WRITTEN, *SECRETS, *ELSEWHERE]) == sorted(all_keys())


@pytest.mark.parametrize("key", WRITTEN)
def test_every_value_is_shown_as_a_user_writes_it(key: str) -> None:
    assert shown(key, yaml.safe_load(WRITTEN[key])) == WRITTEN[key]


@pytest.mark.parametrize("key", SECRETS)
def test_a_secret_that_is_new_is_not_shown(key: str) -> None:
    assert shown(key, SECRETS[key]) == "[hidden]"


def test_of_a_secret_in_a_file_the_name_is_shown() -> None:
    file = SecretFile("webhook.txt", SecretStr("never-shown"))
    assert shown("streams[].feedback.webhook_secret_file", file) == "webhook.txt"
    assert shown("hooks.secret_file", "hook.txt") == "hook.txt"
