"""What is posted, and its sample."""

import json
from dataclasses import replace

from pydantic import SecretStr

from ingestd.config import HookConfig, HookEvent, SourceConfig, StreamConfig
from ingestd.config.address import parse_address
from ingestd.hooks.event import Event, describe_hooks, headers
from ingestd.signature import sign

SECRET = SecretStr("a secret nobody may see")
EVENT = Event(HookEvent.DOWN, "cam", "lobby", '«quotes" and\nlines»', 5)
CAM = StreamConfig(
    name="cam", room="lobby", source=SourceConfig(listen=parse_address("tcp://127.0.0.1:5004"))
)


def test_an_event_is_one_object_of_json() -> None:
    assert json.loads(EVENT.body()) == {
        "event": "down",
        "stream": "cam",
        "room": "lobby",
        "reason": '«quotes" and\nlines»',
        "at_us": 5,
    }
    assert b"\n" not in EVENT.body()


def test_it_is_signed_where_there_is_a_secret() -> None:
    body = EVENT.body()
    assert headers(HookConfig(url="http://a/"), body) == {"Content-Type": "application/json"}
    signed = headers(HookConfig(url="http://a/", secret=SECRET), body)
    assert signed["X-Ingestd-Signature"] == sign(SECRET.get_secret_value().encode(), body)
    assert signed != headers(HookConfig(url="http://a/", secret=SECRET), replace(EVENT, at_us=6).body())


def test_the_sample_shows_how_to_check_the_signature_and_no_secret() -> None:
    hook = HookConfig(
        url="https://user:word@example.com/x?key=word", secret=SECRET, secret_file="hook-secret"
    )
    said = describe_hooks([hook, HookConfig(url="http://a/", events=(HookEvent.STALLED,))], CAM)
    first, second = said.split("hook http://a/")
    assert first.startswith(
        "hook https://example.com/x is told of up, down, stalled, signed with the secret in hook-secret"
    )
    body = first.splitlines()[-1].strip()
    assert json.loads(body)["event"] == "up"
    assert f"X-Ingestd-Signature: {sign(SECRET.get_secret_value().encode(), body.encode())}\n" in first
    assert second.startswith(" is told of stalled, unsigned; a sample:")
    assert "word" not in said
    assert SECRET.get_secret_value() not in said
    assert describe_hooks([], CAM) == ""
