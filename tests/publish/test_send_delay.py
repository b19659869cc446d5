"""How long packets wait in WebRTC, by two readings of its statistics."""

import pytest

from ingestd.publish.send_delay import SendDelay
from ingestd.publish.send_stats import SendStats


def reading(at: float, *, packets: int, delays_s: float, encoded: int) -> SendStats:
    return SendStats("video/H264", encoded, encoded, packets, delays_s, 1e6, 8e6, at)


def test_one_reading_tells_nothing() -> None:
    delay = SendDelay()
    delay.read(reading(10.0, packets=100, delays_s=200.0, encoded=30))
    assert delay.delay_s is None


def test_it_is_the_mean_wait_of_the_packets_that_left_since_the_reading_before() -> None:
    delay = SendDelay()
    delay.read(reading(10.0, packets=100, delays_s=200.0, encoded=30))
    delay.read(reading(10.5, packets=140, delays_s=252.0, encoded=45))
    assert delay.delay_s == pytest.approx(1.3)
    delay.read(reading(11.0, packets=200, delays_s=252.0, encoded=60))
    assert delay.delay_s == 0.0


def test_it_grows_while_nothing_leaves_though_pictures_are_encoded() -> None:
    delay = SendDelay()
    delay.read(reading(10.0, packets=100, delays_s=0.0, encoded=30))
    delay.read(reading(10.5, packets=140, delays_s=8.0, encoded=45))
    delay.read(reading(11.0, packets=140, delays_s=8.0, encoded=60))
    assert delay.delay_s == pytest.approx(0.7)
    # WebRTC has noticed, and encodes no more; what waits goes on waiting.
    delay.read(reading(11.5, packets=140, delays_s=8.0, encoded=60))
    assert delay.delay_s == pytest.approx(1.2)
    delay.read(reading(12.0, packets=180, delays_s=68.0, encoded=60))
    assert delay.delay_s == pytest.approx(1.5)


def test_an_encoder_that_pauses_leaves_nothing_to_wait() -> None:
    delay = SendDelay()
    delay.read(reading(10.0, packets=100, delays_s=0.0, encoded=30))
    delay.read(reading(10.5, packets=140, delays_s=8.0, encoded=45))
    delay.read(reading(11.0, packets=140, delays_s=8.0, encoded=45))
    assert delay.delay_s == 0.0


def test_statistics_that_webrtc_has_not_renewed_change_nothing() -> None:
    delay = SendDelay()
    delay.read(reading(10.0, packets=100, delays_s=0.0, encoded=30))
    delay.read(reading(10.5, packets=140, delays_s=8.0, encoded=45))
    delay.read(reading(10.5, packets=140, delays_s=8.0, encoded=45))
    assert delay.delay_s == pytest.approx(0.2)


def test_a_new_transport_counts_from_0() -> None:
    delay = SendDelay()
    delay.read(reading(10.0, packets=100, delays_s=9.0, encoded=30))
    delay.read(reading(10.5, packets=140, delays_s=17.0, encoded=45))
    delay.read(reading(11.0, packets=10, delays_s=0.0, encoded=2))
    assert delay.delay_s is None
