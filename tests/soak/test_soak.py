"""The soak itself, for one short round; `make soak` is for longer ones."""

import subprocess
import sys

import pytest

from tests.support.daemon import ROOT, clean_environment

# A minute, and as long as it may take until everything is seen again.
PATIENCE_S = 170.0


@pytest.mark.long
def test_a_minute_of_the_soak_finds_nothing() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.soak", "--minutes", "1", "--seed", "1"],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.splitlines()[-1].endswith(" 0 findings")
