from ingestd.media.codecs.picture_order import PictureOrder

BITS = 4  # pic_order_cnt_lsb counts to 15


def orders(*pictures: tuple[int, bool], begins_order: bool = False) -> list[bool]:
    """Return what each picture (lsb, is_reference) behind one of lsb 0 does."""
    order = PictureOrder()
    order.goes_back(0, BITS, begins_order=True, is_reference=True)
    return [
        order.goes_back(lsb, BITS, begins_order=begins_order, is_reference=is_reference)
        for lsb, is_reference in pictures
    ]


def test_counts_that_rise_do_not_go_back_however_often_they_wrap() -> None:
    assert orders(*[(2 * n % 16, True) for n in range(1, 50)]) == [False] * 49


def test_a_count_below_one_seen_before_goes_back() -> None:
    assert orders((8, True), (4, True), (2, False), (6, False), (12, True)) == [
        False, True, True, True, False,
    ]  # fmt: skip


def test_half_the_range_ahead_is_ahead() -> None:
    assert orders((8, True), (0, True)) == [False, False]


def test_across_the_wrap_too() -> None:
    assert orders((6, True), (12, True), (2, True), (14, False), (8, True), (4, False)) == [
        False, False, False, True, False, True,
    ]  # fmt: skip


def test_only_reference_pictures_move_what_the_next_count_is_relative_to() -> None:
    # 7 is ahead of 0, 14 is ahead of 7 and behind 0.
    assert orders((7, True), (14, True)) == [False, False]
    assert orders((7, False), (14, True)) == [False, True]


def test_where_the_order_begins_anew_nothing_goes_back() -> None:
    assert orders((8, True), (4, True), begins_order=True) == [False, False]


def test_joined_in_the_middle_the_first_picture_begins_the_order() -> None:
    order = PictureOrder()
    counts = [order.goes_back(lsb, BITS, begins_order=False, is_reference=False) for lsb in (12, 5, 14)]
    assert counts == [False, True, False]


def test_the_bottom_field_counts_where_it_is_earlier() -> None:
    order = PictureOrder()
    deltas = [
        order.goes_back(lsb, BITS, begins_order=False, is_reference=True, delta_bottom=delta)
        for lsb, delta in ((2, 0), (4, 1), (4, -1))
    ]
    assert deltas == [False, False, True]
