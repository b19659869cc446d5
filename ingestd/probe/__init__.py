"""`ingestd probe`: what a stream is, and whether viewers over WebRTC can decode it.

target.py               the argument: FILE, -, tcp://HOST:PORT or listen:PORT
read.py                 file or socket -> bytes for the analyser
analyser.py             bytes -> pictures -> what is known of the stream
running_statistics.py   minimum, maximum, mean, and picture sizes over time, in constant memory
report_model.py         Report: the result, with the names of the JSON
report.py               Report -> text for a terminal, with a plot of picture sizes, or JSON
run.py                  the command itself
"""

from ingestd.probe.run import probe

__all__ = ["probe"]
