from ingestd.media.codecs.random_access import MAX_PICTURES_BETWEEN, RandomAccess


def begins(stream: RandomAccess, *, irap: bool = False, recovery_point: bool = False) -> bool:
    if recovery_point:
        stream.recovery_point()
    return stream.begin_picture(irap=irap)


def test_idr_and_irap_pictures_are_keyframes_always() -> None:
    stream = RandomAccess()
    assert [begins(stream, irap=irap) for irap in (False, True, False, True)] == [False, True, False, True]


def test_recovery_points_are_while_none_of_those_has_come() -> None:
    stream = RandomAccess()
    assert [begins(stream, recovery_point=point) for point in (False, True, False, True)] == [
        False, True, False, True,
    ]  # fmt: skip


def test_they_are_not_where_the_others_come_regularly() -> None:
    stream = RandomAccess()
    for _ in range(5):
        assert begins(stream, irap=True)
        for n in range(1, MAX_PICTURES_BETWEEN + 1):
            assert not begins(stream, recovery_point=n % 50 == 0)


def test_they_are_again_where_a_single_one_was_all() -> None:
    stream = RandomAccess()
    begins(stream, irap=True)
    found = [n for n in range(1, 1001) if begins(stream, recovery_point=n % 250 == 0)]
    assert found == [750, 1000]


def test_a_recovery_point_on_an_idr_picture_says_nothing_of_the_next_picture() -> None:
    stream = RandomAccess()
    for _ in range(MAX_PICTURES_BETWEEN + 1):
        begins(stream)
    assert begins(stream, irap=True, recovery_point=True)
    for _ in range(MAX_PICTURES_BETWEEN + 1):
        assert not begins(stream)
