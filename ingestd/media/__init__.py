"""Bytes of a connection to access units: pure, synchronous, standard library only, `now` is an argument.

demuxer      the one entry: `feed(bytes, now)` returns the access units that are complete
access_unit  what comes out: AccessUnit, and StreamInfo of the stream it belongs to
detection/   what the first bytes are
formats/     how coded pictures are laid out in a stream: Annex B, lengths, IVF, OBUs
picture_end/ when a picture is whole where the format does not say so
codecs/      the headers of each codec, by the names of its specification
bits/        bit reader and receive buffer

A byte: demuxer → detection, until format and codec are known → a reader in formats → the headers of a codec
→ AccessUnit. Each line above may import those below it; import-linter holds the order. Nothing is decoded.
The same bytes give the same access units however they were cut; only when one comes out may depend on that.
"""
