"""The node's own ports, tried before it runs."""

from __future__ import annotations

import errno
import socket

import pytest

from idas_p2p.node.doctor import ports
from idas_p2p.node.doctor.ports import examine_port
from idas_p2p.wire.address import Address
from tools.programs import LOOPBACK, free_port

BOTH = (socket.SOCK_STREAM, socket.SOCK_DGRAM)


def test_a_free_port_is_well() -> None:
    assert examine_port("network.listen", Address(LOOPBACK, free_port()), BOTH).name == ""


@pytest.mark.parametrize("kind", BOTH)
def test_a_port_that_is_taken_for_either_kind_of_socket_is_told(kind: socket.SocketKind) -> None:
    port = free_port()
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind((LOOPBACK, port))
        if kind is socket.SOCK_STREAM:
            other.listen()
        finding = examine_port("network.listen", Address(LOOPBACK, port), BOTH)
    assert finding.name == "port_taken"
    assert ("TCP" if kind is socket.SOCK_STREAM else "UDP") in finding.said


def test_an_address_of_another_machine_is_told() -> None:
    assert examine_port("dicom.listen", Address("192.0.2.7", free_port()), BOTH).name == "address_not_ours"


def test_what_the_kernel_refuses_has_a_name() -> None:
    assert {ports._NAMES[number][0] for number in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL)} == {
        "port_taken",
        "port_forbidden",
        "address_not_ours",
    }
