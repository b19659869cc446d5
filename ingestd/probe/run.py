"""The command `ingestd probe`: reads the target and prints the report."""

from contextlib import closing
from pathlib import Path

from ingestd.config.address import Address
from ingestd.diagnose.explain import explain
from ingestd.errors import ConfigError, IngestdError, StreamError
from ingestd.probe.analyser import Analyser
from ingestd.probe.read import connect, read_file, read_live
from ingestd.probe.report import as_json, as_text
from ingestd.probe.target import Listen, Target, parse_target

LIVE_S = 5.0


def probe(text: str, seconds: float | None, *, json: bool) -> None:
    """Probe the target that ``text`` names, for ``seconds``, and print the report; Ctrl-C ends it sooner.

    By default files are read whole, sockets and FIFOs for `LIVE_S` seconds. Raises ConfigError for a target
    that does not exist or cannot be read, IngestdError where nothing was understood, or what came later was
    not.
    """
    target = parse_target(text)
    # What writes to a FIFO may be `cat`: when its bytes came says nothing.
    analyser = Analyser(live=isinstance(target, Address | Listen))
    error = _read(target, analyser, seconds)
    if analyser.understood:
        print((as_json if json else as_text)(text, analyser.report()), flush=True)
    if error is not None:
        raise error


def _read(target: Target, analyser: Analyser, seconds: float | None) -> IngestdError | None:
    """Return the error that ended it early; its text is whole."""
    try:
        if isinstance(target, Path):
            read_file(target, analyser, seconds)
        else:
            with closing(connect(target)) as connection:
                read_live(connection, analyser, seconds or LIVE_S)
    except ConfigError as error:
        return error
    except StreamError as error:
        return IngestdError(f"{target}: {explain(error)}")
    except KeyboardInterrupt:
        pass
    if analyser.understood:
        return None
    return IngestdError(f"{target}: no picture was seen")
