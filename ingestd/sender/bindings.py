"""GStreamer's Python bindings (PyGObject): imported, or found in the system's Python.

Distributions build PyGObject for their own Python, and a virtual environment does not see it. The sender
needs no other package, so `ingestd-gst` then runs again under the system's Python.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

from ingestd.errors import SenderError

SYSTEM_PYTHON = "/usr/bin/python3"
OLDEST = (3, 11)

MISSING = (
    "GStreamer's Python bindings are missing (PyGObject, and the description of GStreamer that it reads). On "
    "Debian and Ubuntu install python3-gi, gir1.2-gstreamer-1.0, gstreamer1.0-plugins-base, "
    "gstreamer1.0-plugins-good, gstreamer1.0-plugins-bad and gstreamer1.0-plugins-ugly; on Fedora "
    "python3-gobject and gstreamer1-plugins-*. ingestd-gst finds them from a virtual environment, too, "
    f"if {SYSTEM_PYTHON} is Python {OLDEST[0]}.{OLDEST[1]} or newer; if it is older, install ingestd[gst], "
    "which builds PyGObject for this Python"
)

_TRIAL = (
    "import sys, gi; gi.require_version('Gst', '1.0'); from gi.repository import Gst; "
    f"sys.exit(sys.version_info < {OLDEST})"
)
_COMMAND = "import sys; sys.path.append(sys.argv.pop(1)); from ingestd.sender.process import entry; entry()"


def load() -> Any:
    """Return the module Gst, ready for use; raise SenderError where it is missing."""
    try:
        import gi

        gi.require_version("Gst", "1.0")
        from gi.repository import Gst
    except (ImportError, ValueError) as error:
        raise SenderError(MISSING) from error
    Gst.init(None)
    return Gst


def are_here() -> bool:
    """Whether this Python has them."""
    try:
        load()
    except SenderError:
        return False
    return True


def run_again_in_system_python(arguments: list[str]) -> NoReturn:
    """Become the same command under the system's Python; raise SenderError where that has no bindings."""
    if Path(sys.executable).resolve() == Path(SYSTEM_PYTHON).resolve() and sys.prefix == sys.base_prefix:
        raise SenderError(MISSING)
    try:
        trial = subprocess.run(  # noqa: S603 - our own words
            [SYSTEM_PYTHON, "-I", "-c", _TRIAL], capture_output=True, check=False
        )
    except OSError:
        raise SenderError(MISSING) from None
    if trial.returncode != 0:
        raise SenderError(MISSING)
    home = str(Path(__file__).parents[2])
    os.execv(SYSTEM_PYTHON, [SYSTEM_PYTHON, "-I", "-c", _COMMAND, home, *arguments])  # noqa: S606 - our own words
