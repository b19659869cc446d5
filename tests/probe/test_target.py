"""What may be probed: a file, standard input, a FIFO, an encoder to dial, a port to be dialled at."""

import os
from pathlib import Path

import pytest

from ingestd.config.address import Address
from ingestd.errors import ConfigError
from ingestd.probe.target import ALLOWED, STANDARD_INPUT, Fifo, Listen, parse_target


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_target(text)
    return str(caught.value)


def test_a_file_that_exists_and_standard_input(tmp_path: Path) -> None:
    file = tmp_path / "camera: 1.h264"
    file.touch()
    assert parse_target(str(file)) == file
    assert parse_target("-") == STANDARD_INPUT


def test_a_fifo_is_no_file_that_ends(tmp_path: Path) -> None:
    fifo = tmp_path / "camera"
    os.mkfifo(fifo)
    target = parse_target(str(fifo))
    assert target == Fifo(fifo)
    assert str(target) == str(fifo)


def test_an_encoder_to_dial_and_a_port_to_be_dialled_at() -> None:
    assert parse_target("tcp://camera:5004") == Address("tcp", "camera", 5004)
    assert parse_target("tcp://[::1]:5004") == Address("tcp", "::1", 5004)
    for port in (0, 5004, 65535):
        target = parse_target(f"listen:{port}")
        assert target == Listen(port)
        assert str(target) == f"listen:{port}"


@pytest.mark.parametrize("port", ["", "camera", "-1", "65536", "1e3", "٣", " 5004", "000000"])
def test_a_port_that_is_none_is_named_with_those_that_are(port: str) -> None:
    assert refused(f"listen:{port}") == (
        f"listen:{port}: {port!r} is not a port; allowed: 0 (any free one) to 65535"
    )


@pytest.mark.parametrize("scheme", ["rtsp://", "unix://", "http://", "rtmps://"])
def test_another_scheme_is_named_with_those_that_are_allowed(scheme: str) -> None:
    assert refused(f"{scheme}camera/1") == f"{scheme}camera/1: {scheme} cannot be probed; allowed: {ALLOWED}"


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.h264"
    assert refused(str(path)) == f"{path}: there is no such file; allowed: {ALLOWED}"


def test_an_address_without_port_is_refused_as_in_the_configuration() -> None:
    assert "tcp://camera" in refused("tcp://camera")
