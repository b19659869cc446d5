"""That H.265 by way of the stand-ins is proved before it is relied on."""

import shutil
import sys
from pathlib import Path

import pytest

from ingestd.publish.sdk import h265, h265_build
from ingestd.publish.sdk.h265_build import DIRECTORY, LIBRARIES
from ingestd.publish.sdk.h265_choice import Mode
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


@needs_standins
async def test_auto_uses_the_stand_ins_where_they_are_proved(unproved: list[str]) -> None:
    assert await decide("auto") == ("stand-ins", "")
    unproved.append("the SDK does not offer H.265")
    way, refusal = await decide("auto")
    assert way == "none"
    assert "did not publish it in a trial: the SDK does not offer H.265: see docs/h265.md" in refusal


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


def test_set_up_where_nothing_can_be_written_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nowhere = tmp_path / "missing" / "standins"
    monkeypatch.setattr(h265, "DIRECTORY", nowhere)
    monkeypatch.setattr(h265, "build", lambda: h265_build.build(nowhere))
    with pytest.raises(SystemExit, match=r"cannot be written beside .*No such file or directory; run this"):
        h265.main()
