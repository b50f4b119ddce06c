"""The packets of the Port Control Protocol and of NAT-PMP, which asks for the same at the same port.

Belongs here: packets to values and back. Not here: sending (router_port.py).
Source: RFC 6887 sections 7 and 11 (PCP, version 2), RFC 6886 section 3 (NAT-PMP, version 0).
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass
from typing import Final

from idas_p2p.errors import WireError
from idas_p2p.transport.mapping import Transport

NONCE_SIZE: Final = 12  # bytes
PCP_VERSION, NAT_PMP_VERSION = 2, 0
_MAP: Final = 1  # opcode of PCP
_EXTERNAL_ADDRESS: Final = 0  # opcode of NAT-PMP
_REPLY: Final = 0x80  # bit of the opcode
_PROTOCOLS: Final = {Transport.TCP: 6, Transport.UDP: 17}  # IANA protocol numbers, for PCP
_OPCODES: Final = {Transport.UDP: 1, Transport.TCP: 2}  # of NAT-PMP
_PCP: Final = struct.Struct(">BBBBI16s 12sB3xHH16s")  # a request; replies have lifetime, epoch and 12 zeros in between
_PCP_REPLY: Final = struct.Struct(">BBBBII12x 12sB3xHH16s")
_NAT_PMP: Final = struct.Struct(">BBxxHHI")
_NAT_PMP_REPLY: Final = struct.Struct(">BBHIHHI")
_NAT_PMP_ADDRESS: Final = struct.Struct(">BBHI4s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What the router grants."""

    external_port: int
    external_host: str  # empty where the protocol tells it elsewhere
    lifetime: int  # seconds


def pcp_request(
    own_host: str, transport: Transport, port: int, *, external_port: int, lifetime: int, nonce: bytes
) -> bytes:
    """A MAP request of 60 bytes.

    Args:
        own_host: our IPv4 address as the router sees it.
        transport: of the port.
        port: ours.
        external_port: suggested.
        lifetime: seconds; 0 ends the mapping.
        nonce: 12 bytes, the same for a mapping and its renewals.
    """
    return _PCP.pack(
        PCP_VERSION,
        _MAP,
        0,
        0,
        lifetime,
        _mapped(own_host),
        nonce,
        _PROTOCOLS[transport],
        port,
        external_port,
        bytes(16),
    )


def read_pcp(data: bytes, transport: Transport, port: int, *, nonce: bytes) -> Granted:
    """The reply to such a request.

    Raises:
        WireError: it is not, or the router refuses.
    """
    if len(data) < _PCP_REPLY.size:
        raise WireError("too short for a reply of PCP")
    version, opcode, _, result, lifetime, _, echoed, protocol, internal, external, host = _PCP_REPLY.unpack_from(data)
    if (version, opcode, result) != (PCP_VERSION, _MAP | _REPLY, 0):
        raise WireError(f"PCP result {result}")
    if (echoed, protocol, internal) != (nonce, _PROTOCOLS[transport], port):
        raise WireError("a reply to another request of PCP")
    ip = ipaddress.IPv6Address(host)
    return Granted(external_port=external, external_host=str(ip.ipv4_mapped or ip), lifetime=lifetime)


def nat_pmp_request(transport: Transport, port: int, *, external_port: int, lifetime: int) -> bytes:
    """A mapping request of 12 bytes; lifetime 0 ends the mapping."""
    return _NAT_PMP.pack(NAT_PMP_VERSION, _OPCODES[transport], port, external_port if lifetime else 0, lifetime)


def read_nat_pmp(data: bytes, transport: Transport, port: int) -> Granted:
    """The reply to such a request.

    Raises:
        WireError: it is not, or the router refuses.
    """
    if len(data) < _NAT_PMP_REPLY.size:
        raise WireError("too short for a reply of NAT-PMP")
    version, opcode, result, _, internal, external, lifetime = _NAT_PMP_REPLY.unpack_from(data)
    if (version, opcode, result) != (NAT_PMP_VERSION, _OPCODES[transport] | _REPLY, 0):
        raise WireError(f"NAT-PMP result {result}")
    if internal != port:
        raise WireError("a reply to another request of NAT-PMP")
    return Granted(external_port=external, external_host="", lifetime=lifetime)


def nat_pmp_address_request() -> bytes:
    """The question for the router's external address: 2 bytes."""
    return bytes((NAT_PMP_VERSION, _EXTERNAL_ADDRESS))


def read_nat_pmp_address(data: bytes) -> str:
    """The router's external IPv4 address.

    Raises:
        WireError: not a reply, or the router has none.
    """
    if len(data) < _NAT_PMP_ADDRESS.size:
        raise WireError("too short for an address of NAT-PMP")
    version, opcode, result, _, host = _NAT_PMP_ADDRESS.unpack_from(data)
    if (version, opcode, result) != (NAT_PMP_VERSION, _EXTERNAL_ADDRESS | _REPLY, 0):
        raise WireError(f"NAT-PMP result {result}")
    return str(ipaddress.IPv4Address(host))


def _mapped(host: str) -> bytes:
    """An IPv4 address in the 16 bytes of IPv6: ::ffff:a.b.c.d."""
    return bytes(10) + b"\xff\xff" + ipaddress.IPv4Address(host).packed
