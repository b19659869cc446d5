"""Lines of a terminal that show what streams are doing: the worst first, each with what to change.

Pure: figures and a size in, lines out. A terminal obeys no text that is shown.
"""

import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from unicodedata import category, east_asian_width

from ingestd.diagnose.explain import by_tool
from ingestd.media.access_unit import CODEC_NAMES
from ingestd.redact import printable
from ingestd.terminal.figures import STATES, Figures

# Narrower than this a name says little; where there is no room for both, its state is worth more.
_MIN_NAME_COLUMNS = 12
_LEAST_NAME_COLUMNS = 4
_MAX_NAME_COLUMNS = 40
_ROOMY_COLUMNS = 40  # in fewer, an indent of two costs lines
_UNKNOWN = "-"
# SGR (ECMA-48, 8.3.117). Each state has its word, too: without colours nothing is lost.
_STATE_COLOURS = {
    "failed": "1;31",
    "frozen": "1;35",
    "degraded": "33",
    "starting": "36",
    "waiting": "2",
    "live": "32",
}
_BOLD, _DIM, _REVERSED = "1", "2", "7"
# Where not all fits, only these tell their reason.
_TELLING = ("failed", "frozen", "degraded")


@dataclass(frozen=True, slots=True)
class Style:
    """What is drawn on; ``height`` None: as many lines as it takes, as in a file."""

    width: int = 80  # columns
    height: int | None = None  # lines
    colour: bool = False

    def paint(self, text: str, how: str) -> str:
        """``text`` in a colour, where there are colours."""
        return f"\x1b[{how}m{text}\x1b[m" if self.colour else text


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    width: int
    show: Callable[[Figures], str]
    left: bool = False


def _number(key: str, digits: int, scale: float = 1.0, *, encoder: bool = False) -> Callable[[Figures], str]:
    """Shows a figure; one that is unknown, or without an encoder means nothing, as a dash."""

    def show(stream: Figures) -> str:
        value = stream.get(key)
        if not isinstance(value, int | float) or (encoder and not stream.get("encoder")):
            return _UNKNOWN
        return f"{value * scale:.{digits}f}"

    return show


def _delay(quantile: str) -> Callable[[Figures], str]:
    def show(stream: Figures) -> str:
        value = (stream.get("frame_delay") or {}).get(quantile)
        if not isinstance(value, int | float) or not stream.get("encoder"):
            return _UNKNOWN
        return f"{value * 1000:.1f}"

    return show


def _text(key: str) -> Callable[[Figures], str]:
    return lambda stream: str(stream.get(key) or _UNKNOWN)


def _picture(stream: Figures) -> str:
    codec = str(stream.get("codec") or "")
    return f"{CODEC_NAMES.get(codec, codec)} {stream.get('size') or ''}".strip() or _UNKNOWN


def _lost(stream: Figures) -> str:
    lost = (stream.get("frames_lost") or 0) + sum((stream.get("frames_dropped") or {}).values())
    return f"{lost}" if lost < 100_000 else f"{lost / 1000:.0f}k"


# In the order in which they stand.
_COLUMNS = (
    _Column("STATE", 8, _text("state"), left=True),
    _Column("PICTURE", 15, _picture, left=True),
    _Column("FPS", 5, _number("frame_rate", 1, encoder=True)),
    _Column("MBIT/S", 6, _number("bitrate_bps", 2, 1e-6, encoder=True)),
    _Column("LINK", 6, _number("target_bitrate_bps", 2, 1e-6)),
    _Column("DELAY", 5, _delay("p50")),
    _Column("P99", 6, _delay("p99")),
    _Column("SEND", 5, _number("send_delay_s", 1, 1e3, encoder=True)),
    _Column("LOST", 5, _lost),
    _Column("FROZEN", 6, _number("frozen", 1)),
    _Column("KEY S", 5, _number("keyframe_interval", 1)),
    _Column("VIEWERS", 7, _number("viewers", 0)),
    _Column("ROOM", 16, _text("room"), left=True),
    _Column("ENCODER", 21, _text("encoder"), left=True),
)
# In the order in which they are given up, from the end, where the terminal is too narrow.
_WORTH = (
    *("STATE", "FPS", "MBIT/S", "LOST", "SEND", "PICTURE", "DELAY", "LINK"),
    *("VIEWERS", "ROOM", "KEY S", "FROZEN", "ENCODER", "P99"),
)
_LEGEND = (
    ("LINK", "what WebRTC believes that the link carries"),
    ("DELAY", "here (median), ms"),
    ("SEND", "in WebRTC, ms"),
    ("LOST", "pictures dropped or lost since the start"),
)


def render(
    streams: Sequence[Figures], style: Style, *, place: str, right: str = "", note: str = "", skip: int = 0
) -> list[str]:
    """Return the lines. ``place``: whose figures these are; ``right``: what stands at the right of the first
    line; ``note``: why the figures are old, "" if they are not; ``skip``: how many streams are scrolled away.
    """
    tally = _tally(streams) or "no streams"
    head = [_heading(f"was: {tally}" if note else tally, style, place, right)]
    if note:
        lines = _wrapped(note, style.width, 0)
        head += [style.paint(line.ljust(style.width), _REVERSED) for line in lines]
    columns = _columns(streams, style.width)
    head.append(style.paint(_row([column.title for column in columns], columns), _BOLD))
    if style.height is None:
        return [
            *head,
            *(line for stream in streams for line in _whole(stream, columns, style)),
            "",
            *_legend(columns, style),
        ]
    room = max(style.height - len(head), 1)
    if skip and room > 2:  # where there are fewer, a stream and what is below are worth more
        head.append(_others(streams[:skip], "above", "↑ or k", style))
        room -= 1
    return [*head, *_fitting(streams[skip:], columns, style, room)][: style.height]


def _heading(left: str, style: Style, place: str, right: str) -> str:
    # How many have failed is worth more than the time, and that more than which key ends it.
    for beside in (right, right.partition("  ")[0], ""):
        free = style.width - cells(beside) - 2 * bool(beside)
        if cells(left) <= free:
            break
    place = printable(place)
    if cells(left) + cells(place) + 4 <= free:
        left += f" at {place}"
    left = cut(left, free)
    space = " " * (style.width - cells(left) - cells(beside)) if beside else ""
    return style.paint(left, _BOLD) + space + beside


def _tally(streams: Iterable[Figures]) -> str:
    counts = Counter(str(stream["state"]) for stream in streams)
    known = [state for state in STATES if state in counts]
    return ", ".join(f"{counts[state]} {state}" for state in [*known, *sorted(counts.keys() - {*STATES})])


def _others(streams: Sequence[Figures], where: str, keys: str, style: Style) -> str:
    """The line that says how many are not on the screen, in which states, and which keys lead there."""
    return style.paint(cut(f"… {len(streams)} {where}: {_tally(streams)} ({keys})", style.width), _DIM)


def _legend(columns: list[_Column], style: Style) -> list[str]:
    shown = {column.title for column in columns}
    text = " ".join(f"{title}: {words}." for title, words in _LEGEND if title in shown)
    return [style.paint(line, _DIM) for line in _wrapped(text, style.width, 0)]


def _fitting(streams: Sequence[Figures], columns: list[_Column], style: Style, room: int) -> list[str]:
    """Lines for as many streams as fit. The first is told in full, others where there is room for it."""
    blocks: list[list[str]] = []
    left = room
    for number, stream in enumerate(streams):
        block = (_brief if number else _whole)(stream, columns, style)
        below = 1 if number + 1 < len(streams) else 0  # for the line that says how many follow
        if len(block) > left - below:
            break
        blocks.append(block)
        left -= len(block)
    if not blocks and streams:
        blocks, left = [_whole(streams[0], columns, style)[: room - 1]], 1
    hidden = streams[len(blocks) :]
    left -= bool(hidden)
    for number, stream in enumerate(streams[: len(blocks)]):
        whole = _whole(stream, columns, style)
        if len(whole) - len(blocks[number]) <= left:
            left -= len(whole) - len(blocks[number])
            blocks[number] = whole
    lines = [line for block in blocks for line in block]
    if hidden:
        return [*lines, _others(hidden, "below", "↓ or j", style)]
    legend = _legend(columns, style)
    return [*lines, *[""] * (left - len(legend)), *legend] if left > len(legend) else lines


def _columns(streams: Sequence[Figures], width: int) -> list[_Column]:
    """The name, and of the others those that fit."""
    longest = max((cells(_name(stream)) for stream in streams), default=0)
    name = min(max(longest, _MIN_NAME_COLUMNS), _MAX_NAME_COLUMNS)
    chosen: set[str] = set()
    by_title = {column.title: column for column in _COLUMNS}
    beside_state = width - by_title["STATE"].width - 1
    least = min(max(beside_state, _LEAST_NAME_COLUMNS), _MIN_NAME_COLUMNS)
    free = width - least
    for title in _WORTH:
        # What most terminals are wide enough for is worth more than the end of a long name.
        needed = by_title[title].width + 1 + (0 if len(chosen) < 8 else name - _MIN_NAME_COLUMNS)
        if needed > free:
            break
        chosen.add(title)
        free -= by_title[title].width + 1
    name = max(min(name, least + free), 1)
    return [_Column("STREAM", name, _name, left=True), *(c for c in _COLUMNS if c.title in chosen)]


def _name(stream: Figures) -> str:
    return str(stream["name"])


def _row(texts: Iterable[str], columns: list[_Column]) -> str:
    padded = []
    for text, column in zip(texts, columns, strict=True):
        shown = (_cut_middle if column.title == "STREAM" else cut)(printable(text), column.width)
        space = " " * (column.width - cells(shown))
        padded.append(shown + space if column.left else space + shown)
    return " ".join(padded).rstrip()


def _line(stream: Figures, columns: list[_Column], style: Style) -> str:
    row = _row([column.show(stream) for column in columns], columns)
    state = str(stream["state"])
    if len(columns) == 1 or state not in _STATE_COLOURS:
        return row
    begin = columns[0].width + 1
    name, rest = row[:begin], row[begin:]
    return name + rest.replace(state, style.paint(state, _STATE_COLOURS[state]), 1)


def _brief(stream: Figures, columns: list[_Column], style: Style) -> list[str]:
    lines = [_line(stream, columns, style)]
    if stream["state"] in _TELLING:
        lines.append("  " + cut(_clean(stream.get("state_reason")), style.width - 2))
    return lines


def _whole(stream: Figures, columns: list[_Column], style: Style) -> list[str]:
    lines = [_line(stream, columns, style)]
    reason = _clean(stream.get("state_reason"))
    problems = [
        _clean(problem).removeprefix(f"{stream['name']}: ") for problem in stream.get("problems") or ()
    ]
    if stream["state"] != "live" or problems:
        lines += _wrapped(reason, style.width, 1)
    for problem in problems:
        text, cures = by_tool(problem)
        seen, _, rest = text.partition("; ")
        lines += _wrapped(rest if seen in reason else text, style.width, 1)
        for tool, cure in cures:
            lines += _wrapped(f"{tool}: {cure}", style.width, 2)
    return lines


def _clean(text: object) -> str:
    return printable(" ".join(str(text or "").split()))


def _wrapped(text: str, width: int, indent: int) -> list[str]:
    step = 2 if width >= _ROOMY_COLUMNS else 1
    first, more = " " * (indent * step), " " * ((indent + 1) * step if indent else 0)
    lines = textwrap.wrap(
        text, max(width, 20), initial_indent=first, subsequent_indent=more, break_on_hyphens=False
    )
    return [cut(line, width) for line in lines]


def cells(text: str) -> int:
    """How many columns of a terminal ``text`` takes.

    Letters of East Asia and emoji are two wide (UAX #11); marks, joiners and selectors have no width.
    """
    return sum(
        0 if category(c) in ("Mn", "Me", "Cf") else 2 if east_asian_width(c) in "WF" else 1 for c in text
    )


def cut(text: str, width: int) -> str:
    """``text`` in at most ``width`` columns; its end becomes … where it is longer."""
    if cells(text) <= width:
        return text
    kept, used = "", 1
    for character in text:
        used += cells(character)
        if used > width:
            break
        kept += character
    return f"{kept}…" if width else ""


def _cut_middle(name: str, width: int) -> str:
    """Names of a series differ at their ends."""
    if len(name) <= width or width < 5:
        return cut(name, width)
    end = (width - 1) // 2
    return f"{name[: width - 1 - end]}…{name[-end:]}"
