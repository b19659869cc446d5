from ingestd.delivery.keyframe_wait import MAX_WAIT_S, MIN_BETWEEN_S, PATIENCE_S, KeyframeWait

LATE = 10 + PATIENCE_S


def interrupted() -> KeyframeWait:
    """Pictures passed, and wait for a keyframe since second 10."""
    wait = KeyframeWait()
    assert not wait.received(False, 0, None)
    assert not wait.received(True, 10, None)
    return wait


def test_an_encoder_that_sends_no_keyframe_is_to_connect_again_once() -> None:
    wait = interrupted()
    assert not wait.received(True, LATE - 0.1, None)
    assert wait.received(True, LATE, None)
    assert not wait.received(True, LATE + 100, None)


def test_one_that_was_joined_in_the_middle_of_its_gop_is_left_alone() -> None:
    wait = KeyframeWait()
    assert not wait.received(True, 10, None)
    assert not wait.received(True, LATE + 100, None)


def test_a_keyframe_that_is_due_soon_is_waited_for() -> None:
    wait = interrupted()
    assert not wait.received(True, LATE, MAX_WAIT_S - 1)
    assert wait.received(True, LATE, MAX_WAIT_S + 1)


def test_a_keyframe_in_time_ends_the_wait() -> None:
    wait = interrupted()
    assert not wait.received(False, LATE - 1, None)
    assert not wait.received(True, LATE, None)
    assert not wait.received(True, LATE + PATIENCE_S - 0.1, None)


def test_where_a_new_connection_has_not_helped_the_next_is_left_alone_for_a_while() -> None:
    wait = interrupted()
    assert wait.received(True, LATE, None)
    wait.new_encoder()
    wait.received(False, LATE + 1, None)
    wait.received(True, LATE + 2, None)
    assert not wait.received(True, LATE + MIN_BETWEEN_S - 1, None)
    assert wait.received(True, LATE + MIN_BETWEEN_S, None)
