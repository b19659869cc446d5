"""Every touch of the LiveKit SDK's private parts, and what makes it publish H.265.

A test keeps the private parts out of all other packages.

An update of the SDK may break what is here and nothing else. Nothing happens at import.

- `event_filter`: a room is woken only by its own events.
- `native_log`: the native part's log goes to Python, or nowhere.
- `unbounded_video_stream`: a viewer gets every decoded picture.
- `h265`: has this process publish H.265, as `h265_choice` chooses; `h265_build` compiles stand-ins for
  NVIDIA's libraries.
- `h265_proof`: publishes H.265 to itself, through `loopback_server`, before the stand-ins are used.
- `standard_output`: what native code writes there is discarded.
"""
