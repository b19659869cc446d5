"""What WebRTC asks of the encoder (keyframes, a bitrate), on its way back to it.

    backchannel  every request into every sink, counted by result
    messages     which messages a sink gets: JSON, at most two keyframe messages a second, rates that moved
    webhook      the sink that posts to a URL; the other, the encoder's own connection, is backchannel.Inline

A sink of another kind is a class with `send`, made in wiring.py.
"""
