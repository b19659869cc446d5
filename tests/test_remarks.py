"""What is said of a stream, and for how long it holds."""

import structlog

from ingestd.media.access_unit import AccessUnit
from ingestd.remarks import KEYFRAME_PATIENCE, Remarks

EVENT = "waiting for a keyframe: every picture is dropped"


def test_a_keyframe_is_missed_after_some_seconds_and_until_one_comes() -> None:
    with structlog.testing.capture_logs() as lines:
        remarks = Remarks(structlog.get_logger())
        for now in (10.0, 10.1, 10.0 + KEYFRAME_PATIENCE - 0.1):
            remarks.waits_for_keyframe(True, now, asked=False)
        assert (remarks.problems, lines) == ([], []), "it may be on its way"

        for now in (10.0 + KEYFRAME_PATIENCE, 13.0 + KEYFRAME_PATIENCE):
            remarks.waits_for_keyframe(True, now, asked=False)
        (problem,) = remarks.problems
        assert problem.startswith("no keyframe came, and no viewer can begin to decode without one; make the")
        assert [line["event"] for line in lines] == [EVENT], "once"
        assert "feedback" not in lines[0]["seen"]

        remarks.waits_for_keyframe(False, 20.0, asked=False)
        assert remarks.problems == []
        remarks.waits_for_keyframe(True, 21.0, asked=False)
        assert remarks.problems == [], "the time begins anew"


def test_it_is_said_that_the_encoder_is_asked() -> None:
    with structlog.testing.capture_logs() as lines:
        remarks = Remarks(structlog.get_logger())
        for now in (0.0, KEYFRAME_PATIENCE):
            remarks.waits_for_keyframe(True, now, asked=True)
    (problem,) = remarks.problems
    assert "without one, though the encoder is asked for one (feedback); make" in problem
    assert lines[0]["seen"].endswith("though the encoder is asked for one (feedback)")


def test_the_next_encoder_is_not_blamed() -> None:
    with structlog.testing.capture_logs():
        remarks = Remarks(structlog.get_logger())
        for now in (0.0, KEYFRAME_PATIENCE):
            remarks.waits_for_keyframe(True, now, asked=True)
    remarks.new_encoder()
    assert remarks.problems == []


def test_recovery_points_without_an_idr_picture_are_spoken_of_until_one_comes() -> None:
    with structlog.testing.capture_logs() as lines:
        remarks = Remarks(structlog.get_logger())
        for _ in range(2):
            remarks.picture(AccessUnit(b"", keyframe=True, info=None, recovery_point=True))
            remarks.picture(AccessUnit(b"", keyframe=False, info=None))
            (problem,) = remarks.problems
            assert problem.startswith("the stream can be begun at recovery points only")
        remarks.picture(AccessUnit(b"", keyframe=True, info=None))
    assert [line["event"] for line in lines] == ["viewers wait for an IDR picture"]
    assert remarks.problems == []
