"""The LiveKit room and the tracks in it. Only this package, and the demo's viewer, import the SDK.

- `room`: `RoomConnection` keeps one participant in one room. `join_limiter` lets few join at a time, `token`
  mints what it joins with, `room_errors` says why it could not.
- `track_keeper`: `TrackKeeper` keeps one track published in the room; `track` publishes it once.
- `states`: the states and events of both as tables, which docs/states.md shows.
- `send_stats`: WebRTC's own count of pictures. `encoder_watch` finds in it what was lost, and a stall.
- `server_queries`: what is asked of the server beside joining and publishing.
- `room_check`: joins every room once, for `ingestd check --connect`.
- `sdk/`: every touch of the SDK's private parts.

`RoomConnection` gives the room to its `TrackKeeper`s and takes it away again; a `TrackKeeper` submits access
units to WebRTC, and tells a `TrackListener` (the pipeline) what becomes of them.
"""
