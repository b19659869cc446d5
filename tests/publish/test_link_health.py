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


def test_a_server_is_unheard_from_the_last_reading_before_packets_that_nothing_answers() -> None:
    link = LinkHealth()
    link.read(replace(REPORTED, bytes_received=900))
    link.read(replace(REPORTED, at=13.0, bytes_received=900))
    assert link.unheard_s == 0.0  # nothing was sent that could be answered
    link.read(replace(REPORTED, at=13.5, bytes_received=900, packets_sent=230))
    link.read(replace(REPORTED, at=14.0, bytes_received=900, packets_sent=230))
    assert link.unheard_s == 1.0
    link.read(replace(REPORTED, at=14.5, bytes_received=960, packets_sent=260))
    assert link.unheard_s == 0.0
