"""What is said of pictures that no viewer saw."""

from structlog.testing import capture_logs

from ingestd.observe.figures import StreamFigures
from ingestd.observe.loss_log import LossLog
from tests.observe.support import figures


def test_dropped_pictures_are_said_once_for_each_stream_by_reason() -> None:
    now: list[StreamFigures] = []
    losses = LossLog(lambda: now)

    def look(**dropped: int) -> list[dict[str, object]]:
        now[:] = [figures(name="cam", frames_dropped=dropped), figures(name="fine", frames_dropped={})]
        with capture_logs() as lines:
            losses.look()
        return [dict(line) for line in lines]

    said = {"log_level": "warning", "event": "pictures dropped", "stream": "cam"}
    assert look(backlog=0, before_keyframe=3) == []
    assert look(backlog=200, rejected=1, before_keyframe=9, no_room=9) == [
        {**said, "pictures": 201, "backlog": 200, "rejected": 1}
    ]
    assert look(backlog=200, rejected=1) == []
    assert look(backlog=203, rejected=1) == [{**said, "pictures": 3, "backlog": 3}]


def test_a_stream_that_was_made_again_counts_from_zero() -> None:
    now = [figures(frames_dropped={"backlog": 8})]
    losses = LossLog(lambda: now)
    losses.look()
    now[:] = [figures(frames_dropped={"backlog": 5})]

    with capture_logs() as lines:
        losses.look()

    assert [line["pictures"] for line in lines] == [5]
