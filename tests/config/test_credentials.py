"""Key and secret, or a token: each by itself."""

import time
from pathlib import Path

import jwt
import pytest

from ingestd.config import describe
from tests.config.support import ONE_STREAM, SECRET, Complains, Loads, stream

VIDEO = {"roomJoin": True, "room": "lobby"}


def token(identity: str = "front-door", *, valid_s: float = 20_000, **video: object) -> str:
    claims = {"sub": identity, "video": VIDEO | video, "exp": time.time() + valid_s}
    return jwt.encode(claims, SECRET)


def test_a_token_takes_the_place_of_key_and_secret(loads: Loads) -> None:
    config = loads(f"livekit: {{token: {token()}}}\n" + ONE_STREAM)
    assert config.livekit.token_source is not None
    assert config.livekit.token_source.read().room == "lobby"
    text = describe(config)
    assert "with the token (livekit.token), which expires at " in text
    assert "UTC, in 6 h." in text
    assert token()[:20] not in text + repr(config)


def test_a_token_file_is_named_and_not_kept(loads: Loads, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(token() + "\n")
    config = loads("livekit: {token_file: token}\n" + ONE_STREAM)
    assert config.livekit.token_file == str(tmp_path / "token")
    assert config.livekit.token is None
    assert f"with the token in {tmp_path}/token, which expires at" in describe(config)
    (tmp_path / "token").write_text(token(valid_s=-7200) + "\n")
    assert loads("livekit: {token_file: token}\n" + ONE_STREAM) == config, "it may be replaced at any time"


def test_a_token_file_that_holds_none(complains: Complains, tmp_path: Path) -> None:
    text = "livekit:\n  token_file: token\n" + ONE_STREAM
    (line,) = complains(text)
    assert line == (
        "ingestd.yaml:2: livekit.token_file: 'token' cannot be read: No such file or directory; "
        "give ingestd a file that it may read"
    )
    (tmp_path / "token").write_text(SECRET)
    (line,) = complains(text)
    assert "livekit.token_file: what is in 'token' is no access token: three parts of base64url" in line


def test_what_the_token_does_not_allow_is_named_with_its_room_and_identity(complains: Complains) -> None:
    text = f"livekit: {{token: {token('cam')}}}\nstreams:\n"
    streams = stream() + stream("track: other", room="hall", port=1) + stream(name="b", port=2)
    only = "the token (livekit.token) is for room 'lobby' as identity 'cam'"
    found = complains(text + streams)
    assert [line.partition("; allowed")[0] for line in found if "is also the name" not in line] == [
        f"ingestd.yaml:7: streams[1].room: 'hall' is another room: {only}",
        f"ingestd.yaml:10: streams[2].identity: 'b' is another participant: {only}",
    ]


@pytest.mark.parametrize(
    ("video", "complaint"),
    [
        ({"roomJoin": False}, "it does not let anyone join a room (no roomJoin)"),
        ({"canPublish": False}, "it forbids to publish (canPublish)"),
        ({"canPublishSources": ["screen_share"]}, "it forbids to publish camera (canPublishSources)"),
    ],
)
def test_grants_that_are_missing_are_named(complains: Complains, video: object, complaint: str) -> None:
    (line,) = complains(f"livekit: {{token: {token(**video)}}}\n" + ONE_STREAM)  # type: ignore[arg-type]
    assert f"livekit.token: {complaint}; make one with `lk token create --token-only --join" in line


def test_what_is_said_of_the_participant_is_in_the_token(complains: Complains) -> None:
    text = f"livekit: {{token: {token('cam')}}}\nstreams:\n"
    (line,) = complains(text + stream("participant: {name: Door}"))
    assert line.endswith("streams[0].participant: is said by the token, where one is given; leave it out")


def test_a_token_beside_key_and_secret_is_too_much(complains: Complains, loads: Loads) -> None:
    both = f"livekit: {{token: {token()}, api_key: k, api_secret: {SECRET}}}\n" + ONE_STREAM
    (line,) = complains(both)
    assert "livekit.token: api_key and api_secret are set as well; allowed: a token, a token_file" in line
    assert len(complains("livekit: {url: 'ws://h'}\n" + ONE_STREAM)) == 2
    assert loads(both.replace("k,", "devkey,"), INGESTD_LIVEKIT__TOKEN=token()).livekit.api_key == ""


def test_a_token_of_the_environment_replaces_key_and_secret_and_the_reverse(loads: Loads) -> None:
    pair = f"livekit: {{api_key: k, api_secret: {SECRET}}}\n" + ONE_STREAM
    assert loads(pair, LIVEKIT_TOKEN=token()).livekit.token_source is not None
    given = f"livekit: {{token: {token()}}}\n" + ONE_STREAM
    assert loads(given, LIVEKIT_API_KEY="k", LIVEKIT_API_SECRET=SECRET).livekit.token_source is None


def test_a_token_and_a_pair_in_the_environment_are_too_much(complains: Complains) -> None:
    pair = {"LIVEKIT_API_KEY": "k", "LIVEKIT_API_SECRET": SECRET}
    (line,) = complains(ONE_STREAM, LIVEKIT_TOKEN=token(), **pair)
    assert line.startswith(
        "environment: LIVEKIT_TOKEN: LIVEKIT_API_KEY and LIVEKIT_API_SECRET are set as well"
    )
    (line,) = complains(f"livekit: {{token: {token()}}}\n" + ONE_STREAM, LIVEKIT_API_KEY="k")
    assert "livekit.token: LIVEKIT_API_KEY is set as well" in line
