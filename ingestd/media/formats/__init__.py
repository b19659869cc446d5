"""How coded pictures are laid out in a stream: one reader for each format.

annexb, length_prefixed  H.264 and H.265: NAL units behind start codes, or behind their lengths
nal_unit_reader          what those two share
access_unit_assembler    NAL units → access units, for both and for framed
pending_access_unit      one of these that is not whole yet
packets                  headers with a size, which are taken off before any of these reads
ivf                      VP8, VP9, AV1: frames behind IVF headers
obu_stream, av1_annexb   AV1: OBUs with sizes; the length-delimited format
step                     how many items a reader takes before it gives way to other streams
framed                   access units that the Python API submits one by one

Each reader of a stream has `feed`, `flush`, `eof` and `quiet_at` (`demuxer.Reader`). A picture leaves with
its last byte where the format says that it ends; elsewhere ..picture_end says how long to wait for more.

A new format: a reader here, `Format` in ..access_unit, its sign in ..detection.format_detector, its line in
`Demuxer._reader_of`.
"""
