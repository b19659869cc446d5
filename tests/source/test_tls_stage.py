"""TLS of one connection, against Python's own at the other end, without a socket."""

import ssl

import pytest

from ingestd.config.schema import TlsConfig
from ingestd.config.tls_contexts import client_context, server_context
from ingestd.source.entrance_stage import EntryError
from ingestd.source.tls_stage import TlsStage
from tests.support.certificates import Certificate, sign

READ_BYTES = 64 * 1024


@pytest.fixture(scope="module")
def ours(ca: Certificate) -> Certificate:
    return sign(ca, "ours.test")


def listening_stage(ours: Certificate) -> TlsStage:
    return TlsStage(server_context(TlsConfig(cert=str(ours.cert), key=str(ours.key))), None, READ_BYTES)


class Peer:
    """The other end."""

    def __init__(self, context: ssl.SSLContext, name: str | None) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self.incoming, self.outgoing, server_side=name is None, server_hostname=name
        )

    def shake_hands(self, stage: TlsStage, piece: int = READ_BYTES) -> None:
        stage.begin()
        for _ in range(5):
            self.incoming.write(stage.to_send())
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            self.pass_on(stage, piece)
            if stage.passed:
                self.incoming.write(stage.to_send())
                return
        raise AssertionError("no handshake")

    def pass_on(self, stage: TlsStage, piece: int = READ_BYTES) -> bytes:
        sent, got = self.outgoing.read(), b""
        for at in range(0, len(sent), piece):
            got += bytes(stage.receive(memoryview(sent)[at : at + piece]))
        return got


@pytest.mark.parametrize("piece", [1, 1000, READ_BYTES])
def test_what_is_encrypted_comes_out_whatever_the_pieces(
    ca: Certificate, ours: Certificate, piece: int
) -> None:
    stage, peer = listening_stage(ours), Peer(client_context(TlsConfig(ca=str(ca.cert))), "ours.test")
    assert not stage.begun
    peer.shake_hands(stage, piece)
    assert stage.begun
    data = bytes(range(256)) * 200
    peer.tls.write(data)
    assert peer.pass_on(stage, piece) == data
    stage.send(b"a line\n")
    peer.incoming.write(stage.to_send())
    assert peer.tls.read() == b"a line\n"
    assert not stage.ended
    with pytest.raises(ssl.SSLWantReadError):
        peer.tls.unwrap()
    assert peer.pass_on(stage) == b""
    assert stage.ended


def test_a_full_read_fits_behind_what_has_come_of_a_record(ca: Certificate, ours: Certificate) -> None:
    stage, peer = listening_stage(ours), Peer(client_context(TlsConfig(ca=str(ca.cert))), "ours.test")
    peer.shake_hands(stage)
    for _ in range(20):
        peer.tls.write(bytes(16_384))
    sent = peer.outgoing.read()
    got = len(stage.receive(memoryview(sent)[:16_000]))
    got += sum(
        len(stage.receive(memoryview(sent)[at : at + READ_BYTES]))
        for at in range(16_000, len(sent), READ_BYTES)
    )
    assert got == 20 * 16_384


def test_a_record_that_cannot_be_decrypted_ends_the_connection_in_words(
    ca: Certificate, ours: Certificate
) -> None:
    stage, peer = listening_stage(ours), Peer(client_context(TlsConfig(ca=str(ca.cert))), "ours.test")
    peer.shake_hands(stage)
    peer.tls.write(b"a picture")
    record = bytearray(peer.outgoing.read())
    record[-1] ^= 1
    with pytest.raises(EntryError) as error:
        stage.receive(memoryview(record))
    assert error.value.label == "tls"


def test_nothing_is_sent_that_an_encoder_would_not_read(ca: Certificate, ours: Certificate) -> None:
    stage, peer = listening_stage(ours), Peer(client_context(TlsConfig(ca=str(ca.cert))), "ours.test")
    peer.shake_hands(stage)
    # What waits unread at an encoder that closes has its system reset the connection.
    assert stage.to_send() == b""
    assert peer.incoming.pending == 0


@pytest.mark.parametrize(
    ("name", "trusted", "complaint"),
    [
        ("ours.test", True, None),
        ("127.0.0.1", True, None),
        ("10.9.9.9", True, "set source.tls.server_name to a name that is in it"),
        ("another.test", True, "set source.tls.server_name to a name that is in it"),
        ("ours.test", False, "set source.tls.ca to the CA that has signed it"),
    ],
)
def test_the_name_of_a_dialled_encoder_is_checked(
    ca: Certificate, ours: Certificate, name: str, trusted: bool, complaint: str | None
) -> None:
    stage = TlsStage(client_context(TlsConfig(ca=str(ca.cert) if trusted else None)), name, READ_BYTES)
    peer = Peer(server_context(TlsConfig(cert=str(ours.cert), key=str(ours.key))), None)
    if complaint is None:
        peer.shake_hands(stage)
        assert stage.peer_name == "ours.test"
        return
    with pytest.raises(EntryError, match=complaint) as error:
        peer.shake_hands(stage)
    assert error.value.label == "tls"
    assert stage.to_send(), "the alert that tells the encoder"


def test_an_encoder_that_answers_without_tls(ca: Certificate) -> None:
    stage = TlsStage(client_context(TlsConfig(ca=str(ca.cert))), "ours.test", READ_BYTES)
    stage.begin()
    with pytest.raises(EntryError, match=r"write tcp:// in source\.connect"):
        stage.receive(b"\0\0\0\1g")


def test_a_certificate_of_an_encoder_that_dials_has_expired(ca: Certificate, ours: Certificate) -> None:
    old = sign(ca, "old.test", days=-1)
    tls = TlsConfig(cert=str(ours.cert), key=str(ours.key), client_ca=str(ca.cert))
    stage = TlsStage(server_context(tls), None, READ_BYTES)
    shown = TlsConfig(ca=str(ca.cert), cert=str(old.cert), key=str(old.key))
    with pytest.raises(EntryError, match="expired; renew it at the encoder"):
        Peer(client_context(shown), "ours.test").shake_hands(stage)


def test_a_certificate_of_a_dialled_encoder_that_has_expired(ca: Certificate) -> None:
    old = sign(ca, "old.test", days=-1)
    stage = TlsStage(client_context(TlsConfig(ca=str(ca.cert))), "old.test", READ_BYTES)
    peer = Peer(server_context(TlsConfig(cert=str(old.cert), key=str(old.key))), None)
    with pytest.raises(EntryError, match="expired; renew it at the encoder"):
        peer.shake_hands(stage)
