"""What operators see: it reads the counters of the streams and changes nothing.

figures    one reading of one stream: a new counter begins here and in pipeline.py
metrics    Prometheus: a table from metric name to figure
http       the server of /, /metrics, /healthz, /readyz, /api/streams
http_connections  how many clients there may be, and for how long
page       the status page
histogram  what figures count delays with
logs       log lines as console or JSON, redacted and limited
loss_log   log lines of dropped pictures
"""
