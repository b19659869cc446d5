"""What is said of other protocols, containers and codecs: for each, what to send in its place."""

import pytest

from ingestd.diagnose.explain import explain
from ingestd.diagnose.foreign_format_diagnoses import FOREIGN_FORMATS
from ingestd.errors import BitstreamError
from ingestd.media.detection.format_detector import detect


@pytest.mark.parametrize(
    ("first_bytes", "reason", "said"),
    [
        (b"OPTIONS rtsp://cam/ RTSP/1.0\r\n\r\n", "rtsp", "-f h264 tcp://HOST:PORT in place of -f rtsp"),
        (b"GET / HTTP/1.1\r\nHost: here\r\n\r\n", "http", "browsers do not belong here"),
        (b"\x1a\x45\xdf\xa3" + bytes(60), "matroska", "in place of matroskamux"),
        (b"FLV\x01\x01\0\0\0\x09" + bytes(60), "flv", "-f h264"),
    ],
)
def test_what_encoders_send_by_mistake_is_named_with_what_to_send(
    first_bytes: bytes, reason: str, said: str
) -> None:
    with pytest.raises(BitstreamError) as raised:
        detect(first_bytes, final=True)
    assert raised.value.reason == reason
    assert reason in FOREIGN_FORMATS
    assert said in explain(raised.value)


def test_every_entry_says_what_to_change() -> None:
    assert {reason for reason, diagnosis in FOREIGN_FORMATS.items() if not diagnosis.cures} == set()
