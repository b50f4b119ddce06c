from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from idas_p2p.dicom.secure_socket import SecureSocket
from idas_p2p.dicom.tls import Tls, load_tls
from tests.dicom.certificates import Authority, fingerprint

PATIENCE = 30.0  # seconds


class Pair:
    """Two ends of one connection over TLS."""

    def __init__(self, server: Tls, client: Tls) -> None:
        self.troubles: list[str] = []
        left, right = socket.socketpair()
        assert server.server is not None
        self.server = SecureSocket(left, server.server, server_side=True, on_failure=self.troubles.append)
        self.client = SecureSocket(
            right, client.client, server_side=False, server_hostname="127.0.0.1", on_failure=self.troubles.append
        )
        for end in (self.server, self.client):
            end.settimeout(PATIENCE)

    def shake(self) -> list[str]:
        """Both shake hands; the kinds of error they got."""
        errors: list[str] = []

        def one(end: SecureSocket) -> None:
            try:
                end.handshake()
            except OSError as error:
                errors.append(type(error).__name__)
                end.shutdown(socket.SHUT_RDWR)

        thread = threading.Thread(target=one, args=(self.server,))
        thread.start()
        one(self.client)
        thread.join(PATIENCE)
        return errors

    def close(self) -> None:
        for end in (self.server, self.client):
            end.close()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def pair(authority: Authority) -> Iterator[Pair]:
    node, device = (load_tls(authority.issue(name), authority.path) for name in ("node", "device"))
    made = Pair(node, device)
    yield made
    made.close()


def read(end: SecureSocket, count: int) -> bytes:
    buffer, got = bytearray(count), 0
    while got < count:
        size = end.recv_into(memoryview(buffer)[got:])
        assert size > 0
        got += size
    return bytes(buffer)


def test_each_end_knows_the_certificate_of_the_other(pair: Pair, tmp_path: Path) -> None:
    assert pair.shake() == []
    assert pair.server.fingerprint == fingerprint(tmp_path / "device.pem")
    assert pair.client.fingerprint == fingerprint(tmp_path / "node.pem")


def test_both_ends_may_send_at_once_while_both_read(pair: Pair) -> None:
    assert pair.shake() == []
    data = bytes(range(256)) * 20_000  # more than the kernel holds
    got: dict[str, bytes] = {}
    threads = [
        threading.Thread(target=pair.server.sendall, args=(data,)),
        threading.Thread(target=pair.client.sendall, args=(data,)),
        threading.Thread(target=lambda: got.update(server=read(pair.server, len(data)))),
        threading.Thread(target=lambda: got.update(client=read(pair.client, len(data)))),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert got == {"server": data, "client": data}


def test_what_openssl_holds_already_is_told(pair: Pair) -> None:
    assert pair.shake() == []
    pair.server.sendall(b"two bytes")
    assert read(pair.client, 2) == b"tw"
    assert pair.client.pending() == 7


def test_a_read_from_nobody_ends_with_its_time_and_one_from_a_closed_end_at_once(pair: Pair) -> None:
    assert pair.shake() == []
    pair.client.settimeout(0.01)
    with pytest.raises(TimeoutError):
        read(pair.client, 1)
    pair.client.settimeout(PATIENCE)
    pair.server.shutdown(socket.SHUT_RDWR)
    assert pair.client.recv_into(memoryview(bytearray(1))) == 0


def test_a_certificate_of_another_authority_is_refused_in_words(authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger")
    pair = Pair(load_tls(stranger.issue("impostor"), None), load_tls(None, authority.path))
    try:
        assert "SSLCertVerificationError" in pair.shake()
        assert any("certificate is not accepted" in trouble for trouble in pair.troubles)
    finally:
        pair.close()


def test_a_peer_that_speaks_no_tls_is_refused_in_words(authority: Authority) -> None:
    left, right = socket.socketpair()
    troubles: list[str] = []
    context = load_tls(authority.issue("node"), None).server
    assert context is not None
    end = SecureSocket(left, context, server_side=True, on_failure=troubles.append)
    right.sendall(b"\x01\x00" + bytes(100))
    with pytest.raises(OSError, match=r"."):
        end.handshake()
    assert troubles[0].startswith("it does not speak TLS")
    end.close()
    right.close()
