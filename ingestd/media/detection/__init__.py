"""What the first bytes of a connection are.

format_detector  `detect`: the format and codec of a stream, or that more bytes must come to tell
foreign_formats  protocols and containers that are sent by mistake, each refused by name
unknown_headers  headers before each access unit that do not say its size: refused
slice_tails      what the ends of slices say of those that vary

The order of `detect`: IVF by its signature, what is refused, records, AV1, lengths, packets, start codes, IVF
without a header.
A new format asks there, before whatever its first bytes could be taken for.
"""
