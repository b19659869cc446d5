"""Error or issue → the whole text for a person: what was seen, what was expected, what to change."""

from typing import Protocol, TypeVar

from ingestd.diagnose.diagnosis import find
from ingestd.diagnose.room_diagnoses import ROOM_DIAGNOSES
from ingestd.diagnose.stream_diagnoses import STREAM_DIAGNOSES
from ingestd.errors import StreamError

_Error = TypeVar("_Error", bound=StreamError)


class Finding(Protocol):
    """A StreamError or an `ingestd.diagnose.compatibility.Issue`."""

    @property
    def reason(self) -> str: ...  # noqa: D102 - as StreamError says

    @property
    def seen(self) -> str: ...  # noqa: D102

    @property
    def case(self) -> str: ...  # noqa: D102


def advice(finding: Finding) -> list[str]:
    """Return what is expected and what to change, one sentence for each tool; empty where nothing helps."""
    diagnosis = find(STREAM_DIAGNOSES, finding.reason, finding.case)
    return diagnosis.advice(finding.case) if diagnosis is not None else []


def explain(finding: Finding) -> str:
    """Return what was seen and the advice, as one line."""
    return "; ".join((finding.seen, *advice(finding)))


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
