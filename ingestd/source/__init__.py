"""Where encoders come from: sockets to bytes, one encoder at a time.

    socket_listener  an encoder dials us (source.listen)    ┐
    socket_dialer    we dial the encoder (source.connect)   ┴─▶ both ask admission for each new connection
    admission        which connection is the encoder's: allow, second_encoder, waiting for the line
      second_encoder   when the encoder on the line gives way to a second one
      connection_log   what became of connections: counts and log lines
    entrance         what a connection passes before its bytes are a stream's:
      proxy_header     PROXY header of a load balancer (source.proxy_protocol)
      tls_stage        TLS of one connection; tls_renewal: certificate and key, read again when they change
      token_gate       INGEST <token> (source.token)
      entrance_stage   a connection that does not pass, and the interface of the three
    connection_limits  how many connections, and new ones per second and address
    watched_files    files that are read again when they change
    connection       one connection: bytes in, feedback lines out, its end
      flow_control     when it is read and passed on, reasons to pause; unread_bytes: what waits meanwhile
      idle_timeout     how long it may be silent (source.idle_timeout)
    socket_state     what Linux knows of a socket beyond asyncio

A source of another kind (RTSP, RTP, SRT) goes into a module beside those two, with `start`, `stop`
and `problem`; it tells the stream of encoders and their bytes by connection.Handler.
"""
