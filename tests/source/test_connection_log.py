"""What log and counts say of connections; which are refused, and why, is for test_admission."""

from dataclasses import dataclass
from typing import cast

import structlog
from structlog.testing import capture_logs

from ingestd.log_limiter import LogLimiter
from ingestd.source.connection import EncoderConnection
from ingestd.source.connection_log import ConnectionLog


@dataclass
class Line:
    """What the log names of a connection."""

    peer: str = "192.0.2.1:40000"
    name: str = ""

    @property
    def host(self) -> str:
        return self.peer.partition(":")[0]


def connection(peer: str = "192.0.2.1:40000", name: str = "") -> EncoderConnection:
    return cast(EncoderConnection, Line(peer, name))


def connection_log(
    limiter: LogLimiter | None = None, probe_limiter: LogLimiter | None = None
) -> ConnectionLog:
    return ConnectionLog(structlog.get_logger().bind(stream="cam"), limiter, probe_limiter)


def test_a_refusal_is_counted_and_says_who_and_why() -> None:
    log = connection_log()
    with capture_logs() as lines:
        log.refused(connection(name="camera-7"), "second_encoder", "another is already sending")
    assert (log.results["second_encoder"], log.results["accepted"]) == (1, 0)
    assert lines == [
        {
            "event": "encoder refused",
            "log_level": "warning",
            "stream": "cam",
            "peer": "192.0.2.1:40000",
            "name": "camera-7",
            "reason": "another is already sending",
        }
    ]


def test_refusals_of_one_host_are_one_line_in_a_while_whatever_the_port_and_all_are_counted() -> None:
    now = 100.0
    log = connection_log(LogLimiter(1.0, lambda: now))
    with capture_logs() as lines:
        for peer in ("192.0.2.1:1", "192.0.2.1:2", "192.0.2.2:1", "192.0.2.1:3"):
            log.refused(connection(peer), "limit", "32 are open")
        now += 1.0
        log.refused(connection("192.0.2.1:4"), "limit", "32 are open")
    assert [(line["peer"], line.get("suppressed")) for line in lines] == [
        ("192.0.2.1:1", None),
        ("192.0.2.2:1", None),
        ("192.0.2.1:4", 2),
    ]
    assert log.results["limit"] == 5


def test_who_mends_one_fault_at_the_entrance_sees_the_next() -> None:
    log = connection_log()
    with capture_logs() as lines:
        for reason in ("it shows no token", "it shows no token", "its token is not this stream's"):
            log.turned_away(connection(), "token", reason)
    assert [line["reason"] for line in lines] == ["it shows no token", "its token is not this stream's"]
    assert log.results["token"] == 3


def test_the_last_that_was_turned_away_is_known_until_an_encoder_is_admitted() -> None:
    log = connection_log()
    log.turned_away(connection("192.0.2.1:1"), "tls", "it speaks no TLS")
    assert log.last_turned_away == "the last connection, from 192.0.2.1:1, was turned away: it speaks no TLS"
    log.refused(connection("192.0.2.2:1"), "not_allowed", "its address is not allowed")
    assert "192.0.2.2:1" in str(log.last_turned_away)
    log.refused(connection("192.0.2.3:1"), "limit", "32 are open")
    assert "192.0.2.2:1" in str(log.last_turned_away), "one too many has nothing to mend"
    log.admitted()
    assert log.last_turned_away is None
    assert log.results["accepted"] == 1


def test_connections_without_a_byte_are_counted_and_said_seldom() -> None:
    now = 100.0
    log = connection_log(probe_limiter=LogLimiter(3600.0, lambda: now))
    with capture_logs() as lines:
        for _ in range(3):
            log.ended_silent(connection())
        now += 3600.0
        log.ended_silent(connection())
    assert [(line["log_level"], line.get("suppressed")) for line in lines] == [("info", None), ("info", 2)]
    assert log.results["probe"] == 4


def test_every_result_is_there_from_the_start() -> None:
    entrance = {"not_allowed": 0, "proxy_header": 0, "tls": 0, "token": 0, "limit": 0}
    others = {"accepted": 0, "second_encoder": 0, "failed": 0, "probe": 0}
    assert connection_log().results == entrance | others
