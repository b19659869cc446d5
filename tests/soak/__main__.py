"""`python -m tests.soak --minutes 5 [--seed N]`: exit code 0 when nothing was found."""

import argparse
import os
import random
import sys
import tempfile
from pathlib import Path

from tests.soak.soak import Soak


def main() -> int:
    """Run it and say what was found."""
    parser = argparse.ArgumentParser(prog="make soak")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=None, help="repeats what another run has broken")
    parser.add_argument("--verbose", action="store_true", help="say each thing that breaks")
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1_000_000)
    _say(f"soak: {arguments.minutes:g} minutes, seed {seed}")
    with tempfile.TemporaryDirectory(prefix="ingestd-soak-") as directory:
        soak = Soak(arguments.minutes, seed, Path(directory), _say, arguments.verbose)
        soak.run()
    _say(soak.summary())
    return 1 if soak.findings else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)
