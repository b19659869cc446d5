"""Running statistics of a stream in constant memory: minimum, maximum, mean, and picture sizes over time."""

from dataclasses import dataclass

# As many as stand beside an axis in a terminal of 80 columns; an even number, so that they merge in pairs.
MAX_COLUMNS = 64


@dataclass(slots=True)
class MinMaxMean:
    """Minimum, maximum and mean of the numbers so far; 0 before the first."""

    least: int = 0
    most: int = 0
    total: int = 0
    count: int = 0

    def add(self, number: int) -> None:
        """Take the next one."""
        self.least = min(self.least, number) if self.count else number
        self.most = max(self.most, number)
        self.total += number
        self.count += 1

    @property
    def mean(self) -> float:
        """Their mean."""
        return self.total / self.count if self.count else 0.0


@dataclass(frozen=True, slots=True)
class Column:
    """A run of pictures in the plot."""

    largest: int  # bytes, of the largest picture
    keyframe: bool  # one of them is a keyframe


class SizeSeries:
    """Sizes of the pictures so far, in at most `MAX_COLUMNS` columns: full, each two become one."""

    def __init__(self) -> None:
        self.pictures_per_column = 1
        self._columns: list[Column] = []
        self._begun: Column | None = None  # the last column, while more of its pictures are to come
        self._pictures = 0  # in it

    @property
    def columns(self) -> tuple[Column, ...]:
        """From the first picture to the last; the last column may hold fewer than the others."""
        return (*self._columns, self._begun) if self._begun else tuple(self._columns)

    def add(self, size_bytes: int, *, keyframe: bool) -> None:
        """Take a picture of ``size_bytes``."""
        if len(self._columns) == MAX_COLUMNS:
            self._columns = [
                _merged(*pair) for pair in zip(self._columns[::2], self._columns[1::2], strict=True)
            ]
            self.pictures_per_column *= 2
        picture = Column(size_bytes, keyframe)
        self._begun = _merged(self._begun, picture) if self._begun else picture
        self._pictures += 1
        if self._pictures == self.pictures_per_column:
            self._columns.append(self._begun)
            self._begun, self._pictures = None, 0


def _merged(one: Column, other: Column) -> Column:
    return Column(max(one.largest, other.largest), one.keyframe or other.keyframe)
