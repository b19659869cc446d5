"""From what WebRTC asks for to what the encoder hears."""

from collections.abc import AsyncIterator

import pytest

from ingestd.control.messages import Result
from tests.support.pipeline import DELTA, KEYFRAME, VIDEO, Played
from tests.support.wait import eventually


@pytest.fixture
async def played() -> AsyncIterator[Played]:
    played = Played()
    yield played
    await played.close()


async def test_a_keyframe_request_of_webrtc_is_passed_on_though_no_picture_comes(played: Played) -> None:
    played.submit(KEYFRAME)
    played.room.track.publish()
    await eventually(lambda: played.room.track.taken == [KEYFRAME], "submit it")
    played.room.track.ask(keyframe=True, bitrate_bps=1_200_000)
    await eventually(lambda: len(played.sink.messages) == 2, "ask the encoder")
    assert [message["type"] for message in played.sink.messages] == ["keyframe", "rate"]
    assert played.pipeline.figures("lobby").keyframe_requests == 1


async def test_a_keyframe_that_is_asked_for_in_silence_is_wanted_of_the_encoder(played: Played) -> None:
    played.submit_all(VIDEO)
    await eventually(lambda: played.room.track.at_rest, "submit all")
    played.pipeline.track_asked_for_keyframe()
    assert played.sink.messages[-1]["type"] == "keyframe"
    assert played.pipeline.figures("lobby").keyframe_requests == 1


async def test_an_encoder_is_asked_for_a_keyframe_where_webrtc_encodes_none_without(played: Played) -> None:
    played.submit(KEYFRAME)
    played.room.track.publish()
    await eventually(lambda: played.room.track.taken == [KEYFRAME], "submit it")
    played.pipeline.track_held_back(keyframe_left_out=True)
    assert not played.sink.messages, "little is missing: it is submitted once more"
    await eventually(lambda: played.room.track.at_rest, "submit it")
    played.pipeline.track_send_delay(0.0, 1.0, False, False)
    played.pipeline.track_held_back(keyframe_left_out=False)
    assert [message["type"] for message in played.sink.messages] == ["keyframe"]
    played.submit(DELTA)
    assert played.pipeline.figures("lobby").frames_held == 1
    played.pipeline.track_send_delay(0.0, 1e9, False, False)
    await eventually(lambda: played.pipeline.figures("lobby").frames_held == 0, "submit what waited")


async def test_packets_that_never_came_have_the_encoder_asked_for_a_keyframe_as_soon_as_no_link_dips(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    played.submit(KEYFRAME)
    played.room.track.publish()
    played.room.track.ask(bitrate_bps=1_200_000)
    await eventually(lambda: [m["type"] for m in played.sink.messages] == ["rate"], "know the link")
    played.pipeline.track_send_delay(1.0, 1_000_000, False, False)
    told = len(played.sink.messages)
    played.pipeline.track_packets_lost()
    assert "keyframe" not in {message["type"] for message in played.sink.messages[told:]}
    played.pipeline.track_send_delay(0.0, 1_000_000, True, False)
    assert played.sink.messages[-1]["type"] == "keyframe", "when it dips no more"
    told = len(played.sink.messages)
    played.pipeline.track_send_delay(0.0, 1_000_000, True, False)
    assert len(played.sink.messages) == told, "once"
    monkeypatch.setattr("ingestd.control.backchannel.KEYFRAME_MESSAGE_INTERVAL_S", 0.0)
    played.pipeline.track_packets_lost()
    assert [message["type"] for message in played.sink.messages[told:]] == ["keyframe"], "at once"


async def test_requests_in_silence_that_come_too_soon_make_one_more_message_when_it_is_time(
    played: Played,
) -> None:
    played.submit_all(VIDEO)
    await eventually(lambda: played.room.track.at_rest, "submit all")
    for _ in range(3):
        played.pipeline.track_asked_for_keyframe()
    assert [message["type"] for message in played.sink.messages] == ["keyframe"]
    await eventually(lambda: len(played.sink.messages) == 2, "ask once more")
    assert played.pipeline.figures("lobby").keyframe_requests == 3


async def test_an_answer_is_measured_and_a_request_that_it_overtakes_is_left_alone(played: Played) -> None:
    for picture in VIDEO.access_units[:4]:  # one GOP: no keyframe is due
        played.submit(picture)
    await eventually(lambda: played.room.track.at_rest, "submit all")
    played.pipeline.track_asked_for_keyframe()
    played.submit(KEYFRAME)
    figures = played.pipeline.figures("lobby")
    assert (figures.keyframe_answer.count, figures.keyframe_requests_unanswered) == (1, 0)
    played.pipeline.track_asked_for_keyframe()  # made before the keyframe was seen
    await eventually(lambda: played.room.track.at_rest, "be done")
    assert [message["type"] for message in played.sink.messages] == ["keyframe"]
    assert played.pipeline.figures("lobby").frames_replayed == 0


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (Result.DROPPED, "it does not read what it is sent"),
        (Result.FAILED, "feedback.webhook cannot be posted to, and it hears nothing"),
    ],
)
async def test_an_encoder_that_takes_no_message_is_named(
    played: Played, monkeypatch: pytest.MonkeyPatch, result: Result, why: str
) -> None:
    monkeypatch.setattr("ingestd.control.backchannel.KEYFRAME_MESSAGE_INTERVAL_S", 0.0)
    monkeypatch.setattr(played.sink, "send", lambda _message, on_result: on_result(result))
    played.submit_all(VIDEO)
    await eventually(lambda: played.room.track.at_rest, "submit all")
    for _ in range(2):
        played.pipeline.track_asked_for_keyframe()
    played.submit(DELTA)
    figures = played.pipeline.figures("lobby")
    assert (figures.keyframe_requests_unanswered, figures.keyframe_answer.count) == (2, 0)
    (problem,) = played.pipeline.stream_problems
    assert f"2 in a row; {why};" in problem


async def test_a_request_that_is_not_answered_is_given_up_in_its_time_whoever_looks(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestd.delivery.encoder_response.ANSWER_LIMIT_S", 0.05)
    monkeypatch.setattr("ingestd.control.backchannel.KEYFRAME_MESSAGE_INTERVAL_S", 0.0)
    played.submit_all(VIDEO)
    await eventually(lambda: played.room.track.at_rest, "submit all")
    for _ in range(2):
        played.pipeline.track_asked_for_keyframe()
    await eventually(lambda: played.pipeline.stream_problems, "give them up, while no picture comes")
    figures = [played.pipeline.figures("lobby") for _ in range(2)]
    assert [reading.keyframe_requests_unanswered for reading in figures] == [2, 2]


async def test_where_no_encoder_is_there_none_is_blamed(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestd.feedback.PRESENT_S", 0.0)
    monkeypatch.setattr(played.sink, "send", lambda _message, on_result: on_result(Result.DROPPED))
    played.submit_all(VIDEO)
    await eventually(lambda: played.room.track.at_rest, "submit all")
    played.pipeline.track_asked_for_keyframe()
    assert played.pipeline.figures("lobby").keyframe_requests_unanswered == 0


async def test_what_is_asked_for_follows_the_queue_behind_us_and_not_the_estimate_alone(
    played: Played,
) -> None:
    played.submit(KEYFRAME)
    played.room.track.publish()
    played.room.track.ask(bitrate_bps=1_000_000)
    await eventually(lambda: played.sink.messages, "tell the encoder")
    played.pipeline.track_send_delay(1.0, 1_000_000, True, False)
    played.pipeline.track_send_delay(0.0, 1_000_000, True, False)
    told = [message["bitrate_bps"] for message in played.sink.messages]
    assert told == [1_000_000, 333_333, 1_000_000]


async def test_where_no_picture_comes_no_bitrate_is_told(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestd.feedback.PICTURES_FLOW_S", 0.0)
    played.submit(KEYFRAME)
    played.room.track.publish()
    played.room.track.ask(bitrate_bps=1_000_000)
    await eventually(lambda: played.sink.messages, "tell the encoder")
    played.pipeline.track_send_delay(1.0, 1_000_000, True, False)
    assert len(played.sink.messages) == 1


@pytest.mark.parametrize("answers", [True, False])
async def test_at_a_dip_what_waits_in_webrtc_is_thrown_away_if_the_encoder_answers_requests(
    played: Played, monkeypatch: pytest.MonkeyPatch, answers: bool
) -> None:
    monkeypatch.setattr("ingestd.control.rate_target.GUESS_S", 0.0)
    monkeypatch.setattr("ingestd.control.backchannel.KEYFRAME_MESSAGE_INTERVAL_S", 0.0)
    track = played.room.track
    for picture in (KEYFRAME, DELTA):
        played.submit(picture)
    track.publish()
    await eventually(lambda: track.at_rest, "submit all")
    if answers:
        played.pipeline.track_asked_for_keyframe()
        played.submit(KEYFRAME)
    for bitrate_bps in (1_000_000, 300_000):
        track.ask(bitrate_bps=bitrate_bps)
        await eventually(lambda: track.at_rest, "take it in")
        played.submit(DELTA)
    await eventually(lambda: track.flushes == answers, "throw it away")
    if not answers:
        return
    assert played.sink.messages[-1]["type"] in ("keyframe", "rate")
    assert "keyframe" in [message["type"] for message in played.sink.messages[-2:]]
    taken = len(track.taken)
    played.submit(DELTA)
    track.flushed()
    played.submit(KEYFRAME)
    assert track.taken[taken:] == [KEYFRAME]
    track.ask(bitrate_bps=2_900_000)  # what WebRTC begins with
    await eventually(lambda: track.at_rest, "take it in")
    assert 2_900_000 not in [message.get("bitrate_bps") for message in played.sink.messages]
    assert track.flushes == 1


async def test_after_a_dip_of_the_link_the_encoder_is_asked_for_a_keyframe(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestd.control.rate_target.GUESS_S", 0.0)
    monkeypatch.setattr("ingestd.control.rate_target.FALL_WINDOW_S", 0.0)
    played.submit(KEYFRAME)
    played.room.track.publish()
    for bitrate_bps in (1_000_000, 300_000):
        played.room.track.ask(bitrate_bps=bitrate_bps)
        await eventually(lambda: played.room.track.at_rest, "take it in")
        played.submit(DELTA)
    await eventually(lambda: played.room.track.at_rest, "take it in")
    assert "keyframe" not in [message["type"] for message in played.sink.messages]
    played.pipeline.track_send_delay(0.0, 300_000, True, False)
    assert played.sink.messages[-1]["type"] == "keyframe"


async def test_a_defect_while_feedback_is_taken_behind_the_pictures_is_said(played: Played) -> None:
    played.submit(KEYFRAME)
    played.room.track.publish()
    await eventually(lambda: played.room.track.taken == [KEYFRAME], "submit it")
    played.room.track.feedback_broken = True
    await eventually(lambda: played.defects == 1, "say so")
    assert played.pipeline.errors["internal"] == 1
