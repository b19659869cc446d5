"""`ingestd top`: the figures of a running daemon, live in a terminal.

figures    what `/api/streams` says of a stream, and why a daemon could not be asked
table      figures → lines of a terminal, the worst stream first. Pure
screen     a terminal that is drawn on without flicker, and is as before afterwards
top        the command itself: looks once a second until q
"""

from ingestd.terminal.top import top

__all__ = ["top"]
