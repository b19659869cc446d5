"""`ingestd demo`: the whole path on one machine, from a live encoder to decoded pictures."""

from importlib.util import find_spec

from ingestd.demo.signals import SignalHandling
from ingestd.errors import IngestdError

_NEEDED = ("av", "numpy")  # the extra `demo`; the daemon does without


def run(codec: str, seconds: float) -> int:
    """Show the path for ``seconds`` (0: until Ctrl-C); return 0 if pictures arrived, else 1."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise IngestdError(
            f"the demo also needs {' and '.join(missing)}: pip install 'ingestd[demo]', "
            "or in a checkout pip install '.[demo]'"
        )
    with SignalHandling() as interrupt:
        from ingestd.demo.scenario import tell  # takes a second

        return tell(codec, seconds, interrupt)
