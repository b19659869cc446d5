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


def test_where_no_one_else_watches_a_replay_costs_nothing() -> None:
    assert KeyframeRequests().judge(Audience(), 10) is Answer.REPLAY


def test_one_who_has_lost_a_picture_or_is_shown_again_does_not_throw_others_back(audience: Audience) -> None:
    requests = KeyframeRequests()
    for n in range(10):
        assert requests.judge(audience, 10 + n / 2) is Answer.KEYFRAME


def test_one_who_has_come_just_now_is_waiting(audience: Audience) -> None:
    audience.counted(4, 10)
    assert KeyframeRequests().judge(audience, 10.1) is Answer.SHARED_REPLAY


def test_one_who_may_have_left_waits_only_if_the_request_is_repeated(audience: Audience) -> None:
    audience.counted(4, 10)
    requests, now = KeyframeRequests(), 10 + FRESH_S + 0.1
    assert requests.judge(audience, now) is Answer.KEYFRAME
    assert requests.judge(audience, now + MIN_REPEAT_S / 2) is Answer.KEYFRAME, "the same request"
    assert requests.judge(audience, now + 0.5) is Answer.SHARED_REPLAY


def test_a_request_that_comes_long_after_another_repeats_nothing(audience: Audience) -> None:
    audience.counted(4, 10)
    requests, now = KeyframeRequests(), 10 + FRESH_S + 0.1
    requests.judge(audience, now)
    assert now + MAX_REPEAT_S + 0.1 < 10 + ARRIVAL_S
    assert requests.judge(audience, now + MAX_REPEAT_S + 0.1) is Answer.KEYFRAME


def test_a_keyframe_answers_all_requests_before(audience: Audience) -> None:
    audience.counted(4, 10)
    requests, now = KeyframeRequests(), 10 + FRESH_S + 0.1
    requests.judge(audience, now)
    assert requests.left_to_encoder(now + 1)
    requests.answered(now + 0.1)
    assert not requests.left_to_encoder(now + 1)
    assert requests.judge(audience, now + 0.5) is Answer.KEYFRAME


def test_a_loss_that_is_told_late_explains_the_request(audience: Audience) -> None:
    requests = KeyframeRequests()
    requests.judge(audience, 10)
    assert requests.left_to_encoder(10 + LOSS_NEWS_S / 2)
    assert not requests.left_to_encoder(10 + LOSS_NEWS_S)


def test_in_silence_one_who_has_come_is_answered_and_a_browser_that_sees_no_picture_is_not(
    audience: Audience,
) -> None:
    requests = KeyframeRequests()
    requests.answered(10)
    assert requests.judge_in_silence(audience, 13) is Answer.KEYFRAME
    assert requests.judge_in_silence(audience, 16.5) is Answer.KEYFRAME
    audience.counted(4, 20)
    assert requests.judge_in_silence(audience, 20.1) is Answer.REPLAY
    requests.answered(20.2)
    assert requests.judge_in_silence(audience, 23.2) is Answer.KEYFRAME


def test_in_silence_one_who_goes_on_asking_is_answered(audience: Audience) -> None:
    requests = KeyframeRequests()
    assert requests.judge_in_silence(audience, 20) is Answer.KEYFRAME
    assert requests.judge_in_silence(audience, 20.5) is Answer.REPLAY
