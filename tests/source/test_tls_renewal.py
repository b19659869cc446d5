"""Certificate and key of a source: read again when they change; a bad pair changes nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from ingestd.config.schema import TlsConfig
from ingestd.errors import AddressError
from ingestd.source.tls_renewal import TlsContext
from tests.support.certificates import Certificate, sign

LOG = structlog.get_logger("test")


def put(made: Certificate, directory: Path) -> TlsConfig:
    """Have `made` be the pair that is configured."""
    (directory / "current.pem").write_bytes(made.cert.read_bytes())
    (directory / "current.key").write_bytes(made.key.read_bytes())
    return TlsConfig(cert=str(directory / "current.pem"), key=str(directory / "current.key"))


def test_a_pair_that_changed_is_used_from_the_next_handshake_on(ca: Certificate, tmp_path: Path) -> None:
    tls = put(sign(ca, "one"), tmp_path)
    context = TlsContext(tls, listens=True, log=LOG)
    first = context.current()
    assert context.current() is first
    put(sign(ca, "two"), tmp_path)
    with capture_logs() as log:
        second = context.current()
        assert context.current() is second
    assert second is not first
    assert [line["event"] for line in log] == ["certificate and key read again"]


def renamed(made: Certificate, directory: Path) -> None:
    """As those do who write beside and rename: no one ever finds half a file."""
    for new, name in ((made.cert, "current.pem"), (made.key, "current.key")):
        (directory / "new").write_bytes(new.read_bytes())
        (directory / "new").replace(directory / name)


def linked_one_by_one(made: Certificate, directory: Path) -> None:
    """As certbot does in live/: each link is taken away and made again; for a moment they do not fit."""
    for new, name in ((made.cert, "current.pem"), (made.key, "current.key")):
        (directory / name).unlink()
        (directory / name).symlink_to(new)


def linked_at_once(made: Certificate, directory: Path) -> None:
    """As Kubernetes does with secrets, and so cert-manager: the link to their directory is swapped."""
    version = directory / f"..{made.cert.stem}"
    version.mkdir()
    put(made, version)
    (directory / "..data_tmp").symlink_to(version.name)
    (directory / "..data_tmp").replace(directory / "..data")
    for name in ("current.pem", "current.key"):
        if not (directory / name).exists():
            (directory / name).symlink_to(f"..data/{name}")


@pytest.mark.parametrize("renew", [renamed, linked_one_by_one, linked_at_once])
def test_a_renewal_by_rename_or_link_is_used_from_the_next_handshake_on(
    renew: Callable[[Certificate, Path], None], ca: Certificate, tmp_path: Path
) -> None:
    if renew is not linked_at_once:
        put(sign(ca, "one"), tmp_path)
    else:
        renew(sign(ca, "one"), tmp_path)
    tls = TlsConfig(cert=str(tmp_path / "current.pem"), key=str(tmp_path / "current.key"))
    context = TlsContext(tls, listens=True, log=LOG)
    first = context.current()
    for name in ("two", "three"):
        renew(sign(ca, name), tmp_path)
        with capture_logs() as log:
            second = context.current()
        assert second is not first
        assert [line["event"] for line in log] == ["certificate and key read again"]
        first = second


def test_a_look_in_the_midst_of_a_renewal_keeps_the_old_pair_until_both_are_there(
    ca: Certificate, tmp_path: Path
) -> None:
    tls, two = put(sign(ca, "one"), tmp_path), sign(ca, "two")
    context = TlsContext(tls, listens=True, log=LOG)
    first = context.current()
    with capture_logs() as log:
        (tmp_path / "current.pem").unlink()
        assert context.current() is first
        (tmp_path / "current.pem").symlink_to(two.cert)
        assert context.current() is first
        (tmp_path / "current.key").unlink()
        (tmp_path / "current.key").symlink_to(two.key)
        assert context.current() is not first
    said = [line["event"] for line in log]
    assert "current.pem cannot be read: No such file" in said[0]
    assert "current.key does not belong to the first certificate in" in said[1]
    assert said[2:] == ["certificate and key read again"]


def test_a_bad_pair_changes_nothing_and_is_said_once(ca: Certificate, tmp_path: Path) -> None:
    tls = put(sign(ca, "one"), tmp_path)
    context = TlsContext(tls, listens=True, log=LOG)
    first, two = context.current(), sign(ca, "two")
    with capture_logs() as log:
        (tmp_path / "current.pem").write_bytes(two.cert.read_bytes())
        assert context.current() is first
        assert context.current() is first
    (line,) = log
    assert line["log_level"] == "error"
    assert "source.tls.key: " in line["event"]
    assert "current.key does not belong to the first certificate in " in line["event"]
    assert "what was read before is used on" in line["event"]
    (tmp_path / "current.key").write_bytes(two.key.read_bytes())
    assert context.current() is not first


def test_an_expiry_is_said_once_a_day(ca: Certificate, tmp_path: Path) -> None:
    tls = put(sign(ca, "soon", days=3), tmp_path)
    with capture_logs() as log:
        context = TlsContext(tls, listens=True, log=LOG)
        for _ in range(3):
            context.look()
    (line,) = log
    assert "source.tls.cert: " in line["event"]
    assert "in 3.0 days; renew it" in line["event"]


def test_files_that_are_gone_when_it_starts(tmp_path: Path) -> None:
    with pytest.raises(AddressError, match=r"source\.tls\.cert: .*cannot be read"):
        TlsContext(TlsConfig(cert=str(tmp_path / "none"), key="none"), listens=True, log=LOG)


def test_sources_of_the_same_files_share_what_is_read_of_them(ca: Certificate, tmp_path: Path) -> None:
    tls = put(sign(ca, "one"), tmp_path)
    here, there = (TlsContext(tls, listens=True, log=LOG) for _ in range(2))
    assert here.current() is there.current()
    put(sign(ca, "two"), tmp_path)
    assert here.current() is there.current()
    trusting = [TlsContext(TlsConfig(server_name=name), listens=False, log=LOG) for name in ("a", "b")]
    assert trusting[0].current() is trusting[1].current()
    assert trusting[0].current() is not here.current()
