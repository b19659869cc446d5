"""`python -m bench.picture_end`: torn pictures against delay, with all rules and without each.

Every source goes over every path, faster than real time. ``--numbers`` also tries other values of each
constant; ``--cells`` prints each source over each path; ``--write docs/tuning.md`` puts the tables between
the markers of that file.
"""

import argparse
import itertools
import os
import random
from collections.abc import Iterable, Sequence
from functools import partial
from multiprocessing import Pool
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from bench.picture_end import paths, rules, sources
from bench.picture_end.replay import replay
from bench.picture_end.rules import Rule
from ingestd.media.demuxer import Demuxer

PICTURES = 600
CONNECTION_PICTURES = 75
LEARNING_PICTURES = 130  # from the start, whose delays are left out: two GOPs, as keyframes are learned apart
WAITED_S = 0.01  # a picture that comes out later than this has waited for the next one, or for a pause


class Cell(NamedTuple):
    """One source over one path."""

    source: str
    path: str


class Measured(NamedTuple):
    """What came of a cell under one rule."""

    torn: float  # percent of the pictures
    p50: float  # ms from the arrival of a picture's last byte until it is out
    p99: float
    waited: float  # percent


def measure(cell: Cell, *, pictures: int, changes: Sequence[str]) -> list[Measured]:
    """Replay a source over a path, under each rule."""
    path = paths.PATHS[cell.path]
    source = sources.source(cell.source, pictures * path.times_as_long)
    rng = random.Random(f"{cell}")
    arrivals: Sequence[sources.Write] = source.writes
    for stage in path.stages:
        arrivals = stage(arrivals, rng)
    busy = paths.times(*path.busy, arrivals[-1].at, rng) if path.busy is not None else ()
    reference = Demuxer()
    whole = [unit.data for unit in reference.feed(source.stream) + reference.eof()]
    found = []
    for rule in map(rules.BY_NAME.__getitem__, changes):
        with rules.changed(rule):
            segment_bytes = path.segment_bytes if rule.segments_known else 0
            outcome = replay(source.stream, source.ends, arrivals, segment_bytes=segment_bytes, busy=busy)
        assert outcome.data == whole, f"{cell}, {rule.name}: not the pictures that were sent"
        delays = sorted(outcome.delays[LEARNING_PICTURES:-1])
        found.append(
            Measured(
                100 * len(outcome.torn) / len(whole),
                1000 * delays[len(delays) // 2],
                1000 * delays[len(delays) * 99 // 100],
                100 * sum(delay > WAITED_S for delay in delays) / len(delays),
            )
        )
    return found


def measure_cuts(source_name: str, *, connections: int, changes: Sequence[str]) -> list[float]:
    """Return what share of cuts tears a picture, under each rule: one cut a connection, at any byte."""
    source, rng = sources.source(source_name, CONNECTION_PICTURES), random.Random(source_name)
    torn = [0] * len(changes)
    for _ in range(connections):
        arrivals = paths.cut_once(source, rng)
        for index, name in enumerate(changes):
            with rules.changed(rules.BY_NAME[name]):
                torn[index] += bool(replay(source.stream, source.ends, arrivals, segment_bytes=0).torn)
    return [100 * count / connections for count in torn]


def by(title: str, names: Iterable[str], cells: dict[Cell, Measured]) -> list[str]:
    """A table with a line for each source, or each path: the mean of its cells, and the worst of torn."""
    lines = [f"| {title} | torn | at most | p50 | p99 | waited |", "|---|---:|---:|---:|---:|---:|"]
    for name in names:
        of = [measured for cell, measured in cells.items() if name in cell]
        lines.append(
            f"| {name} | {mean(m.torn for m in of):.2f} % | {max(m.torn for m in of):.1f} % "
            f"| {mean(m.p50 for m in of):.1f} ms | {mean(m.p99 for m in of):.0f} ms "
            f"| {mean(m.waited for m in of):.1f} % |"
        )
    return lines


def without(
    changes: Sequence[Rule], cells: dict[Cell, list[Measured]], cuts: dict[str, list[float]]
) -> list[str]:
    """A table of what each change does: to all cells, and, in points, to the one that it changes most."""
    lines = [
        "| change | torn | worst | cuts torn | worst | p50 | p99 | waited | worst |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for index, rule in enumerate(changes):
        of = [measured[index] for measured in cells.values()]
        torn = max(measured[index].torn - measured[0].torn for measured in cells.values())
        waited = max(measured[index].waited - measured[0].waited for measured in cells.values())
        lines.append(
            f"| {rule.name} | {mean(m.torn for m in of):.3f} % | {torn:+.2f} "
            f"| {mean(shares[index] for shares in cuts.values()):.0f} % "
            f"| {max(shares[index] - shares[0] for shares in cuts.values()):+.0f} "
            f"| {mean(m.p50 for m in of):.1f} ms | {mean(m.p99 for m in of):.0f} ms "
            f"| {mean(m.waited for m in of):.1f} % | {waited:+.1f} |"
        )
    return lines


def written(text: str, tables: dict[str, list[str]]) -> str:
    """Return ``text`` with each table between ``<!-- begin NAME -->`` and ``<!-- end NAME -->``."""
    for name, lines in tables.items():
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        before, opened, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        assert opened and closed, f"no place for the table of {name}"  # noqa: PT018
        text = before + begin + "\n".join(lines) + "\n" + end + after
    return text


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.picture_end", description=__doc__)
    parser.add_argument("--pictures", type=int, default=PICTURES, help="of each source over each path")
    parser.add_argument("--numbers", action="store_true", help="other values of the constants, too")
    parser.add_argument("--cells", action="store_true", help="print each source over each path")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables there (implies --numbers)")
    options = parser.parse_args()
    numbers = rules.NUMBERS if options.numbers or options.write else ()
    changes = [rules.ALL, *rules.OFF, *numbers]
    todo = [Cell(*cell) for cell in itertools.product(sources.names(), paths.PATHS)]
    work = partial(measure, pictures=options.pictures, changes=[rule.name for rule in changes])
    with Pool(os.cpu_count()) as pool:
        cells = dict(zip(todo, pool.map(work, todo, chunksize=1), strict=True))
        cut = partial(
            measure_cuts, connections=options.pictures // 6, changes=[rule.name for rule in changes]
        )
        cuts = dict(zip(sources.names(), pool.map(cut, sources.names(), chunksize=1), strict=True))
    usual = {cell: measured[0] for cell, measured in cells.items()}
    if options.cells:
        for cell, m in usual.items():
            print(
                f"{cell.source:40}{cell.path:32}{m.torn:7.2f} %{m.p50:7.1f} ms{m.p99:7.1f} ms"
                f"{m.waited:7.1f} %"
            )
    off = 1 + len(rules.OFF)
    tables = {
        "sources": by("source", sources.names(), usual),
        "paths": by("path", paths.PATHS, usual),
        "rules": without(changes[:off], cells, cuts),
    }
    if numbers:
        others = {cell: measured[:1] + measured[off:] for cell, measured in cells.items()}
        others_cut = {name: shares[:1] + shares[off:] for name, shares in cuts.items()}
        tables["numbers"] = without([rules.ALL, *numbers], others, others_cut)
    for lines in tables.values():
        print("\n".join(lines), end="\n\n")
    if options.write:
        options.write.write_text(written(options.write.read_text(), tables))


if __name__ == "__main__":
    main()
