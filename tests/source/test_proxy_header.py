"""The header of a load balancer: whom it names, whatever the pieces it comes in, and what is none."""

import ipaddress

import pytest

from ingestd.source.entrance_stage import EntryError
from ingestd.source.proxy_header import (
    MAX_V1_BYTES,
    V2_SIGNATURE,
    ProxyHeader,
    begins_as_proxy_header,
)

V1 = b"PROXY TCP4 203.0.113.7 10.0.0.1 40112 5004\r\n"
STREAM = b"\0\0\0\1gPROXY\r\n"


def v2(command: int = 1, family: int = 0x11, addresses: bytes | None = None, more: bytes = b"") -> bytes:
    if addresses is None:
        addresses = (
            ipaddress.ip_address("203.0.113.7").packed + bytes(4) + (40112).to_bytes(2, "big") + bytes(2)
        )
    body = addresses + more
    return V2_SIGNATURE + bytes([0x20 | command, family]) + len(body).to_bytes(2, "big") + body


V2_IPV6 = v2(
    family=0x21,
    addresses=ipaddress.ip_address("2001:db8::7").packed + bytes(16) + (443).to_bytes(2, "big") + bytes(2),
)
ENCODER = ("203.0.113.7", 40112)


@pytest.mark.parametrize(
    ("header", "encoder"),
    [
        (V1, ENCODER),
        (b"PROXY TCP6 2001:db8::7 ::1 443 5004\r\n", ("2001:db8::7", 443)),
        (b"PROXY UNKNOWN\r\n", (None, None)),
        (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", (None, None)),
        (v2(), ENCODER),
        (v2(more=b"\x04\0\x03abc"), ENCODER),  # a TLV
        (v2(more=bytes(4000)), ENCODER),
        (V2_IPV6, ("2001:db8::7", 443)),
        (v2(command=0), (None, None)),  # LOCAL
        (v2(command=0, family=0, addresses=b""), (None, None)),
        (v2(family=0x31, addresses=bytes(216)), (None, None)),  # a unix socket
        (v2(family=0, addresses=b""), (None, None)),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_header_is_read_and_what_lies_behind_it_is_left(
    header: bytes, encoder: tuple[str | None, int | None], size: int
) -> None:
    stage, left, data = ProxyHeader(), b"", header + STREAM
    for at in range(0, len(data), size):
        piece = data[at : at + size]
        left += piece if stage.passed else stage.receive(piece)
    assert stage.passed
    assert (stage.host, stage.port) == encoder
    assert left == STREAM


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\0\0\0\1g", "it does not begin with a PROXY header"),
        (b"PROXX", "it does not begin with a PROXY header"),
        (b"\r\n\r\n\0\r\nQUIET", "it does not begin with a PROXY header"),
        (b"PROXY TCP4 camera 10.0.0.1 1 2\r\n", "names a source that is no IP address"),
        (b"PROXY TCP4 ::1 ::1 1 2\r\n", "does not fit its family"),
        (b"PROXY TCP4 10.0.0.1 10.0.0.2 70000 2\r\n", "does not fit its family"),
        (b"PROXY UDP4 10.0.0.1 10.0.0.2 1 2\r\n", "is not of the form"),
        (b"PROXY " + b"x" * MAX_V1_BYTES, "has no end of line"),
        (V2_SIGNATURE + b"\x31\x11\0\0", "version 3, command 1 is not known"),
        (V2_SIGNATURE + b"\x22\x11\0\0", "version 2, command 2 is not known"),
        (v2(addresses=bytes(11)), "too short"),
        (V2_SIGNATURE + b"\x21\x11\xff\xff", "announces 65551 bytes"),
    ],
)
def test_what_is_no_header_is_named_with_its_cure(data: bytes, reason: str) -> None:
    with pytest.raises(EntryError, match=reason) as error:
        ProxyHeader().receive(data)
    assert error.value.label == "proxy_header"
    assert "load balancer" in error.value.reason


def test_a_header_without_an_end_has_begun() -> None:
    stage = ProxyHeader()
    assert not stage.begun
    assert stage.receive(V1[:-1]) == b""
    assert stage.begun
    assert "has no end" in stage.unfinished().reason


def test_a_header_is_recognised_by_its_first_bytes() -> None:
    assert begins_as_proxy_header(V1[:6])
    assert begins_as_proxy_header(V1)
    assert begins_as_proxy_header(v2())
    assert begins_as_proxy_header(V2_SIGNATURE[:6])
    assert not begins_as_proxy_header(STREAM)
    assert not begins_as_proxy_header(b"")
