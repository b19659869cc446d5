"""Closing line of several runs of pytest, in its own words: `python -m tests.support.summary JUNIT_XML…`."""

import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree


def closing_line(results: list[Path]) -> str:
    """What one run over all of them would have said; ``results`` are what `--junitxml` writes."""
    counts: Counter[str] = Counter()
    seconds = 0.0
    for result in results:
        for suite in ElementTree.parse(result).getroot().iter("testsuite"):
            said = {kind: int(suite.attrib[kind]) for kind in ("failures", "errors", "skipped")}
            counts["failed"] += said["failures"]
            counts["passed"] += int(suite.attrib["tests"]) - sum(said.values())
            counts["skipped"] += said["skipped"]
            counts["error"] += said["errors"]
            seconds += float(suite.attrib["time"])
    if counts["error"] > 1:
        counts["errors"] = counts.pop("error")
    words = [f"{count} {what}" for what, count in counts.items() if count]
    return f"{', '.join(words) or 'no tests ran'} in {seconds:.2f}s"


if __name__ == "__main__":
    line = closing_line([Path(name) for name in sys.argv[1:]])
    sys.stdout.write(f" {line} ".center(80, "=") + "\n")
