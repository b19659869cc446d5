"""An encoder that is asked for keyframes, and what it does then."""

import pytest

from ingestd.delivery.encoder_response import (
    ALLOWANCE_RATIO,
    ANSWER_LIMIT_PICTURES,
    ANSWER_LIMIT_S,
    FIRST_PATIENCE_S,
    MAX_ANSWER_S,
    ON_ITS_WAY_S,
    PICTURE_ALLOWANCE_S,
    EncoderResponse,
)

LATE_S = 1.1 * ANSWER_LIMIT_S


def test_one_that_was_never_asked_is_not_waited_for() -> None:
    response = EncoderResponse()
    assert response.patience_s == 0
    response.keyframe(1.0, in_turn=False)
    assert (response.patience_s, response.answer_s) == (0, None)


def test_one_that_is_asked_for_the_first_time_may_answer() -> None:
    response = EncoderResponse()
    response.asked(1.0)
    assert response.patience_s == FIRST_PATIENCE_S


def test_one_that_has_answered_is_given_a_little_longer_than_it_took() -> None:
    response = EncoderResponse()
    response.asked(1.0)
    response.asked(1.02)  # again, before the answer could be there
    response.keyframe(1.1, in_turn=False)
    assert response.answer_s == pytest.approx(0.1)
    assert response.patience_s == pytest.approx(0.1 * ALLOWANCE_RATIO + PICTURE_ALLOWANCE_S)


def test_one_answers_that_has_answered_the_last_request_soon() -> None:
    response = EncoderResponse()
    assert not response.answers
    response.asked(1.0)
    response.keyframe(1.1, in_turn=False)
    assert response.answers
    response.asked(2.0)
    response.look(2.0 + LATE_S)
    assert not response.answers


def test_a_keyframe_that_was_due_is_no_answer_but_ends_the_wait() -> None:
    response = EncoderResponse()
    response.asked(1.0)
    response.keyframe(1.1, in_turn=True)
    assert (response.answer_s, response.patience_s) == (None, 0)
    response.look(1.0 + LATE_S)
    assert response.unanswered == 0


def test_a_slow_answer_is_one_but_no_viewer_is_kept_waiting_for_it() -> None:
    response = EncoderResponse()
    response.asked(1.0)
    response.keyframe(1.0 + 1.2 * MAX_ANSWER_S, in_turn=False)
    assert response.answer_s == pytest.approx(1.2 * MAX_ANSWER_S)
    assert (response.patience_s, response.unanswered) == (0, 0)


def test_one_that_lets_requests_pass_is_deaf_until_it_answers_one() -> None:
    response = EncoderResponse()
    response.asked(1.0)
    response.look(1.0 + LATE_S)
    assert (response.unanswered, response.deaf, response.patience_s) == (1, False, 0)
    response.asked(5.0)
    assert response.patience_s == 0
    response.asked(5.0 + LATE_S)
    assert (response.unanswered, response.deaf) == (2, True)
    response.keyframe(5.1 + LATE_S, in_turn=True)
    assert response.deaf, "that would have come in any case"
    response.asked(9.0)
    response.keyframe(9.1, in_turn=False)
    assert (response.unanswered, response.deaf) == (2, False)


def test_each_request_that_is_let_pass_counts() -> None:
    response = EncoderResponse()
    for at in (1.0, 1.5, 2.0, 2.5):
        response.asked(at)
    response.look(2.6)
    assert response.unanswered == 2
    response.keyframe(2.7, in_turn=False)
    response.look(9.0)
    assert response.unanswered == 2
    assert response.answer_s == pytest.approx(0.7)


def test_one_that_does_not_read_lets_every_request_pass_whatever_it_sends() -> None:
    response = EncoderResponse()
    response.not_delivered()
    response.keyframe(1.1, in_turn=False)
    assert (response.answer_s, response.patience_s, response.deaf) == (None, 0, False)
    response.not_delivered()
    assert (response.unanswered, response.deaf, response.reads) == (2, True, False)
    response.asked(9.0)
    assert response.reads
    response.keyframe(9.1, in_turn=False)
    assert not response.deaf


def test_one_that_answers_no_more_is_waited_for_once() -> None:
    response = EncoderResponse()
    response.asked(1.0)
    response.keyframe(1.1, in_turn=False)
    response.asked(2.0)
    response.asked(2.0 + LATE_S)
    assert response.patience_s == 0


def test_another_encoder_is_not_judged_by_the_one_before() -> None:
    response = EncoderResponse()
    for at in (1.0, 1.0 + LATE_S, 1.0 + 2 * LATE_S):
        response.asked(at)
    assert response.deaf
    response.new_encoder()
    response.asked(9.0)
    assert (response.deaf, response.unanswered) == (False, 2)
    assert response.patience_s == FIRST_PATIENCE_S


def test_a_request_just_after_an_answer_was_made_before_it_was_seen() -> None:
    response = EncoderResponse()
    response.keyframe(0.5, in_turn=False)
    assert not response.just_answered(0.5), "nobody had asked for it"
    response.asked(1.0)
    response.keyframe(1.1, in_turn=False)
    assert response.just_answered(1.1 + 0.9 * ON_ITS_WAY_S)
    assert not response.just_answered(1.1 + 1.1 * ON_ITS_WAY_S)


def test_one_that_sends_a_picture_a_second_has_the_time_of_two() -> None:
    response = EncoderResponse()
    response.asked(1.0, frame_interval_s=1.0)
    assert response.gives_up_at == 1.0 + ANSWER_LIMIT_PICTURES * 1.0
    response.keyframe(2.1, in_turn=False)  # its next picture
    assert response.unanswered == 0
    assert response.answer_s == pytest.approx(1.1)
    response.asked(3.0, frame_interval_s=1 / 30)
    assert response.gives_up_at == 3.0 + ANSWER_LIMIT_S
