"""Whether the link seems good, by the receiver's reports."""

from dataclasses import replace

from ingestd.publish.link_health import FULL_QUEUED_S, IDLE_S, MAX_QUEUED_S, LinkHealth
from ingestd.publish.send_stats import SendStats

REPORTED = SendStats("video/H264", 30, 30, 200, 0.0, 1e6, 8e5, 10.0, round_trip_s=0.02)


def test_nothing_is_known_without_a_report() -> None:
    link = LinkHealth()
    link.read(replace(REPORTED, round_trip_s=None))
    assert not link.good
    assert link.full


def test_a_link_that_loses_packets_is_not_good() -> None:
    link = LinkHealth()
    link.read(REPORTED)
    assert link.good
    link.read(replace(REPORTED, lost_ratio=0.02))
    assert not link.good


def test_a_link_where_packets_queue_is_not_good() -> None:
    link = LinkHealth()
    link.read(REPORTED)
    link.read(replace(REPORTED, round_trip_s=0.02 + 1.1 * MAX_QUEUED_S))
    assert not link.good
    link.read(replace(REPORTED, round_trip_s=0.02 + 0.9 * MAX_QUEUED_S))
    assert link.good


def test_a_link_where_packets_queue_for_long_or_get_lost_is_full() -> None:
    link = LinkHealth()
    link.read(REPORTED)
    link.read(replace(REPORTED, round_trip_s=0.02 + 1.1 * FULL_QUEUED_S))
    assert link.full
    link.read(replace(REPORTED, round_trip_s=0.02 + 0.9 * FULL_QUEUED_S))
    assert not link.full
    link.read(replace(REPORTED, lost_ratio=0.02))
    assert link.full


def test_where_nothing_is_sent_nothing_is_reported_and_the_link_is_idle() -> None:
    link = LinkHealth()
    link.read(REPORTED)
    assert not link.idle
    link.read(replace(REPORTED, at=10.0 + 1.1 * IDLE_S))
    assert link.idle
    link.read(replace(REPORTED, at=11.0, packets_sent=201))
    assert not link.idle
