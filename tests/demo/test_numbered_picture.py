import numpy as np

from ingestd.demo.numbered_picture import FPS, HEIGHT, WIDTH, TestPicture, write


def test_a_picture_is_i420_of_the_size_that_is_said() -> None:
    picture = TestPicture().draw(0, now=0.0)
    assert picture.shape == (HEIGHT * 3 // 2, WIDTH)
    assert picture.dtype == np.uint8


def test_pictures_differ_from_one_to_the_next_within_the_same_millisecond() -> None:
    test_picture = TestPicture()
    drawn = [test_picture.draw(number, now=1e9).tobytes() for number in range(4 * FPS)]
    assert len(set(drawn)) == len(drawn)


def test_the_clock_moves_with_the_milliseconds() -> None:
    test_picture = TestPicture()
    assert (test_picture.draw(7, now=1e9) != test_picture.draw(7, now=1e9 + 0.001)).any()


def test_digits_are_written_to_be_read() -> None:
    luma = np.full((9, 13), 100, np.uint8)
    write(luma, "17", top=0, scale=1)
    assert ["".join(".#"[int(sample > 100)] for sample in row) for row in luma] == [
        ".............",
        "...#...#####.",
        "..##.......#.",
        "...#......#..",
        "...#.....#...",
        "...#....#....",
        "...#....#....",
        "..###...#....",
        ".............",
    ]
