"""Whether WebRTC has encoded what it was given."""

from ingestd.publish.encoder_losses import READINGS, EncoderLosses

FRAME = 1 / 30
LATE = 0.002  # from a hand-over until it is counted


class Transcript:
    """Hands 30 pictures over per second and reads the statistics after each second."""

    def __init__(self) -> None:
        self.losses = EncoderLosses()
        self.now = 100.0
        self.counted: list[float] = []  # when

    def second(self, *, lost: range = range(0), late: float = LATE) -> int:
        """A second with so many pictures lost; return what the reading at its end tells."""
        for number in range(30):
            self.losses.submitted(self.now)
            if number not in lost:
                self.counted.append(self.now + late)
            self.now += FRAME
        return self.read()

    def read(self, wait: float = 0.0) -> int:
        self.now += wait
        return self.losses.encoded(sum(at <= self.now for at in self.counted), self.now)


def test_what_is_encoded_is_no_loss() -> None:
    t = Transcript()
    assert [t.second() for _ in range(20)] == [0] * 20


def test_a_machine_that_is_busy_for_a_moment_loses_nothing() -> None:
    t = Transcript()
    assert [t.second(late=late) for late in (LATE, 0.2, LATE, 0.3, 0.3, LATE)] == [0] * 6


def test_what_is_handed_over_before_the_first_reading_is_no_loss() -> None:
    t = Transcript()
    assert [t.second(lost=range(25)), *(t.second() for _ in range(9))] == [0] * 10


def test_a_loss_is_told_once_when_it_is_sure() -> None:
    t = Transcript()
    t.second()
    found = [t.second(lost=range(10, 13)), *(t.second() for _ in range(9))]
    assert found == [0] * (READINGS - 1) + [3] + [0] * (10 - READINGS)


def test_one_picture_is_a_loss() -> None:
    t = Transcript()
    t.second()
    assert sum([t.second(lost=range(7, 8)), *(t.second() for _ in range(4))]) == 1


def test_the_last_pictures_before_a_pause_are_missed_too() -> None:
    t = Transcript()
    t.second()
    t.second(lost=range(28, 30))
    assert sum(t.read(wait=1.0) for _ in range(READINGS)) == 2


def test_memory_is_bounded_where_nobody_reads() -> None:
    t = Transcript()
    for _ in range(1000):
        for _ in range(30):
            t.losses.submitted(t.now)
    assert len(t.losses._recent) < 5000
