"""Diagnosis: what a reason means, what is expected in its place, and what to change, for each tool."""

from collections.abc import Mapping
from dataclasses import dataclass, field

# What may stand before a cure. "any" is not said: the cure is for every tool, or outside of the encoder.
TOOLS = (
    "any",
    "ffmpeg",
    "x264",
    "x264, x265",
    "x265",
    "libaom",
    "GStreamer",
    "x264enc",
    "x265enc",
    "vp8enc, vp9enc",
    "nvh264enc",
    "nvh264enc, nvh265enc",
    "vah264enc",
    "vah264enc, vah265enc",
    "vaapih264enc",
    "vaapih264enc, vaapih265enc",
    "PyAV",
    "scrcpy",
)

# What several entries tell to choose; IVF by tool.
H264_BYTE_STREAM = "h264parse ! video/x-h264,stream-format=byte-stream"
H265_BYTE_STREAM = "h265parse ! video/x-h265,stream-format=byte-stream"
OBU_STREAM = "av1parse ! video/x-av1,stream-format=obu-stream,alignment=tu"
IVF = {"ffmpeg": "-f ivf", "GStreamer": "avmux_ivf"}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is known of one reason beyond what was seen."""

    means: str  # a sentence without capital and full stop, for the documentation
    expected: str = ""  # goes on from "expected "
    # By tool (`TOOLS`), "any" first, so that it is not taken for a part of the cure before; "{case}": that of
    # the fault.
    cures: Mapping[str, str] = field(default_factory=dict)

    def advice(self, case: str = "") -> list[str]:
        """Return what is expected and what to change, one sentence for each tool."""
        return [*([f"expected {self.expected}"] if self.expected else []), *self.changes(case)]

    def changes(self, case: str = "") -> list[str]:
        """Return what to change, one sentence for each tool."""
        sentences = ((tool, cure.replace("{case}", case)) for tool, cure in self.cures.items())
        return [text if tool == "any" else f"{tool}: {text}" for tool, text in sentences]


# By reason, or by "reason.case" where what helps differs from case to case.
Diagnoses = Mapping[str, Diagnosis]


def find(table: Diagnoses, reason: str, case: str = "") -> Diagnosis | None:
    """Return the entry of the case, else that of the reason."""
    return table.get(f"{reason}.{case}") or table.get(reason)
