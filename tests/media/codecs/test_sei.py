import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.errors import BitstreamError
from ingestd.media.codecs.sei import (
    MAX_MESSAGES,
    MAX_SEI_BYTES,
    SeiMessage,
    recovery_frame_cnt,
    sei_messages,
    user_data_unregistered,
)
from tests.media.vectors_h26x import BitWriter, escape, sei_message


def test_the_messages_of_a_nal_unit() -> None:
    nal = b"\x06" + b"\x01\x02TT" + b"\x05\x04user" + b"\x80"
    assert sei_messages(nal, header_bytes=1) == [SeiMessage(1, b"TT"), SeiMessage(5, b"user")]
    assert sei_messages(b"\x4e\x01" + nal[1:], header_bytes=2) == sei_messages(nal, header_bytes=1)


def test_types_and_sizes_above_254_take_several_bytes() -> None:
    payload = b"x" * 600
    nal = b"\x06" + b"\xff\x01" + b"\xff\xff\x5a" + payload + b"\x80"
    assert sei_messages(nal, header_bytes=1) == [SeiMessage(256, payload)]
    assert sei_messages(b"\x06\x04\xff\x00" + b"x" * 255 + b"\x80", header_bytes=1)[0].payload == b"x" * 255


def test_sizes_count_without_emulation_prevention() -> None:
    assert sei_messages(b"\x06\x05\x04\x00\x00\x03\x00\x01\x80", header_bytes=1) == [
        SeiMessage(5, b"\0\0\0\1")
    ]


def test_trailing_bits_may_be_missing_and_zeros_may_follow_them() -> None:
    for trailing in (b"", b"\x80", b"\x80\0\0"):
        assert sei_messages(b"\x06\x05\x04user" + trailing, header_bytes=1) == [SeiMessage(5, b"user")]
    assert sei_messages(b"\x06\x80", header_bytes=1) == []


@pytest.mark.parametrize(
    ("nal", "why"),
    [
        (b"\x06\x05\x05user\x80", "5 bytes has only 4"),
        (b"\x06\x05\x80", "ends in the head"),
        (b"\x06\xff\xff", "ends in the head"),
        (b"\x06\x05\xff", "ends in the head"),
        (b"\x06" + b"\x01\x00" * (MAX_MESSAGES + 1) + b"\x80", "more than 64 messages"),
    ],
)
def test_what_is_no_sei(nal: bytes, why: str) -> None:
    with pytest.raises(BitstreamError, match=why) as raised:
        sei_messages(nal, header_bytes=1)
    assert raised.value.reason == "malformed_sei"


def test_as_many_messages_as_are_allowed() -> None:
    assert len(sei_messages(b"\x06" + b"\x01\x01x" * MAX_MESSAGES + b"\x80", header_bytes=1)) == MAX_MESSAGES


@given(st.lists(st.tuples(st.integers(0, 600), st.binary(max_size=600)), max_size=5))
def test_messages_written_are_read_back(messages: list[tuple[int, bytes]]) -> None:
    rbsp = b"".join(sei_message(payload_type, payload) for payload_type, payload in messages) + b"\x80"
    assert sei_messages(b"\x06" + escape(rbsp), header_bytes=1) == messages


@pytest.mark.parametrize(
    "nal",
    [
        b"\x06" + b"\xff" * 8_000_000,
        b"\x06" + b"\xff" * 1000 + bytes(20_000),
        b"\x06\x05" + b"\xff" * 1000 + bytes(20_000),
        b"\x06" + sei_message(5, b"x" * MAX_SEI_BYTES),
    ],
)
def test_what_is_larger_than_any_real_one_is_not_read(nal: bytes) -> None:
    with pytest.raises(BitstreamError, match=f"more than (the )?{MAX_SEI_BYTES}") as raised:
        sei_messages(nal, header_bytes=1)
    assert raised.value.reason == "malformed_sei"


@pytest.mark.parametrize("count", [0, 3, 65535])
def test_recovery_frame_cnt(count: int) -> None:
    payload = BitWriter().ue(count).u(1, 1).u(1, 0).u(2, 0).nal(b"")
    assert recovery_frame_cnt(payload) == count


@pytest.mark.parametrize("payload", [b"", b"\0", BitWriter().ue(65536).nal(b"")])
def test_what_is_no_recovery_point(payload: bytes) -> None:
    with pytest.raises(BitstreamError) as raised:
        recovery_frame_cnt(payload)
    assert raised.value.reason == "malformed_sei"


def test_user_data_has_the_uuid_of_its_owner_first() -> None:
    uuid = bytes.fromhex("dc45e9bde6d948b7962cd820d923eeef")  # x264's
    assert user_data_unregistered(uuid + b"x264 - core 164") == (uuid, b"x264 - core 164")
    assert user_data_unregistered(uuid) == (uuid, b"")
    with pytest.raises(BitstreamError, match="no room for its UUID"):
        user_data_unregistered(uuid[:15])
