"""When a picture is whole, where the format does not say so: by how the encoder writes.

read_log  ReadLog: which read brought which byte, when, and whether it ended where a network or buffer cuts
sliding_extreme  the least or greatest of the last values, in constant time
detector  PictureEndDetector: learns from finished pictures; says how long nothing must come

A reader (..formats.nal_unit_reader) asks `patience_s` at every read, and reports each picture by `learn`, one
that went on after all by `wrong`. What each constant decides, and what it buys: docs/tuning.md, measured by
`make bench-picture-end`.
"""
