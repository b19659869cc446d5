"""`ingestd demo`: the whole path on one machine, from a live encoder to decoded pictures.

scenario           server, daemon, viewer and encoder, in order; figures; summary; clean-up
encoder            a process that draws, encodes and pushes 30 pictures per second
numbered_picture   what it draws: colour bars, the time, the picture's number
viewer             a subscriber that decodes, by the LiveKit SDK
h265_decoder       has the SDK decode H.265 by PyAV, for the viewer
frame_stats        matches what was written with what was seen: delay, rate, losses
child_process      starts and stops daemon and encoder, and reads their lines
signals            Ctrl-C and SIGTERM end the run once, and do not break the clean-up off
screen             prints the steps and the line of figures

The LiveKit server comes from `ingestd.devserver`. Needs the extra `demo` (PyAV and numpy).
"""

from importlib.util import find_spec

from ingestd.demo.signals import SignalHandling
from ingestd.errors import IngestdError

_NEEDED = ("av", "numpy")  # the extra `demo`; the daemon does without


def run(codec: str, seconds: float) -> int:
    """Run the demo for ``seconds`` (0: until Ctrl-C); return 0 if pictures arrived, else 1.

    Raises IngestdError where PyAV or numpy is missing.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise IngestdError(
            f"the demo also needs {' and '.join(missing)}: pip install 'ingestd[demo]', "
            "or in a checkout pip install '.[demo]'"
        )
    with SignalHandling() as interrupt:
        from ingestd.demo.scenario import run_scenario  # takes a second

        return run_scenario(codec, seconds, interrupt)
