"""Benchmarks: how fast, how late, how many lost. `make bench…` runs them, the tests never do.

delivery     delay, CPU, memory and losses beside the Go SDK (peer/) and the bare Python SDK    `make bench`
bursts       loss and delay of pictures that come in bursts                              `make bench-bursts`
links        what a viewer sees over a link that is slow, lossy, far or dead for a while  `make bench-links`
media        throughput of `ingestd.media` beside PyAV and GStreamer                      `make bench-media`

`rivals` and `streams` are parts of media; `spaced` is ingestd with another pacer, for `bursts --spacing`. The
figures, and the machine they come from: docs/performance.md and docs/bad-links.md.
"""
