"""Addresses of sources and networks: what is said of those that are none."""

import pytest

from tests.config.support import LIVEKIT, Complains, stream


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("connect: tls://h:0", "connect: 'tls://h:0': port 0 cannot be dialled"),
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
            "idle_timeout: '1ms' is out of range; allowed: auto, 0 (off), or 100ms",
        ),
    ],
)
def test_a_bad_key_of_a_source(complains: Complains, source: str, complaint: str) -> None:
    (line,) = complains(LIVEKIT + "streams:\n" + stream(f"source: {{{source}}}"))
    assert line.startswith(f"ingestd.yaml:7: streams[0].source.{complaint}")
