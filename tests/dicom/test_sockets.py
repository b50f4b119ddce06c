from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from pynetdicom._globals import MODE_ACCEPTOR
from pynetdicom.association import Association

from idas_p2p import limits
from idas_p2p.dicom.link import Link
from idas_p2p.dicom.sockets import LARGEST_PDU, QuickSocket, make_ae
from tests.dicom.memory_node import MemoryNode, serving

VERIFICATION = "1.2.840.10008.1.1"


def pair() -> tuple[QuickSocket, socket.socket]:
    """An accepted socket of ours and its peer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = socket.create_connection(listener.getsockname())
        client, _ = listener.accept()
    return QuickSocket(Link(make_ae("NODE"), MODE_ACCEPTOR), client_socket=client), peer


async def test_our_associations_have_no_nagle_in_either_role(tmp_path: Path) -> None:
    async with serving(MemoryNode(known=frozenset({"CLIENT"})), tmp_path) as served:

        def options() -> list[int]:
            entity = make_ae("CLIENT")
            entity.add_requested_context(VERIFICATION)
            link = entity.associate(served.address.host, served.address.port, ae_title="NODE")
            (theirs,) = served.server._links
            sockets = [link.dul.socket.socket, theirs.dul.socket.socket]
            found = [sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for sock in sockets]
            link.release()
            return found

        assert all(await asyncio.to_thread(options))


async def test_our_maximum_pdu_size_is_announced(tmp_path: Path) -> None:
    async with serving(MemoryNode(), tmp_path) as served:
        announced = await served.workstation([VERIFICATION], lambda link: link.acceptor.maximum_length)
    assert announced == limits.MAX_PDU_SIZE


def test_receive_gives_exactly_what_was_asked_for() -> None:
    ours, peer = pair()
    peer.sendall(b"abcdef")
    assert (ours.recv(4), ours.recv(2)) == (b"abcd", b"ef")
    ours._shutdown_socket()
    peer.close()


def test_receive_is_short_when_the_peer_closed() -> None:
    ours, peer = pair()
    peer.sendall(b"ab")
    peer.close()
    assert ours.recv(4) == b"ab"
    ours._shutdown_socket()


def test_a_peer_cannot_make_us_reserve_four_gigabytes() -> None:
    ours, peer = pair()
    peer.shutdown(socket.SHUT_WR)
    assert len(ours.recv(0xFFFF_FFFF)) == 0 < LARGEST_PDU
    ours._shutdown_socket()
    peer.close()


def test_sending_over_a_lost_connection_ends_the_association_instead_of_raising() -> None:
    ours, peer = pair()
    peer.close()
    ours._shutdown_socket()
    assert not ours.send_pieces(b"x")
    assert "Evt17" in list(ours.event_queue.queue)


async def test_requesting_an_association_that_nobody_answers_leaves_nothing_behind() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    def attempt() -> Association:
        entity = make_ae("CLIENT")
        entity.add_requested_context(VERIFICATION)
        return entity.associate("127.0.0.1", port)

    link = await asyncio.to_thread(attempt)
    assert not link.is_established
    assert not link.dul.is_alive()
