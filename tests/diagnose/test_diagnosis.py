from ingestd.diagnose.diagnosis import Diagnosis, find

PLAIN, SPECIAL = Diagnosis(means="plain"), Diagnosis(means="special")


def test_the_entry_of_a_case_comes_before_that_of_its_reason() -> None:
    table = {"cut": PLAIN, "cut.ivf": SPECIAL}
    assert find(table, "cut", "ivf") is SPECIAL
    assert find(table, "cut", "obu") is PLAIN
    assert find(table, "cut") is PLAIN
    assert find(table, "torn") is None


def test_advice_names_the_tools_in_the_order_of_the_entry_and_the_case() -> None:
    diagnosis = Diagnosis(
        means="x",
        expected="an encoder",
        cures={"ffmpeg": "-f h264", "any": "set codec: {case}", "GStreamer": "h264parse"},
    )
    assert diagnosis.advice("vp8") == [
        "expected an encoder",
        "ffmpeg: -f h264",
        "set codec: vp8",
        "GStreamer: h264parse",
    ]
    assert PLAIN.advice() == []
