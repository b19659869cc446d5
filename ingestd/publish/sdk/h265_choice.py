"""Chooses how H.265 is published, by the configuration and this machine; needs no SDK.

A trial decides the rest (see `h265`).
"""

import contextlib
import ctypes
from dataclasses import dataclass
from typing import Literal

from ingestd.diagnose.explain import explain_room
from ingestd.publish.sdk.h265_build import LIBRARIES, are_built, suits_machine

Mode = Literal["auto", "native", "off"]
Way = Literal["native", "stand-ins", "none"]


@dataclass(frozen=True, slots=True)
class Decision:
    """How H.265 is published; ``why`` is for the log, ``refusal`` what its pictures are refused with."""

    way: Way
    why: str
    refusal: str | None = None


def choose(mode: Mode, *, loaded: bool = False) -> Decision:
    """Choose by what is installed; ``loaded``: the stand-ins are, into this process already.

    The way "stand-ins" holds only if a trial shows that they serve.
    """
    if mode == "off":
        return refused("off", "livekit.h265 is off")
    if mode == "native":
        return Decision("native", "livekit.h265 is native: published where the SDK offers it by itself")
    if not suits_machine():
        return Decision("native", "the stand-ins for a hardware encoder are for Linux on x86-64 only")
    # A process cannot tell the stand-ins that it has loaded from a driver.
    if not loaded and (library := _installed_driver()) is not None:
        return Decision("native", f"{library} is installed: the SDK uses NVIDIA's own libraries")
    if not are_built():
        why = (
            "the SDK does not offer it without a hardware encoder, and the stand-ins for one are not compiled"
        )
        return refused("not_compiled", why)
    return Decision("stand-ins", "without a hardware encoder: stand-ins answer what the SDK asks one")


def refused(case: str, why: str) -> Decision:
    """H.265 is not published: ``why``, and the cure of the ``case`` (`room_diagnoses`)."""
    return Decision("none", why, explain_room("h265_not_published", why, case))


def describe(mode: Mode) -> str:
    """Say what `choose` chooses, as ``ingestd check`` prints it."""
    decision = choose(mode)
    trial = ", if a trial at the start shows that they serve" if decision.way == "stand-ins" else ""
    return f"H.265: {decision.way}; {decision.refusal or decision.why}{trial}."


def _installed_driver() -> str | None:
    """The name of a library of NVIDIA's driver that is installed here; None without any."""
    for name in LIBRARIES:
        with contextlib.suppress(OSError):
            ctypes.CDLL(name)
            return name
    return None
