"""The environment over the file: which variable means which key."""

from pathlib import Path

import pytest

from ingestd.config import (
    Address,
)
from tests.config.support import LIVEKIT, ONE_STREAM, SECRET, Complains, Loads, stream


def test_the_environment_goes_before_the_file(loads: Loads) -> None:
    config = loads(
        LIVEKIT + "defaults: {b_frames: warn}\n" + ONE_STREAM,
        INGESTD_HTTP__LISTEN="[::1]:0",
        INGESTD_LIVEKIT__API_KEY="other",
        LIVEKIT_API_KEY="third",
        INGESTD_DEFAULTS__B_FRAMES="reject",
        INGESTD_DEFAULTS__FRAME_METADATA="false",
        INGESTD_STREAMS__0__ROOM="attic",
        INGESTD_STREAMS__FRONT_DOOR__MAX_BITRATE="2Mbps",
        INGESTD_STREAMS__FRONT_DOOR__FEEDBACK__INLINE="true",
        INGESTD_STREAMS__FRONT_DOOR__SOURCE__ALLOW="10.0.0.0/8, ::1",
        INGESTD_LIVEKIT_SERVER="/usr/bin/livekit-server",
    )

    (front_door,) = config.streams
    assert config.http.listen == Address("http", "::1", 0)
    assert config.livekit.api_key == "other"
    assert front_door.b_frames == "reject"
    assert not front_door.frame_metadata
    assert front_door.room == "attic"
    assert front_door.max_bitrate == 2_000_000
    assert front_door.feedback.inline
    assert front_door.source.allows("10.1.1.1")
    assert not front_door.source.allows("127.0.0.1")


def test_the_environment_adds_streams_in_order(loads: Loads) -> None:
    config = loads(
        LIVEKIT,
        **{f"INGESTD_STREAMS__{n}__NAME": f"cam-{n}" for n in range(11)},
        **{f"INGESTD_STREAMS__{n}__SOURCE__LISTEN": f"unix:///run/{n}" for n in range(11)},
        INGESTD_DEFAULTS__ROOM="hall",
    )

    assert [stream.name for stream in config.streams] == [f"cam-{n}" for n in range(11)]


def test_the_livekit_variables_fill_in_for_the_file(loads: Loads) -> None:
    config = loads(ONE_STREAM, LIVEKIT_API_KEY="k", LIVEKIT_API_SECRET=SECRET, LIVEKIT_URL="")

    assert config.livekit.api_secret.get_secret_value() == SECRET
    assert config.livekit.url == "ws://127.0.0.1:7880", "empty is unset"


def test_a_variable_that_matches_nothing_is_an_error_and_its_value_is_not_shown(complains: Complains) -> None:
    assert complains(LIVEKIT + ONE_STREAM, INGESTD_LIVEKIT__API_SECERT=SECRET) == [
        "environment: INGESTD_LIVEKIT__API_SECERT: matches no key; did you mean INGESTD_LIVEKIT__API_SECRET?"
    ]
    assert complains(LIVEKIT + ONE_STREAM, INGESTD_STREAMS__FRONT_DOOR__MAX_BITRAT="1") == [
        "environment: INGESTD_STREAMS__FRONT_DOOR__MAX_BITRAT: matches no stream and key; "
        "did you mean INGESTD_STREAMS__FRONT_DOOR__MAX_BITRATE?"
    ]


@pytest.mark.parametrize(
    "variable", ["INGESTD_", "INGESTD_STREAMS", "INGESTD_STREAMS__0", "INGESTD_HTTP", "INGESTD_A__B"]
)
def test_odd_variables_are_errors_too(complains: Complains, variable: str) -> None:
    (line,) = complains(LIVEKIT + ONE_STREAM, **{variable: SECRET})
    assert line.startswith(f"environment: {variable}: matches no ")


def test_streams_are_added_without_gaps(complains: Complains) -> None:
    assert complains(LIVEKIT + ONE_STREAM, INGESTD_STREAMS__7__ROOM="x") == [
        "environment: INGESTD_STREAMS__7__ROOM: there is no stream 7; allowed: 0 to 1 (one more)"
    ]


def test_a_name_that_could_mean_two_streams_is_an_error(complains: Complains) -> None:
    text = LIVEKIT + "streams:\n" + stream(name="a-b", port=1) + stream(name="a.b", port=2)

    assert complains(text, INGESTD_STREAMS__A_B__MAX_BITRATE="1Mbps") == [
        "environment: INGESTD_STREAMS__A_B__MAX_BITRATE: could mean streams[0] and streams[1]; "
        "use the number of the stream, from 0"
    ]


def test_a_bad_value_names_its_variable(complains: Complains) -> None:
    assert complains(LIVEKIT + ONE_STREAM, INGESTD_DEFAULTS__MAX_BITRATE="fast") == [
        "environment: INGESTD_DEFAULTS__MAX_BITRATE: 'fast' is not a bitrate; "
        "write 800kbps, 8Mbps, 1Gbps or a number of bit/s"
    ]


def test_a_secret_of_the_environment_replaces_the_files(loads: Loads, tmp_path: Path) -> None:
    text = "livekit: {api_key: k, api_secret_file: none}\n" + ONE_STREAM
    assert loads(text, LIVEKIT_API_SECRET=SECRET).livekit.api_secret.get_secret_value() == SECRET

    (tmp_path / "s").write_text("from-file")
    config = loads(LIVEKIT + ONE_STREAM, INGESTD_LIVEKIT__API_SECRET_FILE="s")
    assert config.livekit.api_secret.get_secret_value() == "from-file"


def test_a_hook_may_come_from_the_environment_alone(loads: Loads) -> None:
    config = loads(LIVEKIT + "hooks:\n" + ONE_STREAM, INGESTD_HOOKS__0__URL="https://hooks.example/a")
    assert [str(hook.url) for hook in config.hooks] == ["https://hooks.example/a"]


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("INGESTD_HOOKS__A__URL", "matches no hook and key; allowed: INGESTD_HOOKS__0__URL, with URL, "),
        ("INGESTD_HOOKS__0__ADDRESS", "matches no hook and key; allowed: INGESTD_HOOKS__0__URL, with URL, "),
        ("INGESTD_HOOKS__1__URL", "there is no hook 1; allowed: 0 to 0 (one more)"),
        ("INGESTD_STREAMS__2__NAME", "there is no stream 2; allowed: 0 to 1 (one more)"),
    ],
)
def test_a_place_that_a_list_does_not_have_is_an_error(
    complains: Complains, variable: str, said: str
) -> None:
    (complaint,) = complains(LIVEKIT + ONE_STREAM, **{variable: "https://hooks.example/a"})
    assert complaint.startswith(f"environment: {variable}: {said}")
