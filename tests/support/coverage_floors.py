"""Coverage per package against its floor in pyproject.toml: `python -m tests.support.coverage_floors`.

What the tests' own processes run is counted; the daemon of tests/e2e runs in another, and is not disturbed.
"""

import json
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]


def package_of(file: str) -> str:
    """The package below `ingestd` that a file belongs to; `ingestd` for what is in none of them."""
    parts = Path(file).parts
    parts = parts[parts.index("ingestd") :]
    return parts[1] if len(parts) > 2 else parts[0]


def by_package(files: Iterable[tuple[str, int, int]]) -> dict[str, float]:
    """Percent covered of each package; of each file: name, lines and branches, how many were run."""
    all_of, run = Counter[str](), Counter[str]()
    for file, count, covered in files:
        all_of[package_of(file)] += count
        run[package_of(file)] += covered
    return {package: 100 * run[package] / count for package, count in sorted(all_of.items()) if count}


def judged(measured: dict[str, float], floors: dict[str, float]) -> tuple[list[str], bool]:
    """A line for each package, and whether each is at its floor or above."""
    lines, well = [f"{'coverage':12} {'lines and branches':>18} {'floor':>6}"], True
    for package in sorted(measured.keys() | floors.keys()):
        if package not in floors:
            remark, well = "has no floor in pyproject.toml, [tool.coverage-floors]", False
        elif package not in measured:
            remark, well = "is gone: strike its floor from pyproject.toml, [tool.coverage-floors]", False
        elif measured[package] < floors[package]:
            remark, well = "below its floor", False
        elif int(measured[package]) > floors[package]:
            remark = f"the floor can be raised to {int(measured[package])}"
        else:
            remark = ""
        percent = f"{measured[package]:.1f} %" if package in measured else "–"
        floor = f"{floors[package]:g}" if package in floors else "–"
        lines.append(f"{package:12} {percent:>18} {floor:>6}  {remark}".rstrip())
    return lines, well


def main() -> int:
    """Print the table; 1 if a package is below its floor."""
    from coverage import Coverage

    coverage = Coverage(config_file=str(ROOT / "pyproject.toml"))
    coverage.load()
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        coverage.json_report(outfile=report.name)
        found = json.load(report)["files"]
    files = [(file, *counted(entry["summary"])) for file, entry in found.items()]
    floors = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage-floors"]
    lines, well = judged(by_package(files), floors)
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if well else 1


def counted(summary: dict[str, int]) -> tuple[int, int]:
    """Lines and branches of a file, and those that were run."""
    return (
        summary["num_statements"] + summary.get("num_branches", 0),
        summary["covered_lines"] + summary.get("covered_branches", 0),
    )


if __name__ == "__main__":
    sys.exit(main())
