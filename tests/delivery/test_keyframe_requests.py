import pytest

from ingestd.delivery.audience import ARRIVAL_S, FRESH_S, Audience
from ingestd.delivery.keyframe_requests import (
    LOSS_NEWS_S,
    MAX_REPEAT_S,
    MIN_REPEAT_S,
    Answer,
    KeyframeRequests,
)


@pytest.fixture
def audience() -> Audience:
    """Of two who watch."""
    audience = Audience()
    audience.counted(3, 0)
    for identity in ("ann", "bob"):
        audience.present(identity)
    return audience


def judge(requests: KeyframeRequests, audience: Audience | None, now: float) -> Answer:
    return requests.answer(audience, now, silent=False, beyond_cure=False, spares_watchers=True)


def judge_in_silence(requests: KeyframeRequests, audience: Audience | None, now: float) -> Answer:
    return requests.answer(audience, now, silent=True, beyond_cure=False, spares_watchers=True)


def test_where_no_one_can_tell_who_watches_or_none_is_to_be_spared_a_replay_answers(
    audience: Audience,
) -> None:
    requests = KeyframeRequests()
    assert judge(requests, None, 10) is judge_in_silence(requests, None, 10) is Answer.REPLAY
    answer = requests.answer(audience, 10, silent=False, beyond_cure=False, spares_watchers=False)
    assert answer is Answer.REPLAY


def test_no_replay_helps_where_b_frames_are_sent_but_while_the_encoder_is_silent(audience: Audience) -> None:
    requests = KeyframeRequests()
    for who in (None, audience, Audience()):
        answer = requests.answer(who, 10, silent=False, beyond_cure=True, spares_watchers=False)
        assert answer is Answer.KEYFRAME
    audience.counted(4, 20)
    answer = requests.answer(audience, 20, silent=True, beyond_cure=True, spares_watchers=True)
    assert answer is Answer.REPLAY


def test_where_no_one_else_watches_a_replay_costs_nothing() -> None:
    assert judge(KeyframeRequests(), Audience(), 10) is Answer.REPLAY


def test_one_who_has_lost_a_picture_or_is_shown_again_does_not_throw_others_back(audience: Audience) -> None:
    requests = KeyframeRequests()
    for n in range(10):
        assert judge(requests, audience, 10 + n / 2) is Answer.KEYFRAME


def test_one_who_has_come_just_now_is_waiting(audience: Audience) -> None:
    audience.counted(4, 10)
    assert judge(KeyframeRequests(), audience, 10.1) is Answer.SHARED_REPLAY


def test_one_who_may_have_left_waits_only_if_the_request_is_repeated(audience: Audience) -> None:
    audience.counted(4, 10)
    requests, now = KeyframeRequests(), 10 + FRESH_S + 0.1
    assert judge(requests, audience, now) is Answer.KEYFRAME
    assert judge(requests, audience, now + MIN_REPEAT_S / 2) is Answer.KEYFRAME, "the same request"
    assert judge(requests, audience, now + 0.5) is Answer.SHARED_REPLAY


def test_a_request_that_comes_long_after_another_repeats_nothing(audience: Audience) -> None:
    audience.counted(4, 10)
    requests, now = KeyframeRequests(), 10 + FRESH_S + 0.1
    judge(requests, audience, now)
    assert now + MAX_REPEAT_S + 0.1 < 10 + ARRIVAL_S
    assert judge(requests, audience, now + MAX_REPEAT_S + 0.1) is Answer.KEYFRAME


def test_a_keyframe_answers_all_requests_before(audience: Audience) -> None:
    audience.counted(4, 10)
    requests, now = KeyframeRequests(), 10 + FRESH_S + 0.1
    judge(requests, audience, now)
    assert requests.left_to_encoder(now + 1)
    requests.answered(now + 0.1)
    assert not requests.left_to_encoder(now + 1)
    assert judge(requests, audience, now + 0.5) is Answer.KEYFRAME


def test_a_loss_that_is_told_late_explains_the_request(audience: Audience) -> None:
    requests = KeyframeRequests()
    judge(requests, audience, 10)
    assert requests.left_to_encoder(10 + LOSS_NEWS_S / 2)
    assert not requests.left_to_encoder(10 + LOSS_NEWS_S)


def test_in_silence_one_who_has_come_is_answered_and_a_browser_that_sees_no_picture_is_not(
    audience: Audience,
) -> None:
    requests = KeyframeRequests()
    requests.answered(10)
    assert judge_in_silence(requests, audience, 13) is Answer.KEYFRAME
    assert judge_in_silence(requests, audience, 16.5) is Answer.KEYFRAME
    audience.counted(4, 20)
    assert judge_in_silence(requests, audience, 20.1) is Answer.REPLAY
    requests.answered(20.2)
    assert judge_in_silence(requests, audience, 23.2) is Answer.KEYFRAME


def test_in_silence_one_who_goes_on_asking_is_answered(audience: Audience) -> None:
    requests = KeyframeRequests()
    assert judge_in_silence(requests, audience, 20) is Answer.KEYFRAME
    assert judge_in_silence(requests, audience, 20.5) is Answer.REPLAY
