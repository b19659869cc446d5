"""docs/diagnoses.md: both tables of diagnoses as Markdown."""

from collections.abc import Mapping

from ingestd.diagnose.diagnosis import Diagnoses, Diagnosis
from ingestd.diagnose.room_diagnoses import ROOM_SECTIONS
from ingestd.diagnose.stream_diagnoses import STREAM_SECTIONS

_HEAD = """# Diagnoses: what a reason means and what to change

Written by `python -m ingestd.diagnose > docs/diagnoses.md` from `ingestd/diagnose/`; do not edit it by hand.

The log, the status page, `/api/streams`, `ingestd probe` and the exceptions of the Python API say what was
seen, with its numbers, and then what stands here. A word in parentheses tells cases of one reason apart.
Cures of `x264`, `x265` and `libaom` are options of these libraries: ffmpeg takes those of x264 by
-x264-params, x264enc by option-string.
"""
_STREAMS = """
## Streams

The label `reason` of `ingestd_stream_errors_total`, and the issues of `ingestd probe`.
"""
_ROOMS = """
## Rooms and tracks

The label `result` of `ingestd_room_connections_total`; of a track the label `reason` of
`ingestd_stream_errors_total`.
"""


def docs_page() -> str:
    """Return the whole page."""
    return f"{_HEAD}{_STREAMS}{_tables(STREAM_SECTIONS)}{_ROOMS}{_tables(ROOM_SECTIONS)}"


def _tables(sections: Mapping[str, Diagnoses]) -> str:
    return "".join(_table(title, diagnoses) for title, diagnoses in sections.items())


def _table(title: str, diagnoses: Diagnoses) -> str:
    """Reasons of equal entries share a row."""
    rows: list[tuple[Diagnosis, list[str]]] = []
    for key, diagnosis in diagnoses.items():
        names = next((names for known, names in rows if known == diagnosis), None)
        if names is None:
            rows.append((diagnosis, [key]))
        else:
            names.append(key)
    lines = [
        f"| {_names(keys)} | {_cell(diagnosis.means)} | {_cures(diagnosis)} |" for diagnosis, keys in rows
    ]
    head = ["", f"### {title}", "", "| reason | what it means | what to change |", "|---|---|---|"]
    return "\n".join([*head, *lines, ""])


def _names(keys: list[str]) -> str:
    reasons = [key.partition(".") for key in keys]
    return ", ".join(f"`{reason}`" + (f" ({case})" if case else "") for reason, _, case in reasons)


def _cures(diagnosis: Diagnosis) -> str:
    return "<br>".join(_cell(sentence) for sentence in diagnosis.advice("…"))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
