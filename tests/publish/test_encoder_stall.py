"""When a track counts as silent."""

from ingestd.publish.encoder_stall import STALL_PICTURES, STALL_S, EncoderStall

FRAME = 1 / 30
FAST, SLOW = 5e6, 2e5  # bit/s


def submit(silence: EncoderStall, begin: float, count: int, *, keyframe: bool = False) -> float:
    """Pictures of 1.5 Mbit/s; the first is a keyframe if ``keyframe`` says so."""
    for number in range(count):
        silence.submitted(6250, keyframe and number == 0, begin + number * FRAME)
    return begin + count * FRAME


def test_pictures_go_in_and_none_is_encoded() -> None:
    silence = EncoderStall(100)
    submit(silence, 0.0, 90)
    assert not silence.lasts(100, FAST, STALL_S - 0.01)
    assert silence.lasts(100, FAST, STALL_S + 0.01)
    assert silence.unanswered == 90


def test_it_begins_behind_the_last_picture_that_was_encoded() -> None:
    silence = EncoderStall(0)
    now = submit(silence, 0.0, 60)
    assert not silence.lasts(60, FAST, now)
    submit(silence, now, 60)
    assert not silence.lasts(60, FAST, now + STALL_S - 0.01)
    assert silence.lasts(60, FAST, now + STALL_S + 0.01)


def test_a_stream_that_pauses_is_not_taken_for_a_track_that_is_silent() -> None:
    silence = EncoderStall(0)
    submit(silence, 0.0, 60)
    assert not silence.lasts(60, FAST, 3.0)
    assert not silence.lasts(60, FAST, 60.0)
    # What has come at once after the pause is not counted yet.
    submit(silence, 60.0, 30)
    assert not silence.lasts(60, FAST, 61.0)


def test_a_few_pictures_prove_nothing() -> None:
    silence = EncoderStall(0)
    submit(silence, 0.0, STALL_PICTURES)
    assert not silence.lasts(0, FAST, 60.0)


def test_one_encoded_picture_ends_it_and_so_does_a_new_count() -> None:
    silence = EncoderStall(0)
    submit(silence, 0.0, 60)
    assert not silence.lasts(1, FAST, 10.0)
    submit(silence, 10.0, 60)
    assert silence.lasts(1, FAST, 13.0)
    assert not silence.lasts(0, FAST, 13.0)


def test_on_a_link_too_slow_only_a_keyframe_tells_since_webrtc_holds_back_what_follows_a_loss() -> None:
    silence = EncoderStall(0)
    now = submit(silence, 0.0, 240)
    assert not silence.lasts(0, SLOW, now)
    submit(silence, now, 90, keyframe=True)
    assert not silence.lasts(0, SLOW, now + STALL_S - 0.01)
    assert silence.lasts(0, SLOW, now + STALL_S + 0.01)
    assert silence.lasts(0, None, now)
