"""When the encoder on the line gives way to a second one, or may yet (source.second_encoder)."""

from ingestd.source.connection import EncoderConnection

# An encoder that is silent for longer and comes back from the same address has lost its connection.
MAX_SILENCE_S = 1.0
# Bytes that are slow to read may be many: who has ended has this long to be read to the end. An encoder that
# came back is worth more than its last pictures.
MAX_LAST_READ_S = 1.0
# Longer than it takes to find the end of a connection behind all that is in its buffers.
MAX_LOOK_AHEAD_S = 5.0


def reason_to_give_way(
    current: EncoderConnection,
    newcomer: EncoderConnection,
    waited_s: float,
    *,
    is_stream: bool,
    replace: bool,
) -> str | None:
    """Return why ``current`` makes way for ``newcomer``, which has waited ``waited_s``; None: it does not.

    ``is_stream``: so the newcomer's first bytes say; ``replace``: that is enough.
    """
    if current.recognised and not is_stream:
        return None
    if current.finished() and (current.throttled or waited_s > MAX_LAST_READ_S):
        return f"it had ended, and its last pictures make way for {newcomer.peer}"
    if newcomer.host == current.host and current.silent_s > MAX_SILENCE_S:
        return f"silent for {current.silent_s:.1f} s when {newcomer.peer} came from the same address"
    if is_stream and not current.recognised:
        return f"it had sent nothing that is a stream when {newcomer.peer} sent one"
    if is_stream and replace:
        return f"replaced by {newcomer.peer} (second_encoder: replace)"
    return None


def may_be_gone(current: EncoderConnection, newcomer: EncoderConnection, waited_s: float) -> bool:
    """Whether ``newcomer``, which has waited ``waited_s``, is to wait on: ``current`` may have ended."""
    # It sends no more, but we have not read all that it sent; or it may not send any more.
    ends = current.finished() or (waited_s < MAX_LOOK_AHEAD_S and current.look_ahead())
    return ends or (newcomer.host == current.host and current.silent_s > waited_s)
