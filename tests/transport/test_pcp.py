"""Packets of PCP and NAT-PMP, byte by byte as RFC 6887 figures 2, 3, 8, 9 and RFC 6886 section 3.3 draw them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import WireError
from idas_p2p.transport.mapping import Transport
from idas_p2p.transport.pcp import (
    Granted,
    nat_pmp_address_request,
    nat_pmp_request,
    pcp_request,
    read_nat_pmp,
    read_nat_pmp_address,
    read_pcp,
)

NONCE = bytes(range(12))
OURS = "00000000000000000000ffffc0a8010a"  # ::ffff:192.168.1.10
PUBLIC = "00000000000000000000ffffcb007107"  # ::ffff:203.0.113.7
MAPPING = "000102030405060708090a0b 06000000 1b58 1b58"  # nonce, TCP, 7000, 7000
PCP_REPLY = bytes.fromhex(f"02810000 00000e10 00000001 000000000000000000000000 {MAPPING} {PUBLIC}")
NAT_PMP_REPLY = bytes.fromhex("00820000 00000001 1b58 9c40 00000e10")


def test_a_request_of_pcp_has_the_bytes_of_the_standard() -> None:
    request = pcp_request("192.168.1.10", Transport.TCP, 7_000, external_port=7_000, lifetime=3_600, nonce=NONCE)
    assert request == bytes.fromhex(f"02010000 00000e10 {OURS} {MAPPING}") + bytes(16)


def test_a_reply_of_pcp_tells_the_port_its_address_and_for_how_long() -> None:
    granted = read_pcp(PCP_REPLY, Transport.TCP, 7_000, nonce=NONCE)
    assert granted == Granted(external_port=7_000, external_host="203.0.113.7", lifetime=3_600)


@pytest.mark.parametrize(
    ("data", "nonce"),
    [
        (PCP_REPLY[:3] + b"\x08" + PCP_REPLY[4:], NONCE),  # NO_RESOURCES
        (b"\x00" + PCP_REPLY[1:], NONCE),  # another version
        (PCP_REPLY, bytes(12)),  # of another request
        (PCP_REPLY[:-1], NONCE),
    ],
)
def test_a_refusal_or_a_reply_to_something_else_grants_nothing(data: bytes, nonce: bytes) -> None:
    with pytest.raises(WireError):
        read_pcp(data, Transport.TCP, 7_000, nonce=nonce)


def test_nat_pmp_has_the_bytes_of_the_standard() -> None:
    request = nat_pmp_request(Transport.TCP, 7_000, external_port=40_000, lifetime=3_600)
    assert request == bytes.fromhex("00020000 1b58 9c40 00000e10")
    assert nat_pmp_request(Transport.UDP, 7_000, external_port=40_000, lifetime=0) == bytes.fromhex(
        "00010000 1b58 0000 00000000"
    )
    assert nat_pmp_address_request() == b"\0\0"
    granted = read_nat_pmp(NAT_PMP_REPLY, Transport.TCP, 7_000)
    assert granted == Granted(external_port=40_000, external_host="", lifetime=3_600)
    assert read_nat_pmp_address(bytes.fromhex("00800000 00000001 cb007107")) == "203.0.113.7"


@given(st.binary(max_size=80))
def test_any_bytes_are_a_reply_or_a_wire_error(data: bytes) -> None:
    for read in (
        lambda: read_pcp(data, Transport.TCP, 7_000, nonce=NONCE),
        lambda: read_nat_pmp(data, Transport.TCP, 7_000),
        lambda: read_nat_pmp_address(data),
    ):
        with pytest.raises(WireError):
            read()
