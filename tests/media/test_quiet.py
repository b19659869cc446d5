"""When a picture may be taken for whole, told as an encoder's writes."""

import pytest

from ingestd.media.access_unit import AccessUnit, Codec
from ingestd.media.annexb import AnnexBReader
from ingestd.media.parameter_sets import ParameterSets
from ingestd.media.quiet import FIRST_PROOF, LARGE, LEAST_PAUSE, SILENCE, EndOfPicture
from tests.media.vectors_h26x import annexb, pps, slice, sps

FRAME = 1 / 30


class Transcript:
    """Writes pictures at 30 fps and takes what comes out, by the next picture or by the silence."""

    def __init__(self) -> None:
        self.reader = AnnexBReader(Codec.H264, ParameterSets())
        self.now = 0.0
        self.count = 0
        self.out: list[AccessUnit] = []

    def picture(self, size: int = 1000) -> bytes:
        """The next picture of the stream."""
        self.count += 1
        n = self.count
        body = slice(idr=n == 1, frame_num=(n - 1) % 16, poc_lsb=2 * (n - 1) % 16, payload=b"x" * size)
        return annexb(sps(), pps(), body) if n == 1 else annexb(body)

    def write(self, data: bytes, then: float = FRAME) -> float | None:
        """Write, wait `then`; return after how long the reader took the silence for the end, if it did."""
        self.out += self.reader.feed(data, self.now)
        quiet_at = self.reader.quiet_at
        waited = None
        if quiet_at is not None and quiet_at < self.now + then:
            waited = quiet_at - self.now
            self.out += self.reader.flush()
        self.now += then
        return waited

    def learn(self, count: int = FIRST_PROOF + 2) -> None:
        """Write so many whole pictures."""
        for _ in range(count):
            self.write(self.picture())


def test_an_encoder_that_writes_whole_pictures_is_believed_after_a_while() -> None:
    t = Transcript()
    waited = [t.write(t.picture()) for _ in range(40)]
    assert waited[:FIRST_PROOF] == [None] * FIRST_PROOF
    assert waited[FIRST_PROOF + 1 :] == [0.0] * (39 - FIRST_PROOF)
    assert len(t.out) == 40
    assert t.reader.faults == []


def test_a_picture_shorter_than_all_before_waits_for_the_next() -> None:
    t = Transcript()
    t.learn()
    assert t.write(t.picture(900)) is None
    assert t.write(t.picture(900)) == 0.0


def test_a_picture_cut_by_a_stall_comes_out_whole_and_once() -> None:
    t = Transcript()
    t.learn()
    before = len(t.out)
    whole = t.picture()
    assert t.write(whole[:400], then=0.06) is None
    assert t.write(whole[400:]) is None  # a pause inside a picture: nothing is believed any more
    t.write(t.picture())
    assert [unit.data for unit in t.out[before:]] == [whole]
    assert t.reader.faults == []


def test_what_was_believed_wrongly_is_undone_and_unlearned() -> None:
    t = Transcript()
    t.learn()
    before = len(t.out)
    whole = t.picture(3000)
    assert t.write(whole[:2000], then=0.06) == 0.0  # longer than the pictures so far: it looked whole
    t.write(whole[2000:])
    after = [t.write(t.picture()) for _ in range(FIRST_PROOF * 4)]
    assert [unit.corrects for unit in t.out[before : before + 2]] == [False, True]
    assert t.out[before + 1].data == whole
    assert [fault.reason for fault in t.reader.faults] == ["torn_picture"]
    assert set(after) == {None}


def test_pictures_written_in_pieces_are_never_guessed_at_while_pauses_are_long() -> None:
    t = Transcript()
    for _ in range(50):
        whole = t.picture()
        assert t.write(whole[:500], then=0.01) is None
        assert t.write(whole[500:]) is None
    assert len(t.out) == 49


def test_a_picture_that_trickles_in_is_not_taken_for_whole_where_the_writer_was_held_up() -> None:
    t = Transcript()
    for _ in range(FIRST_PROOF * 2):
        trickle(t, t.picture())
    before = len(t.out)
    whole = t.picture(3000)
    trickle(t, whole[:2000], then=0.06)  # longer than the pictures so far
    trickle(t, whole[2000:])
    t.write(t.picture())
    assert [unit.data for unit in t.out[before:]][-1] == whole
    assert t.reader.faults == []


def test_who_wrote_pictures_in_pieces_is_given_a_moment_where_one_came_at_once() -> None:
    t = Transcript()
    for _ in range(FIRST_PROOF * 2):
        trickle(t, t.picture(), of=400)
    assert t.write(t.picture()) == pytest.approx(LEAST_PAUSE)


def trickle(t: Transcript, data: bytes, then: float = FRAME, of: int = 100) -> None:
    """Write so many bytes at a time, without a pause between."""
    pieces = [data[start : start + of] for start in range(0, len(data), of)]
    for piece in pieces[:-1]:
        t.write(piece, then=0.0)
    t.write(pieces[-1], then)


def test_two_pictures_in_one_read_are_no_sign_of_anything() -> None:
    t = Transcript()
    t.learn()
    t.write(t.picture() + t.picture())
    assert t.write(t.picture()) == 0.0


def test_a_long_silence_ends_any_picture() -> None:
    t = Transcript()
    assert t.write(t.picture(), then=10.0) == pytest.approx(SILENCE)


def test_each_picture_says_when_its_last_byte_came_not_when_the_next_one_did() -> None:
    t = Transcript()
    for _ in range(5):
        t.write(t.picture())
    assert [unit.arrived for unit in t.out] == pytest.approx([n * FRAME for n in range(4)])


def test_large_pictures_and_those_in_several_reads_are_given_a_moment() -> None:
    end = EndOfPicture()
    for _ in range(20):
        end.learn(keyframe=False, size=LARGE + 1, slices=1, aligned=True, pause=0.0, pieces=0)
    assert end.patience(keyframe=False, size=LARGE + 1, slices=1, reads=1, pause=0.0, pieces=0) == LEAST_PAUSE
    end.learn(keyframe=False, size=LARGE + 1, slices=1, aligned=True, pause=LEAST_PAUSE / 2, pieces=0)
    assert (
        end.patience(keyframe=False, size=LARGE + 1, slices=1, reads=2, pause=0.0, pieces=0)
        == 2 * LEAST_PAUSE
    )


def test_a_picture_with_fewer_slices_than_the_last_is_not_whole_yet() -> None:
    end = EndOfPicture()
    for _ in range(20):
        end.learn(keyframe=False, size=1000, slices=4, aligned=True, pause=0.0, pieces=0)
    assert end.patience(keyframe=False, size=1000, slices=3, reads=1, pause=0.0, pieces=0) == SILENCE
    assert end.patience(keyframe=False, size=1000, slices=4, reads=1, pause=0.0, pieces=0) == 0.0
    assert (
        end.patience(keyframe=True, size=9000, slices=4, reads=1, pause=0.0, pieces=0) == SILENCE
    )  # none like it so far


def test_what_says_where_its_slices_end_is_whole_whatever_its_size_and_however_it_came() -> None:
    end = EndOfPicture(slices_are_whole=True)
    for _ in range(20):
        end.learn(keyframe=False, size=1000, slices=1, aligned=True, pause=0.06, pieces=0)  # inside the slice
    assert end.patience(keyframe=False, size=9, slices=1, reads=1, pause=0.0, pieces=0) == 0.0
    assert end.patience(keyframe=False, size=10 * LARGE, slices=1, reads=30, pause=0.06, pieces=0) == 0.0


def test_between_slices_a_stall_can_still_tear_a_picture() -> None:
    end = EndOfPicture(slices_are_whole=True)
    for _ in range(20):
        end.learn(keyframe=False, size=1000, slices=4, aligned=True, pause=0.0, pieces=0)
    assert end.patience(keyframe=False, size=1000, slices=3, reads=1, pause=0.0, pieces=0) == SILENCE
    assert (
        end.patience(keyframe=False, size=10 * LARGE, slices=4, reads=2, pause=0.0, pieces=0) == LEAST_PAUSE
    )
    end.learn(keyframe=False, size=1000, slices=4, aligned=True, pause=0.06, pieces=0)
    assert end.patience(keyframe=False, size=1000, slices=4, reads=1, pause=0.0, pieces=0) == SILENCE
