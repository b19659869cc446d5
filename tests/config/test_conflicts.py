"""Streams of a configuration that get in each other's way."""

import time

from tests.config.support import LIVEKIT, Complains, Loads, stream


def test_streams_that_share_a_participant_say_the_same_of_it(loads: Loads, complains: Complains) -> None:
    def streams(*said: str) -> str:
        lines = [
            f"- {{name: s{n}, room: r, identity: i, source: {{listen: 'tcp://127.0.0.1:{n + 1}'}}{each}}}\n"
            for n, each in enumerate(said)
        ]
        return LIVEKIT + "streams:\n" + "".join(lines)

    named = ", participant: {name: Door, attributes: {b: x, a: y}}"
    config = loads(streams("", named, named))
    assert config.participants["r", "i"].name == "Door"
    assert config.participants["r", "i"].attributes == (("a", "y"), ("b", "x"))
    assert complains(streams("", named, ", participant: {name: Other}")) == [
        "ingestd.yaml:7: streams[2].participant: streams[1] (s1) shares the participant i in room r and says "
        "something else of it; allowed: the same, or in one of them"
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
        "allowed: another address",
        "ingestd.yaml:14: streams[2].track: 'a' in room lobby as a is also published by streams[1] (a); "
        "allowed: another track, identity or room",
        "ingestd.yaml:16: streams[2].source.listen: tcp://127.0.0.1:1 is also listened on by streams[1] "
        "(a); allowed: another address",
        "ingestd.yaml:17: streams[3].name: 'a' is also the name of streams[1]; allowed: another name",
    ]


def test_a_stream_that_is_there_twice_is_said_once(complains: Complains) -> None:
    assert complains(LIVEKIT + "streams:\n" + stream() + stream()) == [
        "ingestd.yaml:8: streams[1]: is the same as streams[0]; allowed: each stream once"
    ]


def test_the_time_grows_with_the_number_of_streams_not_with_its_square(loads: Loads) -> None:
    def seconds(count: int) -> float:
        # All of one port, which is where addresses can overlap.
        streams = "".join(
            f"- {{name: s{i}, room: r{i}, source: {{listen: 'tcp://127.0.{i >> 8}.{i & 255}:1'}}}}\n"
            for i in range(count)
        )
        began = time.process_time()
        assert len(loads(LIVEKIT + "streams:\n" + streams).streams) == count
        return time.process_time() - began

    seconds(10)  # imports
    # The least of three: in the others the garbage of other tests was collected.
    assert min(seconds(1000) for _ in range(3)) < 20 * min(seconds(100) for _ in range(3))


def test_streams_may_share_a_connection_and_any_free_port(loads: Loads) -> None:
    config = loads(
        LIVEKIT
        + "defaults: {identity: robot}\nstreams:\n"
        + stream(name="left", port=0)
        + stream(name="right", port=0)
    )
    assert {(s.room, s.identity) for s in config.streams} == {("lobby", "robot")}
