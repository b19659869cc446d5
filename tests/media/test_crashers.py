"""What broke a parser or a reader once, found by `make fuzz`: all of them read it, in every chunking."""

from pathlib import Path

import pytest

from tests.media.fuzz_targets import HEADER_BYTES, PARSERS, READERS, check, check_parser, check_reader, fuzzed
from tests.support.chunking import chunkings

CRASHERS = sorted((Path(__file__).parent / "crashers").glob("*-*"))


@pytest.mark.parametrize("crasher", CRASHERS, ids=lambda path: path.name)
def test_what_broke_something_once_breaks_nothing_now(crasher: Path) -> None:
    made_up = crasher.read_bytes()
    check(made_up)
    data = made_up[HEADER_BYTES:]
    for parse in PARSERS.values():
        check_parser(parse, data)
    for make_reader in READERS.values():
        for _, chunks in chunkings(data):
            check_reader(make_reader, data, chunks)


@pytest.mark.parametrize("target", [*READERS, *PARSERS])
def test_an_input_finds_its_target(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fed: list[bytes] = []

    class ReaderOfThis:
        faults: list[object] = []  # noqa: RUF012
        quiet_at = None

        def feed(self, data: bytes, _now: float) -> list[object]:
            fed.append(data)
            return []

        def eof(self) -> list[object]:
            return []

    targets = PARSERS if target in PARSERS else READERS
    monkeypatch.setitem(targets, target, fed.append if target in PARSERS else ReaderOfThis)
    check(fuzzed(target, b"made up"))
    assert fed[0] == b"made up"
