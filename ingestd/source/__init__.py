"""Where encoders come from: sockets to bytes, one encoder at a time.

    socket_listener  an encoder dials us (source.listen)    ┐
    socket_dialer    we dial the encoder (source.connect)   ┴─▶ both ask admission for each new connection
    admission        which connection is the encoder's: allow, second_encoder, waiting for the line
    connection       one connection: bytes in, feedback lines out, pauses, idle_timeout
    socket_state     what Linux knows of a socket beyond asyncio

A source of another kind (RTSP, RTP, SRT) goes into a module beside those two, with `start`, `stop`
and `problem`; it tells the stream of encoders and their bytes by connection.Handler.
"""
