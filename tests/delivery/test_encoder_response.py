"""An encoder that is asked for keyframes, and what it does then."""

import pytest

from ingestd.delivery.encoder_response import (
    ALLOWANCE_RATIO,
    MAX_ANSWER_S,
    PICTURE_ALLOWANCE_S,
    EncoderResponse,
)


def test_one_that_was_never_asked_is_not_waited_for() -> None:
    answers = EncoderResponse()
    assert answers.patience_s == 0
    answers.keyframe(1.0, in_turn=False)
    assert answers.patience_s == 0


def test_one_that_has_answered_is_given_a_little_longer_than_it_took() -> None:
    answers = EncoderResponse()
    answers.asked(1.0)
    answers.asked(1.02)  # again, before the answer could be there
    assert answers.patience_s == 0
    answers.keyframe(1.1, in_turn=False)
    assert answers.patience_s == pytest.approx(0.1 * ALLOWANCE_RATIO + PICTURE_ALLOWANCE_S)


def test_a_keyframe_that_was_due_is_no_answer_nor_is_one_that_comes_long_after() -> None:
    answers = EncoderResponse()
    answers.asked(1.0)
    answers.keyframe(1.1, in_turn=True)
    assert answers.patience_s == 0
    answers.asked(2.0)
    answers.keyframe(2.0 + 2 * MAX_ANSWER_S, in_turn=False)
    assert answers.patience_s == 0


def test_one_that_lets_a_request_pass_is_not_waited_for_any_more() -> None:
    answers = EncoderResponse()
    answers.asked(1.0)
    answers.keyframe(1.1, in_turn=False)
    answers.asked(2.0)
    answers.asked(2.0 + 2 * MAX_ANSWER_S)
    assert answers.patience_s == 0
