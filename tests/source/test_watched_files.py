"""Files that are looked at again and again: when they have changed."""

import os
from pathlib import Path

from ingestd.source.watched_files import WatchedFiles


def test_a_change_is_seen_once(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("a")
    watched = WatchedFiles([one, two])
    assert watched.changed(), "it was never looked at"
    assert not watched.changed()
    two.write_text("b")
    assert watched.changed(), "one has come"
    assert not watched.changed()
    new = tmp_path / "new"
    new.write_text("a")
    os.utime(new, ns=(one.stat().st_atime_ns, one.stat().st_mtime_ns))
    new.replace(one)
    assert watched.changed(), "another file of the same size and time is in its place"
    two.unlink()
    assert watched.changed(), "one has gone"
    assert not watched.changed()
