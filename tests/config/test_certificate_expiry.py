"""Certificates that have expired or soon will."""

from ingestd.config.certificate_expiry import expired, expiry
from tests.config.support import LIVEKIT, Loads, stream
from tests.support.certificates import Certificate, sign


def test_a_certificate_that_ends_is_said_before_and_after(ca: Certificate) -> None:
    soon = sign(ca, "soon", days=5)
    assert "expires on" in (expiry(str(soon.cert)) or "")
    assert "in 5.0 days; renew it" in (expiry(str(soon.cert)) or "")
    late = expiry(str(sign(ca, "late", days=-1).cert)) or ""
    assert "expired on" in late
    assert "refuses it; renew it" in late
    assert "is valid from" in (expiry(str(ca.cert), now=0) or "")


def test_an_expired_certificate_is_warned_of_and_check_fails(loads: Loads, ca: Certificate) -> None:
    old = sign(ca, "old", days=-1)
    source = f"source: {{listen: 'tls://h:1', tls: {{cert: {old.cert}, key: {old.key}}}}}"
    config = loads(LIVEKIT + "streams:\n" + stream(source))
    (warning,) = config.warnings
    assert f"streams[0].source.tls.cert: {old.cert} expired on" in warning
    assert len(expired(config)) == 1


def test_a_certificate_that_is_good_for_long_is_no_news(loads: Loads, ca: Certificate) -> None:
    good = sign(ca, "good", days=90)
    source = f"source: {{listen: 'tls://h:1', tls: {{cert: {good.cert}, key: {good.key}}}}}"
    config = loads(LIVEKIT + "streams:\n" + stream(source))
    assert config.warnings == ()
    assert expired(config) == []
