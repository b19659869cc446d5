"""Bounds that hold for every format, so that memory per stream is bounded whatever arrives."""

# An intra picture of 8K video stays below 8 MiB at any rate an encoder would send live; twice that is damage.
MAX_ACCESS_UNIT_BYTES = 16 * 1024 * 1024

# What is put before a keyframe that lacks it may have so many times its size. Real ones stay below 16, and a
# read of nothing but slice headers would otherwise grow thousandfold.
MAX_ADDED_PER_BYTE = 64
