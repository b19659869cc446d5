"""The rows of all attacks, kept as JSON and written as the table of docs/security.md."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.attack.catalogue import ATTACKS
from tests.attack.rig import Row
from tests.attack.sigkill import Kill

BEGIN, END = "<!-- attacks: begin -->", "<!-- attacks: end -->"
KILLS_BEGIN, KILLS_END = "<!-- kills: begin -->", "<!-- kills: end -->"
HEAD = (
    "attack",
    "at once",
    "lost of",
    "p99 during, ms",
    "p99 after, ms",
    "memory, MB",
    "descriptors",
    "lines/s",
    "longest gap, s",
    "longest turn, ms",
    "next encoder, s",
)

Key = tuple[str, int]


def load(path: Path) -> dict[Key, Row]:
    """What `store` wrote; nothing if it never did."""
    if not path.exists():
        return {}
    return {(fields["attack"], fields["at_once"]): Row(**fields) for fields in json.loads(path.read_text())}


def store(path: Path, rows: Mapping[Key, Row]) -> None:
    """One line for each row, so that a difference can be read."""
    lines = ",\n".join(json.dumps(dataclasses.asdict(row)) for row in _in_order(rows))
    path.write_text(f"[\n{lines}\n]\n")


def write(page: Path, before: Mapping[Key, Row], after: Mapping[Key, Row]) -> None:
    """Put the table between its marks."""
    _put(page, BEGIN, table(before, after), END)


def write_kills(page: Path, kills: Sequence[Kill]) -> None:
    """Put the table of SIGKILLs between its marks."""
    head = ("killed after, s", "what it had reached", "ready again, s", "pictures of both streams again, s")
    lines = ["| " + " | ".join(head) + " |", "|---:|---|---:|---:|"]
    in_order = sorted(kills, key=lambda kill: kill.lived_s)
    lines += ["| " + " | ".join(kill_cells(kill)) + " |" for kill in in_order]
    _put(page, KILLS_BEGIN, "\n".join(lines), KILLS_END)


def kill_cells(kill: Kill) -> tuple[str, ...]:
    """A row of that table."""
    reached = "pictures" if kill.was_seen else "ready" if kill.was_ready else "starting"
    return f"{kill.lived_s:.1f}", reached, f"{kill.ready_again_s:.1f}", f"{kill.seen_again_s:.1f}"


def _put(page: Path, begin: str, table: str, end: str) -> None:
    text = page.read_text()
    start, stop = text.index(begin) + len(begin), text.index(end)
    page.write_text(f"{text[:start]}\n{table}\n{text[stop:]}")


def table(before: Mapping[Key, Row], after: Mapping[Key, Row]) -> str:
    """Markdown; a cell says "before → after", "before" or "→ after"."""
    lines = ["| " + " | ".join(HEAD) + " |", "|---|" + "---:|" * (len(HEAD) - 1)]
    for key in [(row.attack, row.at_once) for row in _in_order({**before, **after})]:
        nothing = [""] * len(HEAD[2:])
        sides = [_cells(rows[key]) if key in rows else nothing for rows in (before, after)]
        cells = [_change(*values) for values in zip(*sides, strict=True)]
        lines.append(f"| {ATTACKS[key[0]].what} | {key[1]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _change(before: str, after: str) -> str:
    if not after:
        return before or "–"
    return f"{before} → {after}" if before else f"→ {after}"


def line(row: Row) -> str:
    """A row for a terminal."""
    named = zip(HEAD[2:], _cells(row), strict=True)
    more = "".join(f"; {text}" for text in row.trouble)
    dropped = f"; dropped {row.dropped}" if row.dropped else ""
    return (
        f"{row.attack} ×{row.at_once}: "
        + ", ".join(f"{name} {cell}" for name, cell in named)
        + dropped
        + more
    )


def _cells(row: Row) -> list[str]:
    gap = max(row.health_gap_s, row.metrics_gap_s)
    books = "" if not row.unbalanced else f" ({row.unbalanced} unbalanced)"
    return [
        f"{row.lost}/{row.pushed}{books}",
        _milliseconds(row.p99_s),
        _milliseconds(row.after_p99_s),
        f"{row.memory_bytes / 1e6:.0f}",
        f"{row.descriptors}",
        f"{row.lines_per_s:.1f}",
        f"{gap:.1f}",
        "" if row.longest_turn_s is None else f"{row.longest_turn_s * 1000:.0f}",
        "never" if row.next_encoder_s is None else f"{row.next_encoder_s:.1f}",
    ]


def _milliseconds(delay_s: float) -> str:
    return f"{delay_s * 1000:.0f}" if delay_s else "–"  # of no picture


def _in_order(rows: Mapping[Key, Row]) -> list[Row]:
    names = list(ATTACKS)
    return sorted(rows.values(), key=lambda row: (names.index(row.attack), row.at_once))
