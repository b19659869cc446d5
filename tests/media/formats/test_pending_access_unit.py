"""What slices say of an access unit that is not whole yet, and what of the next stretch belongs to it."""

from ingestd.media.access_unit import FrameMetadata
from ingestd.media.codecs.h26x import DELIMITER, SEI, SLICE, Slice
from ingestd.media.formats.pending_access_unit import Nal, PendingAccessUnit

METADATA = FrameMetadata(user_timestamp=1, frame_id=2)


def told(*, random_access: bool = True, at_origin: bool = True, discardable: bool = True) -> Slice:
    return Slice(
        begins_access_unit=at_origin,
        random_access=random_access,
        at_origin=at_origin,
        needs=(),
        info_from=None,
        discardable=discardable,
    )


def test_it_is_a_keyframe_by_any_of_its_slices_and_discardable_by_all() -> None:
    pending = PendingAccessUnit()
    pending.note(told(at_origin=False))
    assert (pending.keyframe, pending.discardable) == (False, True)
    pending.note(told(random_access=False, discardable=False))
    assert (pending.keyframe, pending.discardable) == (True, False)


def test_what_came_behind_its_slices_is_added_without_delimiters_and_known_sets() -> None:
    pending = PendingAccessUnit(nals=[Nal(0, 1, 1, SLICE)])
    more = [Nal(1, 2, 2, DELIMITER), Nal(2, 3, 3, SEI), Nal(3, 4, 4, SEI)]
    pending.extend(PendingAccessUnit(nals=more, repeated=[1], metadata=METADATA))
    assert pending.nals == [Nal(0, 1, 1, SLICE), Nal(3, 4, 4, SEI)]
    assert pending.metadata == METADATA
