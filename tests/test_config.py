"""The configuration: what a file and the environment come to, and what is said of every mistake."""

import contextlib
from pathlib import Path
from typing import Protocol

import pytest
import yaml
from hypothesis import example, given
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
)
from ingestd.errors import ConfigError
from ingestd.media.access_unit import Codec, Format

ROOT = Path(__file__).parent.parent
SECRET = "a-secret-of-32-bytes-or-more-nobody-may-see"

LIVEKIT = f"""\
livekit:
  api_key: key
  api_secret: {SECRET}
"""
ONE_STREAM = """\
streams:
  - name: front-door
    room: lobby
    source:
      listen: tcp://127.0.0.1:5004
"""


SECTIONS = ["streams", "livekit", "http", "log", "defaults"]
WORDS = sorted({key.rpartition(".")[2] for key in all_keys()} | {"source", "feedback", "simulcast", "<<"})


class Loads(Protocol):
    def __call__(self, text: str | bytes, **environ: str) -> Config: ...


class Complains(Protocol):
    def __call__(self, text: str | bytes, **environ: str) -> list[str]: ...


@pytest.fixture
def loads(tmp_path: Path) -> Loads:
    def run(text: str | bytes, **environ: str) -> Config:
        file = tmp_path / "ingestd.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load(file, environ)

    return run


@pytest.fixture
def complains(loads: Loads, tmp_path: Path) -> Complains:
    """The lines of the error, the directory left out."""

    def run(text: str | bytes, **environ: str) -> list[str]:
        with pytest.raises(ConfigError) as error:
            loads(text, **environ)
        assert SECRET not in str(error.value)
        return str(error.value).replace(f"{tmp_path}/", "").splitlines()

    return run


def stream(*lines: str, name: str = "cam", room: str = "lobby", port: int = 5004) -> str:
    """One item of ``streams``; ``lines`` begin at the indentation of its keys."""
    keys = [f"- name: {name}", f"  room: {room}", *(f"  {line}" for line in lines)]
    if not any(line.startswith("source") for line in lines):
        keys.append(f"  source: {{listen: 'tcp://127.0.0.1:{port}'}}")
    return "\n".join(keys) + "\n"


# What is read


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


def test_the_commented_file_has_every_key() -> None:
    text = (ROOT / "config/ingestd.yaml").read_text()

    for key in all_keys():
        assert f"{key.rpartition('.')[2]}:" in text, key


def test_the_reference_has_every_key() -> None:
    text = (ROOT / "docs/configuration.md").read_text()

    for key in all_keys():
        assert f"`{key.removeprefix('streams[].')}`" in text, key


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


def test_every_value_is_typed(loads: Loads) -> None:
    config = loads(
        LIVEKIT
        + "streams:\n"
        + stream(
            "source: {connect: 'unix:///run/cam.sock', idle_timeout: 2m}",
            "codec: h264",
            "format: length-prefixed",
            "max_bitrate: 1.5 Mbps",
            "max_framerate: 29.97",
            "max_backlog: 1",
            "b_frames: reject",
            "frame_metadata: off",
            "feedback: {inline: true, webhook: 'https://example.org/hook'}",
        )
    )

    (cam,) = config.streams
    assert cam.source.address == Address("unix", path="/run/cam.sock")
    assert cam.source.idle_timeout == 120
    assert (cam.codec, cam.format) == (Codec.H264, Format.LENGTH_PREFIXED)
    assert (cam.max_bitrate, cam.max_framerate, cam.max_backlog) == (1_500_000, 29.97, 1.0)
    assert cam.b_frames == "reject"
    assert not cam.frame_metadata
    assert cam.feedback.inline
    assert cam.feedback.webhook == "https://example.org/hook"


def test_an_idle_timeout_of_0_is_none(loads: Loads) -> None:
    config = loads(LIVEKIT + "streams:\n" + stream("source: {listen: 'unix:///s', idle_timeout: 0}"))

    assert config.streams[0].source.idle_timeout is None


def test_https_means_wss(loads: Loads) -> None:
    assert loads(LIVEKIT + ONE_STREAM, LIVEKIT_URL="https://sfu.example").livekit.url == "wss://sfu.example"
    assert loads(LIVEKIT + ONE_STREAM, LIVEKIT_URL="ws://sfu.example:7").livekit.url == "ws://sfu.example:7"


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
    assert b.max_bitrate == 8_000_000, "null is the built-in default"


def test_a_stream_that_dials_overrides_a_default_that_listens(loads: Loads) -> None:
    config = loads(
        LIVEKIT
        + "defaults: {source: {listen: 'tcp://127.0.0.1:1'}}\nstreams:\n"
        + stream("source: {connect: 'tcp://10.0.0.7:8554'}")
    )

    assert config.streams[0].source.address == Address("tcp", "10.0.0.7", 8554)
    assert config.streams[0].source.listen is None


# The environment


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


# Secrets


def test_a_secret_is_read_from_a_file_beside_the_configuration(loads: Loads, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")

    config = loads("livekit: {api_key: k, api_secret_file: secret}\n" + ONE_STREAM)

    assert config.livekit.api_secret.get_secret_value() == SECRET


def test_a_secret_file_that_cannot_be_read(complains: Complains, tmp_path: Path) -> None:
    text = "livekit:\n  api_key: k\n  api_secret_file: "

    assert complains(text + "none\n" + ONE_STREAM) == [
        "ingestd.yaml:3: livekit.api_secret_file: 'none' cannot be read: No such file or directory"
    ]
    (tmp_path / "empty").write_text("\n")
    assert complains(text + "empty\n" + ONE_STREAM) == [
        "ingestd.yaml:3: livekit.api_secret_file: 'empty' is empty, or has spaces around it "
        "or control characters in it"
    ]


def test_two_secrets_are_one_too_many(complains: Complains) -> None:
    assert complains(LIVEKIT + "  api_secret_file: x\n" + ONE_STREAM) == [
        "ingestd.yaml:4: livekit.api_secret_file: api_secret is set as well; allowed: one of them"
    ]


def test_a_secret_of_the_environment_replaces_the_files(loads: Loads, tmp_path: Path) -> None:
    text = "livekit: {api_key: k, api_secret_file: none}\n" + ONE_STREAM
    assert loads(text, LIVEKIT_API_SECRET=SECRET).livekit.api_secret.get_secret_value() == SECRET

    (tmp_path / "s").write_text("from-file")
    config = loads(LIVEKIT + ONE_STREAM, INGESTD_LIVEKIT__API_SECRET_FILE="s")
    assert config.livekit.api_secret.get_secret_value() == "from-file"


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


# What is refused


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
        "ingestd.yaml:6: colour: is not known; allowed: livekit, http, log, defaults, streams",
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


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("auto", "auto"),
        ("native", "native"),
        ("off", "off"),
        ("'off'", "off"),
        ("false", "off"),
        ("null", "auto"),
    ],
)
def test_how_h265_is_published_is_one_of_three(loads: Loads, written: str, read: str) -> None:
    livekit = f"livekit: {{api_key: k, api_secret: {SECRET}, h265: {written}}}\n"
    assert loads(livekit + ONE_STREAM).livekit.h265 == read
    assert loads(livekit + ONE_STREAM, INGESTD_LIVEKIT__H265="off").livekit.h265 == "off"


def test_a_fourth_way_to_publish_h265_is_an_error(complains: Complains) -> None:
    assert complains(f"livekit: {{api_key: k, api_secret: {SECRET}, h265: on}}\n" + ONE_STREAM) == [
        "ingestd.yaml:1: livekit.h265: True is not known; allowed: auto, native, off"
    ]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("max_bitrate: 9kbps", "max_bitrate: '9kbps' is out of range; allowed: 10kbps to 1Gbps"),
        ("max_framerate: fast", "max_framerate: 'fast' is not a number of frames per second, e.g. 60"),
        ("max_framerate: .nan", "max_framerate: nan is out of range; allowed: 1 to 240"),
        ("codec: mjpeg", "codec: 'mjpeg' is not known; allowed: auto, h264, h265, vp8, vp9, av1"),
        ("codec: no", "codec: False is not known; allowed: auto, h264, h265, vp8, vp9, av1"),
        ("format: mkv", "format: 'mkv' is not known; allowed: auto, annexb, length-prefixed, ivf, obu"),
        ("b_frames: drop", "b_frames: 'drop' is not known; allowed: warn or reject"),
        ("frame_metadata: auto", "frame_metadata: 'auto' is not known; allowed: true or false"),
        ("video_codec: h264", "video_codec: is not known; did you mean codec?"),
        ("max_bitrat: 1", "max_bitrat: is not known; did you mean max_bitrate?"),
        ("track: ''", "track: '' is not usable; allowed: 1 to 256 printable characters"),
        ("simulcast: maybe", "simulcast: 'maybe' is not known; allowed: false"),
        ("feedback: 5", "feedback: 5 is not usable; a mapping is needed, with the keys inline, webhook"),
    ],
)
def test_a_bad_key_of_a_stream(complains: Complains, line: str, complaint: str) -> None:
    assert complains(LIVEKIT + "streams:\n" + stream(line)) == [f"ingestd.yaml:7: streams[0].{complaint}"]


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("listen: tls://h:1", "listen: 'tls://h:1': tls:// is not in this version; "),
        ("listen: udp://h:1", "listen: 'udp://h:1' is not an address; allowed: tcp://HOST:PORT"),
        ("listen: 5004", "listen: 5004 is not an address; allowed: tcp://HOST:PORT"),
        ("listen: tcp://h:65536", "listen: 'tcp://h:65536': port 65536 is too large"),
        ("listen: tcp://1.2.3.456:1", "listen: 'tcp://1.2.3.456:1': 1.2.3.456 is not an IP address"),
        ("listen: unix://run/cam", "listen: 'unix://run/cam' has no absolute path; three slashes"),
        (f"listen: unix:///{'x' * 107}", f"listen: 'unix:///{'x' * 107}' is too long"),
        ("connect: tcp://h:0", "connect: 'tcp://h:0': port 0 cannot be dialled"),
        (
            "allow: [10.0.0.1/8], listen: tcp://h:1",
            "allow: '10.0.0.1/8' has bits outside its mask; did you mean 10.0.0.0/8?",
        ),
        ("allow: [home], listen: tcp://h:1", "allow: 'home' is not a network; write 10.0.0.0/8"),
        ("allow: [7], listen: tcp://h:1", "allow: 7 is not a network"),
        ("allow: [], listen: tcp://h:1", "allow: [] is not a list of networks"),
        (
            "idle_timeout: 1ms, listen: tcp://h:1",
            "idle_timeout: '1ms' is out of range; allowed: 0 (off), or 100ms",
        ),
    ],
)
def test_a_bad_key_of_a_source(complains: Complains, source: str, complaint: str) -> None:
    (line,) = complains(LIVEKIT + "streams:\n" + stream(f"source: {{{source}}}"))
    assert line.startswith(f"ingestd.yaml:7: streams[0].source.{complaint}")


def test_a_source_is_met_in_exactly_one_way(complains: Complains) -> None:
    both = "source: {listen: 'tcp://127.0.0.1:1', connect: 'tcp://127.0.0.1:2'}"
    assert complains(LIVEKIT + "streams:\n" + stream(both)) == [
        "ingestd.yaml:7: streams[0].source: both listen and connect are set; allowed: exactly one of them"
    ]
    (line,) = complains(LIVEKIT + "streams:\n" + stream("source: {}"))
    assert line.startswith(
        "ingestd.yaml:7: streams[0].source: neither listen nor connect is set; write listen:"
    )


def test_a_format_that_cannot_carry_the_codec(complains: Complains) -> None:
    assert complains(LIVEKIT + "streams:\n" + stream("codec: vp8", "format: annexb")) == [
        "ingestd.yaml:5: streams[0]: format annexb cannot carry codec vp8; allowed with it: h264, h265"
    ]


def test_streams_that_get_in_each_others_way(complains: Complains) -> None:
    text = (
        LIVEKIT
        + "http: {listen: 127.0.0.1:80}\nstreams:\n"
        + stream("source: {listen: 'tcp://0.0.0.0:80'}", name="web")
        + stream(name="a", port=1)
        + stream("track: a", "identity: a", name="b", port=1)
        + stream(name="a", room="attic", port=2)
    )
    assert complains(text) == [
        "ingestd.yaml:8: streams[0].source.listen: tcp://0.0.0.0:80 is taken by http.listen; "
        "allowed: one of its own",
        "ingestd.yaml:14: streams[2].track: 'a' in room lobby as a is also published by streams[1] (a); "
        "allowed: another track, identity or room",
        "ingestd.yaml:16: streams[2].source.listen: tcp://127.0.0.1:1 is also listened on by streams[1] "
        "(a); allowed: an address of its own",
        "ingestd.yaml:17: streams[3].name: 'a' is also the name of streams[1]; allowed: a name of its own",
    ]


def test_a_stream_that_is_there_twice_is_said_once(complains: Complains) -> None:
    assert complains(LIVEKIT + "streams:\n" + stream() + stream()) == [
        "ingestd.yaml:8: streams[1]: is the same as streams[0]; allowed: each stream once"
    ]


def test_a_section_that_is_none_is_shown_but_where_it_may_be_a_secret(complains: Complains) -> None:
    assert complains(LIVEKIT + "log: 5\n" + ONE_STREAM) == [
        "ingestd.yaml:4: log: 5 is not usable; a mapping is needed, with the keys level, format"
    ]
    assert not [line for line in complains(f"livekit: {SECRET}\n" + ONE_STREAM) if SECRET in line]


def test_streams_may_share_a_connection_and_any_free_port(loads: Loads) -> None:
    config = loads(
        LIVEKIT
        + "defaults: {identity: robot}\nstreams:\n"
        + stream(name="left", port=0)
        + stream(name="right", port=0)
    )
    assert {(s.room, s.identity) for s in config.streams} == {("lobby", "robot")}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "ingestd.yaml: the file is empty; a configuration needs at least livekit and streams"),
        ("# nothing\n", "ingestd.yaml: the file is empty; a configuration needs at least livekit"),
        ("- a\n", "ingestd.yaml:1: a mapping is needed: livekit: …, streams: …"),
        ("a: [\n", "ingestd.yaml:2:1: not valid YAML: "),
        ("a: b: c\n", "ingestd.yaml:1:5: not valid YAML: mapping values are not allowed here"),
        ("a: 1\nb: \x01\n", "ingestd.yaml:2:4: special characters are not allowed"),
        (b"a: 1\nb: \xff\n", "ingestd.yaml:2: byte 0xff is not UTF-8; save it as UTF-8"),
        ("[" * 500 + "]" * 500, "ingestd.yaml:1: nested too deeply"),
        ("a: " + "[" * 50 + "]" * 50, "ingestd.yaml:1: nested too deeply"),
        ("#" * (1 << 20) + "#", "ingestd.yaml: larger than 1 MiB; that is no configuration"),
    ],
)  # fmt: skip
def test_what_is_no_configuration_at_all(complains: Complains, text: str | bytes, complaint: str) -> None:
    (line,) = complains(text)
    assert line.startswith(complaint)


def test_a_key_written_twice(complains: Complains) -> None:
    assert complains(LIVEKIT + "  api_key: again\n" + ONE_STREAM) == [
        "ingestd.yaml:4: livekit.api_key: is written twice, first in line 2; allowed: once"
    ]


def test_an_alias_is_not_read(complains: Complains) -> None:
    (line,) = complains("a: &x {b: 1}\nc: *x\n")
    assert line.startswith(
        "ingestd.yaml:2:4: an alias (*name) is not read; put a value that begins with * in quotes"
    )


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


# What is allowed and warned of


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


def test_an_open_door_and_keys_without_use_are_warned_of(loads: Loads) -> None:
    text = LIVEKIT + "streams:\n"
    open_door = loads(text + stream("source: {listen: 'tcp://0.0.0.0:5', allow: [0.0.0.0/0]}"))
    unused = loads(
        text + stream("source: {connect: 'tcp://h:5', allow: [10.0.0.0/8], second_encoder: replace}")
    )

    assert "anyone who can reach this port may publish" in open_door.warnings[0]
    assert [warning.rpartition("source.")[2] for warning in unused.warnings] == [
        "allow: is ignored: only a TCP listener asks who dials in",
        "second_encoder: is ignored: where we dial there is one encoder",
    ]


# Who may dial in


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.9.8.7", "::1", "::ffff:192.168.1.5", "fe80::1%eth0", "fd00::5"]
)
def test_loopback_and_private_peers_may_dial_in_by_default(host: str) -> None:
    assert SourceConfig(listen=Address("tcp", "::", 5004)).allows(host)


@pytest.mark.parametrize("host", ["8.8.8.8", "2001:db8::1", "::ffff:8.8.8.8", "172.32.0.1", "", "nonsense"])
def test_nobody_else_may(host: str) -> None:
    assert not SourceConfig(listen=Address("tcp", "::", 5004)).allows(host)


def test_a_unix_socket_asks_nobody() -> None:
    assert SourceConfig(listen=Address("unix", path="/run/s")).allows("")


# In words


def test_the_description_says_what_would_happen(loads: Loads) -> None:
    text = (
        LIVEKIT.replace("livekit:", "livekit:\n  url: wss://user:pw@sfu.example/x?access_token=t")
        + "http: {listen: '[::1]:9464'}\nstreams:\n"
        + stream("codec: vp9", "feedback: {inline: true, webhook: 'http://u:pw@hook/a?k=pw'}")
        + stream(
            "source: {connect: 'tcp://10.0.0.7:1', idle_timeout: 0}",
            "simulcast: true",
            "frame_metadata: false",
            name="roof",
        )
    )
    said = describe(loads(text))

    assert "2 streams to wss://sfu.example/x over 2 room connections" in said
    assert "on http://[::1]:9464." in said
    assert "cam: tcp://127.0.0.1:5004 → track cam in room lobby as cam\n" in said
    assert "the encoder dials us, from loopback and private networks; a second one is turned away; " in said
    assert (
        "vp9, in the format it is recognised by; at most 8Mbps and 60 pictures/s; waits at most 500ms" in said
    )
    assert "; metadata of pictures: published\n" in said
    assert "; metadata of pictures: none\n" in said
    assert "requests: on the encoder's connection and to http://hook/a\n" in said
    assert "we dial the encoder, again and again; a silent one is kept for ever" in said
    assert "warning: " in said
    assert "pw" not in said
    assert "access_token" not in said
