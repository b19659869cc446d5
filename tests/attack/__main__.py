"""Attacks a real daemon from outside beside two good streams, and says what those lost: `make attack`.

    python -m tests.attack                              # all attacks, by one and by eight attackers at a time
    python -m tests.attack h264-idr-7 codec-flip        # some
    python -m tests.attack --at-once 1 --seconds 4 NAME # by one attacker only
    python -m tests.attack sigkill                      # SIGKILL of the daemon at eight random moments
    python -m tests.attack --verbose NAME               # with the end of the daemon's log
    python -m tests.attack --list                       # their names
    python -m tests.attack --figures FILE NAME          # keeps the rows in FILE (JSON) instead of in the page
    python -m tests.attack --table                      # writes docs/security.md, attacks nothing

An attack takes about 15 s. What the columns mean: docs/security.md.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ingestd.devserver.livekit_server import LiveKitServer
from tests.attack import figures
from tests.attack.catalogue import ATTACKS, FIRST
from tests.attack.rig import Rig
from tests.attack.sigkill import kills, moments
from tests.conftest import SHOW_AT_ONCE
from tests.support.daemon import ROOT

PAGE = ROOT / "docs" / "security.md"
FOLDER = ROOT / "tests" / "attack"
BEFORE, AFTER = FOLDER / "before.json", FOLDER / "after.json"
AT_ONCE = (1, 8)
SIGKILL, KILLS = "sigkill", 8


def main() -> None:
    """Attack, print a line for each, and keep the figures."""
    parser = argparse.ArgumentParser(prog="make attack")
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    parser.add_argument("--at-once", type=int, nargs="+", default=AT_ONCE, help="attackers, default 1 8")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each attack")
    parser.add_argument("--figures", type=Path, default=AFTER, help="JSON file")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--first", action="store_true", help="the attacks that the first table was made of")
    parser.add_argument("--table", action="store_true", help="write docs/security.md from the figures")
    parser.add_argument("--verbose", action="store_true", help="print the end of the daemon's log")
    arguments = parser.parse_args()
    if arguments.list:
        for attack in ATTACKS.values():
            _say(f"{attack.name:24} {attack.what}")
        _say(f"{SIGKILL:24} SIGKILL of the daemon at random moments")
        return
    if not arguments.table:
        names = arguments.names or [*(FIRST if arguments.first else ATTACKS), SIGKILL]
        if unknown := set(names) - {*ATTACKS, SIGKILL}:
            sys.exit(f"no such attack: {', '.join(sorted(unknown))}; --list names them")
        with LiveKitServer(config_overrides=SHOW_AT_ONCE) as server:
            _attack(server, [name for name in names if name != SIGKILL], arguments)
            if SIGKILL in names:
                _kill(server)
    if arguments.figures == AFTER:
        figures.write(PAGE, figures.load(BEFORE), figures.load(AFTER))


def _attack(server: LiveKitServer, names: Sequence[str], arguments: argparse.Namespace) -> None:
    for name in names:
        attack = ATTACKS[name]
        # Viewers keep all they have seen: after forty attacks they took so much of the machine that pictures
        # were late, for want of time and not for the attack.
        with Rig(server) as rig:
            for at_once in (1,) if attack.alone else arguments.at_once:
                row = rig.measure(attack, at_once, arguments.seconds, verbose=arguments.verbose)
                _say(figures.line(row))
                rows = figures.load(arguments.figures)
                figures.store(arguments.figures, {**rows, (name, at_once): row})


def _kill(server: LiveKitServer) -> None:
    found = []
    for kill in kills(server, moments(KILLS)):
        found.append(kill)
        lived_s, reached, ready_s, seen_s = figures.kill_cells(kill)
        _say(f"killed after {lived_s} s ({reached}): ready after {ready_s} s, pictures after {seen_s} s")
    figures.write_kills(PAGE, found)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)
