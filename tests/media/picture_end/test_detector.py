"""When a picture may be taken for whole, told as an encoder's writes."""

import pytest

from ingestd.media.access_unit import AccessUnit, Codec
from ingestd.media.codecs.parameter_sets import ParameterSets
from ingestd.media.formats.annexb import AnnexBReader
from ingestd.media.picture_end.detector import (
    FIRST_PROOF_PICTURES,
    MAX_PROOF_PICTURES,
    MIN_PAUSE_S,
    PAUSE_FACTOR,
    SILENCE_S,
    WRITER_STALL_S,
    PictureEndDetector,
)
from ingestd.media.picture_end.read_log import ReadLog, ReadSpan
from tests.media.vectors_h26x import annexb, pps, slice, sps

FRAME_INTERVAL_S = 1 / 30
AT_ONCE_S = 0.0001  # between two reads of what was written in one go
SEGMENT_BYTES = 1400  # of TCP, on a path through a tunnel
WHOLE = ReadSpan(pieces=0, pause_s=0.0)


class Transcript:
    """Writes pictures at 30 fps and takes what comes out, by the next picture or by the silence."""

    def __init__(self, segment_bytes: int = 0) -> None:
        read_log = ReadLog()
        read_log.segment_bytes = segment_bytes
        self.reader = AnnexBReader(Codec.H264, ParameterSets(), read_log)
        self.now = 0.0
        self.count = 0
        self.out: list[AccessUnit] = []

    def picture(self, size: int = 1000) -> bytes:
        """The next picture of the stream."""
        self.count += 1
        n = self.count
        body = slice(idr=n == 1, frame_num=(n - 1) % 16, poc_lsb=2 * (n - 1) % 16, payload=b"x" * size)
        return annexb(sps(), pps(), body) if n == 1 else annexb(body)

    def picture_goes_on(self, size: int) -> bytes:
        """Another slice of the picture."""
        n = self.count
        number, order = (n - 1) % 16, 2 * (n - 1) % 16
        return annexb(slice(idr=n == 1, first_mb=9, frame_num=number, poc_lsb=order, payload=b"y" * size))

    def write(self, data: bytes, then: float = FRAME_INTERVAL_S) -> float | None:
        """Write, wait `then`; return after how long the reader took the silence for the end, if it did."""
        self.out += self.reader.feed(data, self.now)
        quiet_at = self.reader.quiet_at
        waited = None
        if quiet_at is not None and quiet_at < self.now + then:
            waited = quiet_at - self.now
            self.out += self.reader.flush()
        self.now += then
        return waited

    def learn(self, count: int = FIRST_PROOF_PICTURES + 2) -> None:
        """Write so many whole pictures."""
        for _ in range(count):
            self.write(self.picture())


def test_an_encoder_that_writes_whole_pictures_is_believed_after_a_while() -> None:
    t = Transcript()
    waited = [t.write(t.picture()) for _ in range(40)]
    assert waited[:FIRST_PROOF_PICTURES] == [None] * FIRST_PROOF_PICTURES
    assert waited[FIRST_PROOF_PICTURES + 1 :] == [0.0] * (39 - FIRST_PROOF_PICTURES)
    assert len(t.out) == 40
    assert t.reader.faults == []


def test_a_picture_shorter_than_all_before_waits_for_the_next() -> None:
    t = Transcript()
    t.learn()
    assert t.write(t.picture(850)) is None
    assert t.write(t.picture(850)) == 0.0


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
    after = [t.write(t.picture()) for _ in range(FIRST_PROOF_PICTURES * 4)]
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
    for _ in range(FIRST_PROOF_PICTURES * 2):
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
    for _ in range(FIRST_PROOF_PICTURES * 2):
        trickle(t, t.picture(), of=400)
    assert t.write(t.picture()) == pytest.approx(MIN_PAUSE_S)


def trickle(
    t: Transcript, data: bytes, then: float = FRAME_INTERVAL_S, of: int = 100, pause: float = AT_ONCE_S
) -> float | None:
    """Write so many bytes at a time; return what writing the last of them does."""
    pieces = [data[start : start + of] for start in range(0, len(data), of)]
    for piece in pieces[:-1]:
        t.write(piece, then=pause)
    return t.write(pieces[-1], then)


def test_two_pictures_in_one_read_are_no_sign_of_anything() -> None:
    t = Transcript()
    t.learn()
    t.write(t.picture() + t.picture())
    assert t.write(t.picture()) == 0.0


def test_a_long_silence_ends_any_picture() -> None:
    t = Transcript()
    assert t.write(t.picture(), then=10.0) == pytest.approx(SILENCE_S)


@pytest.mark.parametrize("interval_s", [0.26, 0.4, 0.5, 1.0, 5.0, 60.0])
def test_an_encoder_that_rests_between_pictures_is_believed_after_three(interval_s: float) -> None:
    t = Transcript()
    waited = [t.write(t.picture(), then=interval_s) for _ in range(40)]
    assert waited[3:] == [0.0] * 37
    assert t.write(t.picture(300), then=interval_s) == pytest.approx(WRITER_STALL_S), (
        "shorter than all so far"
    )
    assert t.write(t.picture(), then=interval_s) == 0.0
    assert len(t.out) == 42
    assert t.reader.faults == []


def test_one_rest_among_fast_pictures_is_no_sign_that_a_short_one_is_whole() -> None:
    t = Transcript()
    t.learn()
    t.write(t.picture(), then=0.4)
    whole = t.picture()
    assert t.write(whole[:400], then=0.2) is None
    t.write(whole[400:])
    t.write(t.picture())
    assert whole in [unit.data for unit in t.out]
    assert t.reader.faults == []


def test_each_picture_says_when_its_last_byte_came_not_when_the_next_one_did() -> None:
    t = Transcript()
    for _ in range(5):
        t.write(t.picture())
    assert [unit.arrived_at for unit in t.out] == pytest.approx([n * FRAME_INTERVAL_S for n in range(4)])


@pytest.mark.parametrize("cut", [1024, 4096, 32768])
def test_a_picture_that_ends_where_a_buffer_does_waits_for_the_next(cut: int) -> None:
    t = Transcript()
    t.learn()
    whole = t.picture(size=cut + 1000)
    assert t.write(whole[:cut], then=0.06) is None
    assert t.write(whole[cut:]) == 0.0
    assert t.out[-1].data == whole
    assert t.reader.faults == []


def test_a_stall_of_the_network_cuts_at_a_segment_and_costs_no_trust() -> None:
    t = Transcript(SEGMENT_BYTES)
    t.learn()
    for segments in range(1, 8):
        whole = t.picture(size=8 * SEGMENT_BYTES)
        assert t.write(whole[: segments * SEGMENT_BYTES], then=0.06) is None
        assert t.write(whole[segments * SEGMENT_BYTES :]) == 0.0
        assert t.out[-1].data == whole
        assert t.write(t.picture()) == 0.0
    assert t.reader.faults == []


def test_segments_are_counted_through_pictures_that_were_sent_together() -> None:
    t = Transcript(SEGMENT_BYTES)
    t.learn()
    first, second = t.picture(), t.picture(size=8 * SEGMENT_BYTES)
    sent = first + second
    assert t.write(sent[: 3 * SEGMENT_BYTES], then=0.06) is None
    assert t.write(sent[3 * SEGMENT_BYTES :]) == 0.0
    assert [unit.data for unit in t.out[-2:]] == [first, second]
    assert t.reader.faults == []


def test_segments_are_counted_anew_behind_a_buffer_that_was_sent_by_itself() -> None:
    t = Transcript(SEGMENT_BYTES)
    t.learn()
    whole = t.picture(size=8 * SEGMENT_BYTES)
    assert t.write(whole[:4096], then=AT_ONCE_S) is None
    assert t.write(whole[4096 : 4096 + SEGMENT_BYTES], then=0.06) is None
    assert t.write(whole[4096 + SEGMENT_BYTES :]) == 0.0
    assert t.out[-1].data == whole


def test_buffers_are_counted_anew_behind_a_picture_that_happens_to_fill_some() -> None:
    t = Transcript()
    t.learn()
    t.write(t.picture(size=1448 - len(t.picture(size=0))))
    whole = t.picture(size=6000)
    assert t.write(whole[:4096], then=AT_ONCE_S) is None
    assert t.write(whole[4096:]) == 0.0


def test_a_large_picture_in_many_reads_is_whole_with_its_last_byte() -> None:
    t = Transcript(SEGMENT_BYTES)
    for _ in range(FIRST_PROOF_PICTURES * 4):
        waited = trickle(t, t.picture(size=20 * SEGMENT_BYTES), of=SEGMENT_BYTES, pause=0.0015)
    assert waited == 0.0
    assert t.reader.faults == []


def test_bytes_handed_on_in_slices_are_one_read() -> None:
    t = Transcript()
    for _ in range(FIRST_PROOF_PICTURES * 2):
        waited = trickle(t, t.picture(), of=700, pause=0.0)
    assert waited == 0.0


def test_a_picture_of_slices_is_judged_by_the_last_of_them() -> None:
    t = Transcript()
    for _ in range(FIRST_PROOF_PICTURES * 2):
        picture = t.picture(size=1000), t.picture_goes_on(size=300)
        waited = t.write(b"".join(picture))
    assert waited == 0.0
    first, last = t.picture(size=2000), t.picture_goes_on(size=300)
    assert t.write(first + last[:200], then=0.06) is None
    t.write(last[200:])
    t.write(t.picture())
    assert t.out[-1].data == first + last


def test_who_was_wrong_is_trusted_like_others_after_a_long_time() -> None:
    end, read_log = PictureEndDetector(), ReadLog()
    read_log.add(1001, now=1.0)
    end.learn(keyframe=False, size_bytes=1000, slices=1, span=WHOLE)
    end.wrong(keyframe=False)
    for _ in range(MAX_PROOF_PICTURES):
        end.learn(keyframe=False, size_bytes=1000, slices=1, span=WHOLE)
    end.learn(keyframe=False, size_bytes=1000, slices=1, span=ReadSpan(pieces=1, pause_s=0.06))
    for _ in range(2 * FIRST_PROOF_PICTURES):
        assert end.patience_s(keyframe=False, size_bytes=1001, slices=1, read_log=read_log) == SILENCE_S
        end.learn(keyframe=False, size_bytes=1000, slices=1, span=WHOLE)
    # What is left is the memory of the pause.
    patience = end.patience_s(keyframe=False, size_bytes=1001, slices=1, read_log=read_log)
    assert patience == pytest.approx(PAUSE_FACTOR * 0.06)


def test_those_in_several_pieces_are_given_a_moment() -> None:
    end, read_log = PictureEndDetector(), ReadLog()
    for _ in range(20):
        end.learn(keyframe=False, size_bytes=1000, slices=1, span=WHOLE._replace(pieces=1))
    read_log.add(1001, now=1.0)
    assert end.patience_s(keyframe=False, size_bytes=1001, slices=1, read_log=read_log) == MIN_PAUSE_S
    end.learn(
        keyframe=False, size_bytes=1000, slices=1, span=WHOLE._replace(pieces=1, pause_s=MIN_PAUSE_S / 2)
    )
    assert end.patience_s(keyframe=False, size_bytes=1001, slices=1, read_log=read_log) == 2 * MIN_PAUSE_S


def test_a_picture_with_fewer_slices_than_the_last_is_not_whole_yet() -> None:
    end, read_log = PictureEndDetector(), ReadLog()
    for _ in range(20):
        end.learn(keyframe=False, size_bytes=1000, slices=4, span=WHOLE)
    read_log.add(4001, now=1.0)
    assert end.patience_s(keyframe=False, size_bytes=1000, slices=3, read_log=read_log) == SILENCE_S
    assert end.patience_s(keyframe=False, size_bytes=1000, slices=4, read_log=read_log) == 0.0
    # None like it so far.
    assert end.patience_s(keyframe=True, size_bytes=9000, slices=4, read_log=read_log) == SILENCE_S


def test_what_says_where_its_slices_end_is_whole_whatever_its_size_and_however_it_came() -> None:
    end, read_log = PictureEndDetector(slices_are_whole=True), ReadLog()
    for _ in range(20):
        end.learn(keyframe=False, size_bytes=1000, slices=1, span=ReadSpan(pieces=1, pause_s=0.06))
    for now in range(30):
        read_log.add(512, float(now))
        assert end.patience_s(keyframe=False, size_bytes=9, slices=1, read_log=read_log) == 0.0


def test_between_slices_a_stall_can_still_tear_a_picture() -> None:
    end, read_log = PictureEndDetector(slices_are_whole=True), ReadLog()
    for _ in range(20):
        end.learn(keyframe=False, size_bytes=1000, slices=4, span=WHOLE)
    read_log.add(1001, now=1.0)
    assert end.patience_s(keyframe=False, size_bytes=1000, slices=3, read_log=read_log) == SILENCE_S
    assert end.patience_s(keyframe=False, size_bytes=1000, slices=4, read_log=read_log) == 0.0
    read_log.add(2001, now=1.001)
    assert end.patience_s(keyframe=False, size_bytes=1000, slices=4, read_log=read_log) == MIN_PAUSE_S
    end.learn(keyframe=False, size_bytes=1000, slices=4, span=ReadSpan(pieces=1, pause_s=0.06))
    assert end.patience_s(keyframe=False, size_bytes=1000, slices=4, read_log=read_log) == SILENCE_S
