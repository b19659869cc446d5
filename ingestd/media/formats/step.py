"""Step: the most that one call of a reader takes apart, so that no input keeps the event loop for long.

What a picture costs to take apart hardly depends on its bytes: 16 kB may hold half a picture, or 3000 that
are a header each. So a step is counted in what takes time: NAL units, OBUs and frames, and the bytes of
headers that are read bit by bit.
"""

import sys

# The slowest kind of item, a picture of H.265 that is a slice header and nothing else, takes 40 µs on a slow
# core of today: a step is over after 1 ms, and what is done with the pictures costs as much again.
MAX_ITEMS_PER_STEP = 16
NO_LIMIT = sys.maxsize
# A parameter set made to be slow to read takes 5 µs a byte, so that 8 of them are as good as an item. Frames
# in containers are counted by their size, as it is not known how many OBUs one has.
BYTES_PER_ITEM = 8
