"""Error or issue → the whole text for a person: what was seen, what was expected, what to change."""

from typing import Protocol, TypeVar

from ingestd.diagnose.diagnosis import TOOLS, Diagnosis, find
from ingestd.diagnose.room_diagnoses import ROOM_DIAGNOSES
from ingestd.diagnose.stream_diagnoses import STREAM_DIAGNOSES
from ingestd.errors import StreamError

_Error = TypeVar("_Error", bound=StreamError)


class Finding(Protocol):
    """A StreamError or an `ingestd.diagnose.compatibility.Issue`."""

    @property
    def reason(self) -> str:
        """A word, the key of the table of diagnoses."""

    @property
    def seen(self) -> str:
        """What was seen, with the numbers; a sentence."""

    @property
    def case(self) -> str:
        """Which of the cures of the reason applies; empty: all."""


def advice(finding: Finding) -> list[str]:
    """Return what is expected and what to change, one sentence for each tool; empty where nothing helps."""
    return _diagnosis(finding).advice(finding.case)


def fields(finding: Finding) -> dict[str, str]:
    """Return the fields of a log line, or of an object in JSON: ``reason``, ``seen``, ``expected``, ``cure``.

    ``expected`` and ``cure`` are missing where there is nothing to say.
    """
    diagnosis = _diagnosis(finding)
    said = {
        "reason": finding.reason,
        "seen": finding.seen,
        "expected": diagnosis.expected,
        "cure": "; ".join(diagnosis.changes(finding.case)),
    }
    return {key: text for key, text in said.items() if text}


def explain(finding: Finding) -> str:
    """Return what was seen and the advice, as one line."""
    return "; ".join((finding.seen, *advice(finding)))


def by_tool(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Take apart what `explain` returned: what is for every tool, and what to change, as (tool, cure)."""
    general: list[str] = []
    cures: list[tuple[str, str]] = []
    for part in text.split("; "):
        tool, colon, cure = part.partition(": ")
        if colon and tool in TOOLS:
            cures.append((tool, cure))
        elif cures:  # a semicolon within a cure
            cures[-1] = (cures[-1][0], f"{cures[-1][1]}; {part}")
        else:
            general.append(part)
    return "; ".join(general), cures


def _diagnosis(finding: Finding) -> Diagnosis:
    return find(STREAM_DIAGNOSES, finding.reason, finding.case) or Diagnosis(means=finding.seen)


def explained(error: _Error) -> _Error:
    """Give ``error`` the whole text, for an application to catch, and return it."""
    error.args = (explain(error),)
    return error


def explain_room(reason: str, seen: str = "", case: str = "") -> str:
    """Return what keeps us out of a room, or a track from viewers, and what to change, as one line.

    Without ``seen`` it says what the reason means.
    """
    diagnosis = find(ROOM_DIAGNOSES, reason, case)
    if diagnosis is None:
        return seen or reason
    return ": ".join((seen or diagnosis.means, *diagnosis.advice(case)))
