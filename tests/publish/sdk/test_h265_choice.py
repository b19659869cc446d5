"""What is chosen for H.265, by the configuration and by what is installed."""

import pytest

from ingestd.publish.sdk import h265_choice
from ingestd.publish.sdk.h265_choice import choose, describe
from tests.publish.sdk.support import needs_standins


def test_off_is_a_refusal_that_names_the_key_and_what_else_to_send() -> None:
    decision = choose("off")
    assert decision.way == "none"
    assert decision.refusal is not None
    assert decision.refusal.startswith(
        "livekit.h265 is off: set it to auto, or send H.264 (ffmpeg: -c:v libx264"
    )


def test_native_leaves_it_to_the_sdk() -> None:
    assert (choose("native").way, choose("native").refusal) == ("native", None)


@needs_standins
def test_auto_uses_the_stand_ins_where_they_are_compiled() -> None:
    assert (choose("auto").way, choose("auto").refusal) == ("stand-ins", None)
    assert describe("auto") == (
        "H.265: stand-ins; without a hardware encoder: stand-ins answer what the SDK asks one, if a trial at "
        "the start shows that they serve."
    )


def test_auto_never_uses_them_beside_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(h265_choice, "suits_machine", lambda: True)
    monkeypatch.setattr(h265_choice, "LIBRARIES", ("libcuda.so.none", "libm.so.6"))
    assert describe("auto") == "H.265: native; libm.so.6 is installed: the SDK uses NVIDIA's own libraries."


def test_auto_leaves_other_machines_to_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(h265_choice, "suits_machine", lambda: False)
    assert choose("auto").way == "native"


@needs_standins
def test_without_a_compiler_the_refusal_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(h265_choice, "are_built", lambda: False)
    assert choose("auto").way == "none"
    assert "install a C compiler (Debian: apt-get install gcc)" in describe("auto")
