"""STUN Binding: tell who asks at which UDP address the Internet sees it, on the directory's own port.

Belongs here: which datagrams are such questions, the answer, and how often. Not here: everything else that arrives at
the port, which goes on to the directory unseen: its datagrams begin with 0x11 to 0x14, a Binding request with 0x00.
An answer is never larger than its question, so that nobody gains by asking in another's name.
Source: RFC 8489 sections 5, 6.3 and 14.2; docs/spec/transport.md section 12.
"""

from __future__ import annotations

import asyncio
import ipaddress
import struct
from collections import Counter
from enum import StrEnum
from typing import Any, Final, cast

from idas_p2p.clock import Clock
from idas_p2p.directory.budgets import Budgets
from idas_p2p.directory.sockets import open_udp
from idas_p2p.wire.address import Address

COOKIE: Final = 0x2112_A442  # RFC 8489 section 5
HEADER: Final = struct.Struct(">HHI12s")  # type, bytes after the header, cookie, transaction
REQUEST: Final = 0x0001  # RFC 8489 section 18.1: Binding
SUCCESS: Final = 0x0101
XOR_MAPPED_ADDRESS: Final = 0x0020
OPTIONAL: Final = 0x8000  # attributes from here on may be passed over, RFC 8489 section 14
MAX_QUESTION_SIZE: Final = 548  # bytes; RFC 8489 section 6.1, where the path is not known
RATE: Final = 4.0  # answers a second to one site; ours: a node asks a few times for each connection
BURST: Final = 64.0  # at once; ours: many nodes may share an address
TOTAL_RATE: Final = 2_000.0  # answers a second in all; ours: under a tenth of a core
TOTAL_BURST: Final = 4_000.0


class Refusal(StrEnum):
    """Why a question was not answered; docs/spec/transport.md section 12."""

    MALFORMED = "malformed"
    UNKNOWN_ATTRIBUTE = "unknown_attribute"
    TOO_SHORT = "too_short"
    TOO_OFTEN = "too_often"


def is_question(data: bytes) -> bool:
    """Whether a datagram is a Binding request, whatever follows its header."""
    return len(data) >= HEADER.size and data[0] == 0 and HEADER.unpack_from(data)[0::2][:2] == (REQUEST, COOKIE)


def answer(question: bytes, seen_as: Address) -> bytes | Refusal:
    """The answer to a Binding request that came from an IP address and port."""
    _, size, _, transaction = HEADER.unpack_from(question)
    if size != len(question) - HEADER.size or size % 4 or len(question) > MAX_QUESTION_SIZE:
        return Refusal.MALFORMED
    if (refusal := _unusable(question[HEADER.size :])) is not None:
        return refusal
    ip = ipaddress.ip_address(seen_as.host)
    hidden = (COOKIE << 96 | int.from_bytes(transaction, "big")) >> (128 - ip.max_prefixlen)
    host = (int(ip) ^ hidden).to_bytes(ip.max_prefixlen // 8, "big")
    value = struct.pack(">BBH", 0, 1 if ip.version == 4 else 2, seen_as.port ^ COOKIE >> 16) + host
    attribute = struct.pack(">HH", XOR_MAPPED_ADDRESS, len(value)) + value
    reply = HEADER.pack(SUCCESS, len(attribute), COOKIE, transaction) + attribute
    return reply if len(reply) <= len(question) else Refusal.TOO_SHORT


def _unusable(attributes: bytes) -> Refusal | None:
    """What is wrong with the attributes of a question: they must be whole, and none of them asks for anything."""
    position = 0
    while position < len(attributes):
        kind, size = struct.unpack_from(">HH", attributes, position)
        position += 4 + size + -size % 4
        if position > len(attributes):
            return Refusal.MALFORMED
        if kind < OPTIONAL:
            return Refusal.UNKNOWN_ATTRIBUTE
    return None


class Stun:
    """Answers Binding requests at UDP sockets that serve something else too.

    Args:
        clock: the time.
    """

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._sites = Budgets(rate=RATE, burst=BURST)
        self._total = Budgets(rate=TOTAL_RATE, burst=TOTAL_BURST)
        self.answered = 0
        self.refusals: Counter[Refusal] = Counter()

    async def open_udp(self, protocol: asyncio.DatagramProtocol, address: Address) -> asyncio.DatagramTransport:
        """Bind a UDP socket, answer what is for us and hand the rest to `protocol`; OSError as for the directory's."""
        return await open_udp(_Shared(protocol, self), address)

    def take(self, question: bytes, seen_as: Address) -> bytes | None:
        """The answer to a question, None when it gets none."""
        now = self._clock.monotonic()
        site = _site(seen_as.host)
        if not (self._total.allows("", now=now) and self._sites.allows(site, now=now)):
            self.refusals[Refusal.TOO_OFTEN] += 1
            return None
        self._total.spend("", 1.0, now=now)
        self._sites.spend(site, 1.0, now=now)
        said = answer(question, seen_as)
        if isinstance(said, Refusal):
            self.refusals[said] += 1
            return None
        self.answered += 1
        return said


def _site(host: str) -> str:
    """Whom a question is counted for: an IPv4 address, or the /64 of an IPv6 one."""
    ip = ipaddress.ip_address(host)
    return host if ip.version == 4 else str(int(ip) >> 64)


class _Shared(asyncio.DatagramProtocol):
    """One socket for the directory and for STUN."""

    def __init__(self, directory: asyncio.DatagramProtocol, stun: Stun) -> None:
        self._directory, self._stun = directory, stun
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.DatagramTransport, transport)
        self._directory.connection_made(self._transport)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Take a datagram from anybody."""
        if not is_question(data):
            self._directory.datagram_received(data, addr)
        elif (said := self._stun.take(data, _unmapped(addr))) is not None:
            self._transport.sendto(said, addr)

    def error_received(self, exc: Exception) -> None:
        """An earlier datagram did not arrive, which nobody here waits for."""
        self._directory.error_received(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        self._directory.connection_lost(exc)


def _unmapped(addr: tuple[Any, ...]) -> Address:
    """Who asks, an IPv4 address as such even when an IPv6 socket shows it mapped, and without a zone."""
    ip = ipaddress.ip_address(str(addr[0]).partition("%")[0])
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return Address(str(mapped or ip), int(addr[1]))
