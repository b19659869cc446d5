"""Writes the table in docs/metrics.md from the code: `python -m tests.support.metrics_page`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from prometheus_client import Metric

from ingestd.observe.metrics import HookCollector, StreamCollector
from tests.observe.support import figures

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
BEGIN, END = "<!-- metrics: begin -->\n", "<!-- metrics: end -->"


class _OneHookEvent:
    counts: Mapping[tuple[str, str, str], int] = MappingProxyType({("front-door", "up", "sent"): 1})


def families() -> Iterator[Metric]:
    """Yield each family of ours as it is scraped, with a sample of each kind."""
    well = figures(target_bitrate_bps=1e6, send_delay_s=0.0)
    yield from StreamCollector(lambda: [well], "1.2.3").collect()
    yield from HookCollector(_OneHookEvent()).collect()


def table() -> str:
    """Return the table in Markdown."""
    rows = ["| metric | type | labels | |", "|---|---|---|---|"]
    for family in families():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = [label for label in family.samples[0].labels if label != "le"]
        rows.append(f"| `{name}` | {family.type} | {', '.join(labels)} | {family.documentation} |")
    return "\n".join(rows) + "\n"


def with_table(page: str) -> str:
    """Return the page with the table of today between the marks."""
    before, rest = page.split(BEGIN)
    return before + BEGIN + table() + END + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
