"""The signature, as others compute it."""

from ingestd.signature import HEADER, headers, sign


def test_it_is_that_of_rfc_4231() -> None:
    # Test case 2.
    assert sign(b"Jefe", b"what do ya want for nothing?") == (
        "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_what_is_posted_is_json_and_signed_where_there_is_a_secret() -> None:
    assert headers(None, b"{}") == {"Content-Type": "application/json"}
    assert headers(b"secret", b"{}") == {"Content-Type": "application/json", HEADER: sign(b"secret", b"{}")}
