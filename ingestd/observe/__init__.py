"""What operators see: it reads the counters of the streams and changes nothing.

figures    one reading of one stream: a new counter begins here and in pipeline.py
metrics    Prometheus: a table from metric name to figure
stream_state  figures → waiting, starting, live, degraded, frozen or failed, and why
sampler    one look a second at every stream
history    the samples of the last ten minutes, for the plots
http       the server of /, /preview, /metrics, /healthz, /readyz, /api/streams, /api/events
http_connections  how many clients there may be, and for how long
live_updates  the samples as server-sent events
page       the status page, made of assets/page.html, page.css and page.js
page_files  the files in assets/, and what a browser may load with them
stream_view  what it says of a stream, as texts
preview    the page that plays a track, made of assets/preview.html, preview.css and preview.js
recent_lines  the last log lines of each stream, for the page
histogram  what figures count delays with
logs       log lines as console or JSON, redacted and limited
log_writer  writes them from a thread, so that nothing waits for who reads them
loss_log   log lines of dropped pictures
"""
