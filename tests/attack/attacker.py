"""The attackers' process, so that they take nothing from the good streams' encoders but the CPU.

`python -m tests.attack.attacker NAME` reads the targets as JSON from standard input and says "armed". The
next line begins the attack.
"""

import os
import sys
import threading

from tests.attack.catalogue import ATTACKS
from tests.attack.target import Target

# Attackers have machines of their own.
NICE = 19


def main() -> None:
    """Arm, wait, attack with one thread for each target, and leave."""
    os.nice(NICE)
    run = ATTACKS[sys.argv[1]].arm()
    targets = Target.from_json(sys.stdin.readline())
    threads = [threading.Thread(target=run, args=(target,), daemon=True) for target in targets]
    sys.stdout.write("armed\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os._exit(0)


if __name__ == "__main__":
    main()
