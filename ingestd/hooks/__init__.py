"""Events of the streams, posted to whom the configuration names: an encoder is up, down, or stalled.

event         an event as it is posted, and a sample for ``ingestd check``
stream_watch  which events what happens to a stream makes: pure
hook          one receiver: a queue, tries, back-off
hooks         all of them, and the streams they are told of
"""
