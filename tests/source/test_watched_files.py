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


def test_a_copy_over_it_that_keeps_size_and_time_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "tls.key"
    file.write_text("old")
    watched = WatchedFiles([file])
    assert watched.changed()
    before = file.stat()
    file.write_text("new")  # as `cp -p` and `rsync --inplace -t` leave it
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert watched.changed()
    assert not watched.changed()


def test_a_file_that_may_be_read_from_now_on_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "tls.key"
    file.write_text("key")
    file.chmod(0o000)
    watched = WatchedFiles([file])
    assert watched.changed()
    file.chmod(0o440)  # the cure for "cannot be read: Permission denied"
    assert watched.changed()
    assert not watched.changed()
