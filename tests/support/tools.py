"""Programs of others that tests run (promtool, redis-server …), fetched once by scripts/fetch-tool."""

import functools
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@functools.cache
def _fetched(program: str) -> tuple[str, str]:
    done = subprocess.run(
        [ROOT / "scripts/fetch-tool", program], capture_output=True, text=True, check=False, timeout=150
    )
    return (done.stdout.strip(), "") if done.returncode == 0 else ("", done.stderr.strip())


def tool(program: str) -> str:
    """The path of a program; skips the test, and says why, where it cannot be had."""
    path, said = _fetched(program)
    if not path:
        pytest.skip(f"no {program} here: {said}")
    return path
