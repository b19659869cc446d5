"""How H.265 is published: what is decided where, and that it is proved before it is relied on."""

import shutil
import sys
from pathlib import Path

import pytest

from ingestd.publish.sdk import h265
from ingestd.publish.sdk.h265 import Mode
from ingestd.publish.sdk.h265_build import DIRECTORY, LIBRARIES
from tests.publish.sdk.support import needs_standins


@pytest.fixture
def unproved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Nothing is proved by a process of its own; what it would say can be put in."""
    failures: list[str] = []

    async def prove(_directory: Path = DIRECTORY) -> str | None:
        return failures[0] if failures else None

    monkeypatch.setattr(h265, "prove", prove)
    return failures


async def decide(mode: Mode) -> tuple[str, str]:
    decision = await h265._decide(mode)
    assert decision.why
    return decision.way, decision.refusal or ""


async def test_off_is_a_refusal_that_names_the_key_and_what_else_to_send() -> None:
    way, refusal = await decide("off")
    assert way == "none"
    assert refusal.startswith("livekit.h265 is off: set it to auto, or send H.264 (ffmpeg: -c:v libx264")


async def test_native_leaves_it_to_the_sdk() -> None:
    assert await decide("native") == ("native", "")


@needs_standins
async def test_auto_uses_the_stand_ins_where_they_are_proved(unproved: list[str]) -> None:
    assert await decide("auto") == ("stand-ins", "")
    unproved.append("the SDK does not offer H.265")
    way, refusal = await decide("auto")
    assert way == "none"
    assert "did not publish it in a trial: the SDK does not offer H.265: see docs/h265.md" in refusal


async def test_auto_never_uses_them_beside_a_driver(
    unproved: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(h265, "suits_machine", lambda: True)
    monkeypatch.setattr(h265, "LIBRARIES", ("libcuda.so.none", "libm.so.6"))
    assert await decide("auto") == ("native", "")


async def test_auto_leaves_other_machines_to_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(h265, "suits_machine", lambda: False)
    assert await decide("auto") == ("native", "")


@needs_standins
async def test_without_a_compiler_the_refusal_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(h265, "are_built", lambda: False)
    way, refusal = await decide("auto")
    assert way == "none"
    assert "install a C compiler (Debian: apt-get install gcc)" in refusal


@needs_standins
async def test_a_proof_is_remembered_for_the_same_libraries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "standins"
    shutil.copytree(DIRECTORY, directory)
    (directory / "proved").unlink(missing_ok=True)
    assert await h265.prove(directory) is None
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert await h265.prove(directory) is None
    with (directory / LIBRARIES[0]).open("ab") as library:
        library.write(b"\0")
    assert await h265.prove(directory) == "it ended with status 1"


@needs_standins
async def test_a_proof_that_cannot_be_remembered_counts(tmp_path: Path) -> None:
    directory = tmp_path / "standins"
    shutil.copytree(DIRECTORY, directory)
    (directory / "proved").unlink(missing_ok=True)
    (directory / "proved").mkdir()  # nobody can write there, not even root
    assert await h265.prove(directory) is None


@needs_standins
async def test_what_the_system_refuses_is_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    monkeypatch.setattr(h265, "_circumstances", lambda _: "others")
    way, refusal = await decide("auto")
    assert way == "none"
    assert "did not publish it in a trial: [Errno 2] No such file or directory" in refusal


@needs_standins
async def test_a_proof_that_does_not_end_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = tmp_path / "python"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o755)
    shutil.copytree(DIRECTORY, tmp_path / "standins")
    (tmp_path / "standins" / "proved").unlink(missing_ok=True)
    monkeypatch.setattr(sys, "executable", str(hanging))
    monkeypatch.setattr(h265, "PROOF_TIMEOUT_S", 0.2)
    assert await h265.prove(tmp_path / "standins") == "it did not end"
