"""What WebRTC asks of the encoder (keyframes, a bitrate), on its way back to it.

    backchannel  every request into every sink, at most two for a keyframe a second; counted by result
    messages     which messages a sink gets: JSON, rates that moved by a tenth
    rate_target  which bitrate the encoder is asked for, while the link dips, recovers and carries replays
    webhook      the sink that posts to a URL; the other, the encoder's own connection, is backchannel.Inline

A sink of another kind is a class with `send`, made in wiring.py.
"""
