"""Every touch of the LiveKit SDK's private parts; a test keeps them out of all other packages.

An update of the SDK may break what is here and nothing else. Nothing happens at import.

- `event_filter`: a room is woken only by its own events.
- `native_log`: the native part's log goes to Python, or nowhere.
- `unbounded_video_stream`: a viewer gets every decoded picture.
"""
