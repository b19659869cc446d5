"""The LiveKit room and the tracks in it. Only this package, and the demo's viewer, import the SDK.

- `room_connection`: `RoomConnection` keeps one participant in one room. `room_join` joins once,
  `membership` is one stay, `room_audience` who may watch in it, `rejoin_policy` says when it is tried again,
  `join_turns` lets few join at a time, `token` mints what it joins with, `given_token` reads it where the
  user gives one, `token_expiry` warns before that expires, `room_errors` says why it could not.
- `signal_relay`: through which the SDK joins, so that `shared_link` can tell WebRTC of the link: where its
  estimate begins and ends (`estimate_bounds`), when it is to find more (`estimate_probing`), how much it may
  find while packets are lost (`loss_ceiling`), and what it is to be at least while the link is empty
  (`estimate_floor`), as `signal_pings` find out.
- `track_keeper`: `TrackKeeper` keeps one track published in the room; `track` publishes it once,
  `pass_through` has WebRTC take its pictures, `frame_metadata` says what viewers are told of each,
  `open_track` submits them and reads WebRTC's statistics of them, `track_listener` is who is told.
- `states`: the states and events of both as tables, which docs/states.md shows.
- `send_stats`: WebRTC's own count of pictures. `encoder_watch` finds in it what was lost, and a stall,
  `send_delay` how long packets wait in WebRTC, `link_health` whether the receiver loses packets.
- `server_queries`: what is asked of the server beside joining and publishing.
- `viewer_access`: lets the browser of the preview into a room, to subscribe only.
- `room_check`: joins every room once, for `ingestd check --connect`.
- `sdk/`: every touch of the SDK's private parts.

`RoomConnection` gives the room to its `TrackKeeper`s and takes it away again; a `TrackKeeper` submits access
units to WebRTC, and tells a `track_listener.TrackListener` (the pipeline) what becomes of them.
"""
