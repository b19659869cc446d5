"""The status page as HTML: the templates in assets/page.html, filled with what the streams are doing.

Also without scripts it says all but the plots. Every text from outside is escaped.
"""

import re
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from html import escape
from string import Template

from ingestd.diagnose.encoder_commands import encoder_commands
from ingestd.diagnose.explain import by_tool
from ingestd.observe.page_files import ASSETS
from ingestd.observe.recent_lines import KEPT_SUBJECTS, Line
from ingestd.observe.sampler import Sample
from ingestd.observe.stream_state import State
from ingestd.observe.stream_view import view

# All open where there are few; of more than these the page is a list, and each opens on demand.
MAX_OPEN_STREAMS = 4
# In a list, which of them it is; more characters than these fill a phone's screen.
_NEED_A_PERSON = (State.FAILED, State.FROZEN, State.DEGRADED)
MAX_TOLD_NAMES = 60
# Where a cure belongs; what is not here belongs to ffmpeg and its libraries.
_GSTREAMER = re.compile(r"GStreamer|enc\b")
# A host that a browser has in its address bar; anything else is not put into a command to copy.
_HOST = re.compile(r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]")


def _templates() -> dict[str, Template]:
    """The page, by "", and the parts of it that stand in <template> elements, by their id."""
    text = (ASSETS / "page.html").read_text()
    parts = dict(re.findall(r'<template id="([\w-]+)">\n(.*?)\n</template>\n', text, re.DOTALL))
    parts[""] = re.sub(r"<template .*?</template>\n", "", text, flags=re.DOTALL)
    return {name: Template(part) for name, part in parts.items()}


_TEMPLATES = _templates()


def render(
    samples: Sequence[Sample],
    lines: Mapping[str, Sequence[Line]],
    problems: Sequence[str],
    version: str,
    *,
    host: str = "",
    preview: bool = False,
) -> str:
    """Return the page, what needs a person first; an open page keeps that order: rows should not jump.

    ``lines``: the last of each stream's log; ``host``: by which the browser calls us.
    """
    opened = len(samples) <= MAX_OPEN_STREAMS
    ranks = list(State)
    return _fill(
        "",
        version=version,
        title=title([sample.state for sample in samples]),
        tally=Raw(tally(samples)),
        problems=Raw(problem_list(_elsewhere(problems, samples))),
        streams=Raw(
            "\n".join(
                _stream(sample, lines[sample.figures.name], host, opened, preview)
                for sample in sorted(samples, key=lambda sample: ranks.index(sample.state))
            )
            or _fill("no-streams")
        ),
    )


def title(states: Sequence[State]) -> str:
    """What the browser's tab says: what is wrong comes first."""
    counts = {state: states.count(state) for state in State if state in states}
    return ", ".join(f"{count} {state}" for state, count in counts.items()) or "no streams"


def tally(samples: Sequence[Sample]) -> str:
    """How many streams are in which state, and which those are that need a person, as HTML."""
    found = []
    for state in State:
        names = [sample.figures.name for sample in samples if sample.state is state]
        said = ", ".join(names)
        told = state in _NEED_A_PERSON and len(samples) > MAX_OPEN_STREAMS and len(said) <= MAX_TOLD_NAMES
        which = f": {said}" if told else ""
        if names:
            found.append(_fill("count", state=state.value, count=str(len(names)), which=which))
    return "".join(found)


@lru_cache(KEPT_SUBJECTS)
def problem_list(problems: tuple[str, ...]) -> str:
    """What keeps the daemon from being ready, as HTML."""
    return "".join(_fill("problem", text=text) for text in problems)


@lru_cache(KEPT_SUBJECTS)
def verdicts(name: str, problems: tuple[str, ...]) -> str:
    """What is wrong with a stream and what to change, for every tool, as HTML."""
    found = []
    for problem in problems:
        text, cures = by_tool(problem.removeprefix(f"{name}: "))
        families = [("gstreamer" if _GSTREAMER.search(tool) else "ffmpeg") for tool, _ in cures]
        items = "".join(
            _fill(
                "cure",
                tool=tool,
                family=family,
                rank="first" if family not in families[:place] else "other",
                cure=Raw(_code(cure)),
            )
            for place, ((tool, cure), family) in enumerate(zip(cures, families, strict=True))
        )
        more = _fill("cures", cures=Raw(items)) if items else ""
        found.append(_fill("verdict", text=Raw(_code(text)), cures=Raw(more)))
    return "".join(found)


@lru_cache(KEPT_SUBJECTS)
def events(lines: tuple[Line, ...]) -> str:
    """The last log lines of a stream as HTML."""
    return "".join(
        _fill(
            "event",
            time=time.strftime("%H:%M:%S", time.localtime(line.at)),
            day=time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(line.at)),
            level=line.level,
            text=line.text,
        )
        for line in lines
    ) or _fill("no-events")


def _elsewhere(problems: Sequence[str], samples: Sequence[Sample]) -> tuple[str, ...]:
    """What is not said in the section of a stream: of streams that could not be started."""
    shown = tuple(f"{sample.figures.name}: " for sample in samples)
    return tuple(problem for problem in problems if not problem.startswith(shown))


def describe(
    looks: int,
    samples: Sequence[Sample],
    lines: Mapping[str, Sequence[Line]],
    problems: Sequence[str],
    version: str,
) -> dict[str, object]:
    """Return what an open page is told at look number ``looks``, as an object for JSON; see page.js."""
    states = [sample.state for sample in samples]
    return {
        "version": version,
        "look": looks,
        "title": title(states),
        "tally": tally(samples),
        "problems": problem_list(_elsewhere(problems, samples)),
        "streams": {
            (figures := sample.figures).name: {
                "texts": view(sample),
                "html": {
                    "verdicts": verdicts(figures.name, figures.problems),
                    "events": events(tuple(lines[figures.name])),
                },
                "values": [None if value != value else float(f"{value:.6g}") for value in sample.values],
            }
            for sample in samples
        },
    }


def _stream(sample: Sample, lines: Sequence[Line], host: str, opened: bool, preview: bool) -> str:
    figures = sample.figures
    here = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
    commands = encoder_commands(
        figures.source,
        dials=figures.dials,
        codec=figures.codec or figures.expected_codec,
        here=here.strip("[]") if _HOST.fullmatch(here) else "HOST",
    )
    return _fill(
        "stream",
        **view(sample),
        name=figures.name,
        open="open" if opened else "",
        verdicts=Raw(verdicts(figures.name, figures.problems)),
        events=Raw(events(tuple(lines))),
        ffmpeg=commands["ffmpeg"],
        gstreamer=commands["GStreamer"],
        preview=Raw(_fill("preview", name=figures.name) if preview else ""),
    )


class Raw(str):
    """HTML that is made here, not to be escaped."""

    __slots__ = ()


def _fill(template: str, **texts: str) -> str:
    return _TEMPLATES[template].substitute(
        {name: text if isinstance(text, Raw) else escape(text) for name, text in texts.items()}
    )


def _code(text: str) -> str:
    """Escape ``text``; what stands in backquotes is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
