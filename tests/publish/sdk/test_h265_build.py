"""Compiling the stand-ins: where it is possible, and only when it is needed."""

import errno
import os
from pathlib import Path

import pytest

from ingestd.publish.sdk import h265_build
from ingestd.publish.sdk.h265_build import LIBRARIES, are_built, build, suits_machine

needs_compiler = pytest.mark.skipif(
    not suits_machine(), reason="the stand-ins are for Linux on x86-64: run the tests there"
)


@needs_compiler
def test_what_is_up_to_date_is_left_alone(tmp_path: Path) -> None:
    directory = tmp_path / "standins"
    assert not are_built(directory)
    assert build(directory)
    assert are_built(directory)
    first = {name: (directory / name).stat().st_ino for name in LIBRARIES}
    (directory / "proved").touch()
    assert build(directory)
    assert {name: (directory / name).stat().st_ino for name in LIBRARIES} == first

    os.utime(directory / LIBRARIES[0], (0, 0))  # older than the source
    assert build(directory)
    assert (directory / LIBRARIES[0]).stat().st_mtime > 0
    assert not (directory / "proved").exists(), "it was proved of other libraries"


@needs_compiler
def test_another_user_than_who_made_them_may_read_them(tmp_path: Path) -> None:
    directory = tmp_path / "standins"
    before = os.umask(0o022)
    try:
        assert build(directory)
    finally:
        os.umask(before)
    assert directory.stat().st_mode & 0o777 == 0o755
    assert {(directory / name).stat().st_mode & 0o044 for name in LIBRARIES} == {0o044}


def test_those_that_this_user_may_not_read_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: object, **_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    for name in LIBRARIES:
        (tmp_path / name).touch()
    assert are_built(tmp_path)
    monkeypatch.setattr(os, "stat", denied)
    assert not are_built(tmp_path)


@pytest.mark.parametrize("compiler", ["no-such-compiler", "false"])
def test_without_a_compiler_that_works_there_are_none_but_those_that_were_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiler: str
) -> None:
    monkeypatch.setenv("CC", compiler)
    directory = tmp_path / "standins"
    assert not build(directory)
    assert list(tmp_path.iterdir()) == []

    directory.mkdir()
    for name in LIBRARIES:
        (directory / name).touch()
        os.utime(directory / name, (0, 0))
    assert build(directory)
    (directory / LIBRARIES[0]).unlink()
    assert not build(directory)


def test_for_another_machine_none_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(h265_build, "suits_machine", lambda: False)
    assert not build(tmp_path / "standins")
    assert list(tmp_path.iterdir()) == []
