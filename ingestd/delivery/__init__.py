"""What becomes of each access unit: when its picture is submitted to WebRTC, or why it is dropped.

    AccessUnit ─▶ intake ─▶ delivery ─▶ Submission

delivery             the entrance, and the only module that knows all others: decides what is submitted next
  states             its states and events as tables
  intake             input: counts (accounting), times and gates access units, and queues them (backlog)
    b_frames         leaves out those that nothing refers to
    frame_interval   the time between two pictures by timestamps, headers and arrivals, from which come
    capture_clock    when each was captured, and
    input_pacing     when it is due, where the input is faster than any clock (a file)
    rates            frame rate, bitrate, keyframe interval
  output             output: the state of what is submitted, and the GOP that viewers have of it
  slow_link          what becomes of pictures where the link carries less than the stream
    congestion       when what waits too long inside WebRTC is cut, up to the next keyframe
  keyframe_wait      when an encoder that sends no keyframe is to connect again
  keyframe_requests  what becomes of a request: it goes to the encoder, and a replay may answer it
    audience         who came to the room and who left, by which a request is judged
    encoder_response  how soon the encoder answers a request, if it does: a replay waits as long
  gop, replays       the pictures since the last keyframe, and when they are submitted once more
  pacer, timestamps  the spacing and the capture timestamps that WebRTC needs
  picture            Picture and Submission, which pass through all of it

Pure: no clock, loop or log; every ``now`` is an argument.
"""
