"""What is said of a stream, and for how long it holds."""

from dataclasses import replace

import structlog

from ingestd.diagnose.reporter import B_FRAMES_PICTURES, KEYFRAME_PATIENCE_S, StreamReporter
from ingestd.errors import BitstreamError
from ingestd.media.access_unit import AccessUnit, Codec, Format, StreamInfo

EVENT = "waiting for a keyframe: every picture is dropped"


def test_a_keyframe_is_missed_after_some_seconds_and_until_one_comes() -> None:
    with structlog.testing.capture_logs() as lines:
        reporter = StreamReporter(structlog.get_logger())
        for now in (10.0, 10.1, 10.0 + KEYFRAME_PATIENCE_S - 0.1):
            reporter.waits_for_keyframe(True, now, asked=False)
        assert (reporter.problems, lines) == ([], []), "it may be on its way"

        for now in (10.0 + KEYFRAME_PATIENCE_S, 13.0 + KEYFRAME_PATIENCE_S):
            reporter.waits_for_keyframe(True, now, asked=False)
        (problem,) = reporter.problems
        assert problem.startswith("no keyframe came, and no viewer can begin to decode without one; make the")
        assert [line["event"] for line in lines] == [EVENT], "once"
        assert "feedback" not in lines[0]["seen"]

        reporter.waits_for_keyframe(False, 20.0, asked=False)
        assert reporter.problems == []
        reporter.waits_for_keyframe(True, 21.0, asked=False)
        assert reporter.problems == [], "the time begins again"


def test_it_is_said_that_the_encoder_is_asked() -> None:
    with structlog.testing.capture_logs() as lines:
        reporter = StreamReporter(structlog.get_logger())
        for now in (0.0, KEYFRAME_PATIENCE_S):
            reporter.waits_for_keyframe(True, now, asked=True)
    (problem,) = reporter.problems
    assert "without one, though the encoder is asked for one (feedback); make" in problem
    assert lines[0]["seen"].endswith("though the encoder is asked for one (feedback)")


def test_the_next_encoder_is_not_blamed() -> None:
    with structlog.testing.capture_logs():
        reporter = StreamReporter(structlog.get_logger())
        for now in (0.0, KEYFRAME_PATIENCE_S):
            reporter.waits_for_keyframe(True, now, asked=True)
    reporter.new_encoder()
    assert reporter.problems == []


def test_recovery_points_without_an_idr_picture_are_spoken_of_until_one_comes() -> None:
    with structlog.testing.capture_logs() as lines:
        reporter = StreamReporter(structlog.get_logger())
        for _ in range(2):
            reporter.picture(AccessUnit(b"", keyframe=True, info=None, recovery_point=True))
            reporter.picture(AccessUnit(b"", keyframe=False, info=None))
            (problem,) = reporter.problems
            assert problem.startswith("the stream can be begun at recovery points only")
        reporter.picture(AccessUnit(b"", keyframe=True, info=None))
    assert [line["event"] for line in lines] == ["viewers wait for an IDR picture"]
    assert reporter.problems == []


def test_a_fault_is_logged_with_what_to_change() -> None:
    with structlog.testing.capture_logs() as lines:
        reporter = StreamReporter(structlog.get_logger())
        reporter.fault(BitstreamError("tls", "this is a TLS ClientHello"), peer="10.0.0.7:40112")
    (line,) = lines
    assert (line["event"], line["reason"], line["peer"]) == ("fault in the stream", "tls", "10.0.0.7:40112")
    assert (line["seen"], line["expected"]) == ("this is a TLS ClientHello", "plain TCP")
    assert line["cure"].startswith("connect without TLS")


def test_a_keyframe_without_parameter_sets_is_reported_once_and_is_a_problem_until_one_has_them() -> None:
    with structlog.testing.capture_logs() as lines:
        reporter = StreamReporter(structlog.get_logger())
        for _ in range(2):
            reporter.picture(AccessUnit(b"", keyframe=True, info=None, lacks_parameter_sets=True))
            (problem,) = reporter.problems
            assert problem.startswith("no parameter sets came: keyframes are dropped")
            assert reporter.unwatchable
        reporter.picture(AccessUnit(b"", keyframe=True, info=None))
    (line,) = lines
    assert line["event"] == "keyframe dropped: it has no parameter sets"
    assert (line["reason"], line["expected"].partition(" (")[0]) == ("no_parameter_sets", "SPS and PPS")
    assert reporter.problems == []
    assert not reporter.unwatchable


def test_input_paced_by_a_guess_is_a_problem_and_a_file_that_says_its_rate_is_none() -> None:
    with structlog.testing.capture_logs() as lines:
        reporter = StreamReporter(structlog.get_logger())
        reporter.picture(AccessUnit(b"", keyframe=True, info=None, timestamp_us=0))
        reporter.pace("its timestamps")
        assert reporter.problems == []
        reporter.pace(None)
        reporter.picture(AccessUnit(b"", keyframe=True, info=None))
        reporter.pace("a guess")
        (problem,) = reporter.problems
        assert "states no frame rate: viewers see it slow or fast; make it write its frame rate" in problem
        reporter.new_encoder()
        assert reporter.problems == [], "the next one is not blamed"
        reporter.picture(AccessUnit(b"", keyframe=True, info=None))
        reporter.pace(None)
        assert reporter.problems == []
    assert [line["cure"] for line in lines if "cure" in line] == [
        "if it is live after all, set live: true; ffmpeg: -re makes it keep the pace by itself",
        "make it write its frame rate into the headers, or set framerate; "
        "ffmpeg: -re makes it keep the pace by itself",
    ]


def test_pacing_is_logged_when_it_begins_and_ends() -> None:
    with structlog.testing.capture_logs() as lines:
        reporter = StreamReporter(structlog.get_logger())
        for pace in (None, "timestamps", "timestamps", None, None):
            reporter.pace(pace)
    begins, ends = lines
    cure = "if it is live after all, set live: true; ffmpeg: -re makes it keep the pace by itself"
    assert "faster than real time" in begins["event"]
    assert (begins["pace"], begins["cure"]) == ("timestamps", cure)
    assert ends["event"] == "the encoder is live; pacing ends"


def test_pictures_that_wait_too_long_in_webrtc_are_told_once_and_their_end_too() -> None:
    with structlog.testing.capture_logs() as lines:
        reporter = StreamReporter(structlog.get_logger())
        reporter.congested(False, 0.002, 8e6, 0.0)
        for second, delay_s in enumerate((0.6, 1.2)):
            reporter.congested(True, delay_s, 4e5, float(second))
        assert lines == [], "not yet: it may be a picture after a silence"
        for second, delay_s in enumerate((0.6, 1.2, 0.7), start=2):
            reporter.congested(True, delay_s, 4e5, float(second))
        assert [(line["log_level"], line["send_delay_s"]) for line in lines] == [("warning", 0.6)]
        reporter.congested(False, 0.0021234, 8e6, 5.0)
    assert [(line["log_level"], line["send_delay_s"]) for line in lines[1:]] == [("info", 0.002)]


def test_a_link_is_not_blamed_for_what_waits_elsewhere_or_after_a_silence() -> None:
    with structlog.testing.capture_logs() as lines:
        reporter = StreamReporter(structlog.get_logger())
        for second in range(9):
            reporter.congested(True, 0.0, 4e5, float(second))
        for second in range(60):
            reporter.congested(second % 15 == 0, 1.4, 4e5, float(second))
        assert lines == []


def test_which_part_b_frames_are_is_logged_once_there_are_pictures_enough() -> None:
    with structlog.testing.capture_logs() as lines:
        reporter = StreamReporter(structlog.get_logger())
        reporter.b_frame_left_out(1, 1, 30.0)
        (problem,) = reporter.problems
        assert "they are left out" in problem
        assert lines == []
        for pictures in range(B_FRAMES_PICTURES, B_FRAMES_PICTURES + 9, 3):
            reporter.b_frame_left_out(pictures * 2 // 3, pictures, 30.0)
    (line,) = lines
    assert (line["event"], line["reason"]) == ("B-frames are left out", "b_frames")
    assert line["seen"].endswith("they are left out, and 10 of 30 pictures/s remain")
    assert "ffmpeg: -bf 0" in line["cure"]


def test_b_frames_that_cannot_be_left_out_are_said_as_bad_as_they_are() -> None:
    with structlog.testing.capture_logs() as lines:
        reporter = StreamReporter(structlog.get_logger())
        for _ in range(2):
            reporter.b_frame(referred_to=True)
    (line,) = lines
    assert "b-pyramid" in line["seen"]
    assert "viewers in Chromium see only the first pictures behind each keyframe" in line["seen"]


def test_a_codec_that_some_browsers_lack_is_a_remark_and_no_problem() -> None:
    info = StreamInfo(Codec.AV1, Format.IVF, 640, 360, "Main", "3.0", "4:2:0", 8, 30.0)
    with structlog.testing.capture_logs() as lines:
        reporter = StreamReporter(structlog.get_logger())
        reporter.stream(info, None)
        reporter.stream(replace(info, width=320), info)
    assert [line["event"] for line in lines if line.get("reason") == "av1_viewers"] == [
        "some viewers will not see this stream as it should be"
    ]
    assert {line["log_level"] for line in lines} == {"info"}
    assert (reporter.problems, len(reporter.remarks)) == ([], 1)


def test_rates_that_do_not_fit_are_said_once() -> None:
    with structlog.testing.capture_logs() as lines:
        reporter = StreamReporter(structlog.get_logger())
        for now in range(20):
            reporter.rate_watch.check(30.0, 60.0, 4e6, 1_000_000, now, target_bps=500_000)
            reporter.rates()
    assert [line["event"] for line in lines] == [
        "the stream states a wrong frame rate",
        "the stream is over max_bitrate",
        "the encoder ignores the bitrate that it is asked for",
    ]
