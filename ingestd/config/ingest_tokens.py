"""Tokens of encoders: what one may look like, and the file that holds several."""

from pathlib import Path

from ingestd.config import small_files

# More bits than any key has, and little enough to be read in one go.
MAX_TOKEN_BYTES = 256
# 16 letters and digits at random are more than 90 bits, which no one guesses over a network.
SAFE_TOKEN_CHARACTERS = 16
# A file of thousands of tokens is another file. It is read on the loop that carries pictures, each token in a
# few microseconds.
MAX_TOKENS = 1000
_MAX_FILE_BYTES = 64 * 1024


def usable(token: object) -> str:
    """``token``, if it can be one. Raises ValueError, whose text does not show it."""
    if not isinstance(token, str):
        raise ValueError("is not text; put it in quotes")
    if (
        not 0 < len(token) <= MAX_TOKEN_BYTES
        or not token.isascii()
        or not token.isprintable()
        or " " in token
    ):
        raise ValueError(
            f"is not usable as a token; allowed: 1 to {MAX_TOKEN_BYTES} printable ASCII characters, "
            "without spaces"
        )
    return token


def read(path: Path) -> tuple[str, ...]:
    """Return the tokens in the file at ``path``, one a line. Raises ValueError, which shows none."""
    data = small_files.read(path, _MAX_FILE_BYTES, "one token a line")
    try:
        lines = data.decode("ascii").splitlines()
    except UnicodeDecodeError:
        raise ValueError("is not ASCII text; allowed: one token a line") from None
    found = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                found.append(usable(line.strip()))
            except ValueError as error:
                raise ValueError(f"line {number} {error}") from None
            if len(found) > MAX_TOKENS:
                raise ValueError(f"holds more than {MAX_TOKENS:,} tokens; take out those of no encoder")
    if not found:
        raise ValueError("holds no token; allowed: one a line")
    return tuple(found)
