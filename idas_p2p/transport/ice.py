"""Find a way for datagrams between two nodes, through the routers of both: ICE, by aioice within bounds of ours.

Belongs here: sockets, candidates, checks, and which datagrams are let through. Not here: what is in them
(data_channel.py), how the two sides tell each other their terms (node/webrtc.py).
aioice by itself opens a socket on every interface, looks names up, keeps any number of datagrams and of addresses that
a peer's checks came from, and lets a malformed attribute of a stranger's datagram end in an exception.
Source: RFC 8445, RFC 8489; docs/spec/transport.md section 12.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Collection, Sequence
from typing import Any, Final

from aioice import Candidate, Connection, stun
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import CandidatePair, StunProtocol

from idas_p2p.errors import PeerUnreachable
from idas_p2p.transport.race import race
from idas_p2p.transport.sockets import socket_address
from idas_p2p.wire.address import Address
from idas_p2p.wire.ice import MAX_CANDIDATES, OF_HOST, REFLEXIVE, IceCandidate

logging.getLogger("aioice").setLevel(logging.CRITICAL)  # its words go around events.py

MAX_HOSTS: Final = 3  # sockets; ours: one for each address of this machine that is of use
MAX_REMOTE: Final = 16  # addresses of the peer, those included that its checks came from; ours, 8 are told
MAX_WAITING: Final = 1_024  # datagrams not yet looked at; ours: 1.5 MB, UDP may drop the rest
SOCKET_BUFFER: Final = 1_048_576  # bytes asked of the kernel each way; ours: what may be on its way at once
GATHER_TIMEOUT: Final = 0.6  # seconds for the STUN servers; ours: a question and its repetition after 0.5 s
NEXT_SERVER: Final = 0.15  # seconds until another server is asked beside the first; ours
DTLS: Final = range(20, 64)  # first byte of a datagram; RFC 7983 section 7
PADDING: Final = "idas_p2p".ljust(24)  # so that a question is larger than its answer: bootstrap/stun.py
State: Final = CandidatePair.State
_KINDS: Final = {OF_HOST: "host", REFLEXIVE: "srflx"}


class IceAgent(Connection):  # type: ignore[misc]  # aioice is not looked into
    """One side of a way by UDP.

    Args:
        controlling: whether we asked for it.
        hosts: IP addresses of this machine at which to open sockets, best first.
        told: those of them that others may be told; what a STUN server sees they may be told anyway.
        servers: STUN servers, IP addresses and ports.
    """

    def __init__(
        self, *, controlling: bool, hosts: Sequence[str], told: Collection[str], servers: Sequence[Address]
    ) -> None:
        super().__init__(ice_controlling=controlling)
        self._hosts, self._told, self._servers = hosts[:MAX_HOSTS], set(told), servers
        self._repeated: set[CandidatePair] = set()
        self.remote = Address("0.0.0.0", 0)  # noqa: S104  # until there is a way

    async def gather(self) -> tuple[IceCandidate, ...]:
        """Open the sockets and ask the STUN servers; returns what to tell the other side, best first.

        Raises:
            PeerUnreachable: this machine gives no socket.
        """
        await self.gather_candidates()
        if not self._protocols:
            raise PeerUnreachable("no UDP socket at any address of this machine")
        found = self.local_candidates
        return tuple(
            dict.fromkeys(
                IceCandidate(kind, Address(one.host, one.port))
                for kind, name in _KINDS.items()
                for one in found
                if one.type == name and (kind == REFLEXIVE or one.host in self._told)
            )
        )[:MAX_CANDIDATES]

    async def reach(self, user: str, password: str, candidates: Sequence[IceCandidate]) -> None:
        """Check the ways to the other side; returns when one is agreed on. The caller sets the deadline.

        Raises:
            PeerUnreachable: none leads there.
        """
        ours = {":" in protocol.local_candidate.host for protocol in self._protocols}
        if candidates and ours.isdisjoint(":" in one.address.host for one in candidates):
            raise PeerUnreachable("one node has only IPv4, the other only IPv6")
        self.remote_username, self.remote_password = user, password
        for place, one in enumerate(candidates):
            await self.add_remote_candidate(_candidate(_KINDS[one.kind], one.address, place))
        await self.add_remote_candidate(None)
        try:
            await self.connect()
        except ConnectionError:
            raise PeerUnreachable("no datagram of ours is answered") from None
        if (pair := self._nominated.get(1)) is None:
            raise PeerUnreachable("given up")
        self.remote = Address(*pair.remote_addr)

    # What aioice does otherwise.

    async def get_component_candidates(self, component: int, addresses: object, timeout: int = 0) -> list[Candidate]:
        """Candidates at our hosts, and what the STUN servers see; `addresses` are those of all interfaces."""
        protocols = [protocol for host in self._hosts if (protocol := await self._open(host)) is not None]
        self._protocols += protocols
        found = [protocol.local_candidate for protocol in protocols]
        try:
            async with asyncio.timeout(GATHER_TIMEOUT), asyncio.TaskGroup() as group:
                for protocol in protocols:
                    group.create_task(self._ask(protocol, found))
        except TimeoutError:
            pass  # what is known is enough
        return found

    async def _open(self, host: str) -> Protocol | None:
        loop = asyncio.get_running_loop()
        try:
            transport, protocol = await loop.create_datagram_endpoint(lambda: Protocol(self), local_addr=(host, 0))
        except OSError:
            return None
        _enlarge(transport)
        protocol.local_candidate = _candidate("host", socket_address(transport.get_extra_info("sockname")), 0)
        return protocol

    async def _ask(self, protocol: Protocol, found: list[Candidate]) -> None:
        """Add to what was found how the first STUN server to answer sees a socket."""
        own: Candidate = protocol.local_candidate
        servers = [server for server in self._servers if (":" in server.host) == (":" in own.host)]
        if not servers:
            return

        async def ask(server: Address) -> tuple[str, int]:
            question = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, attributes={"SOFTWARE": PADDING})
            try:
                said, _ = await protocol.request(question, (server.host, server.port), retransmissions=1)
                host, port = said.attributes["XOR-MAPPED-ADDRESS"]
            except (stun.TransactionError, KeyError):
                raise PeerUnreachable("no STUN server answers") from None
            return str(host), int(port)

        try:
            host, port = await race(servers, ask, discard=lambda _: None, delay=lambda _: NEXT_SERVER)
        except ExceptionGroup:
            return
        if (host, port) == (own.host, own.port):
            self._told.add(host)  # it is seen there
        elif port:
            found.append(_candidate("srflx", Address(host, port), 0, base=own))

    def data_received(self, data: bytes, component: int) -> None:
        """Let a datagram of DTLS through, as many as can wait; there is nothing else on this way."""
        if data and data[0] in DTLS and self._queue.qsize() < MAX_WAITING:
            super().data_received(data, component)

    def check_incoming(self, message: stun.Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
        """Take a check of the peer's, from one of a few addresses: we shall send checks there too."""
        known = [one for one in self._remote_candidates if (one.host, one.port) == addr]
        if not known and (len(self._remote_candidates) >= MAX_REMOTE or "PRIORITY" not in message.attributes):
            return
        self._check_again(
            [pair for pair in self._check_list if pair.protocol is protocol and pair.remote_candidate in known]
        )
        super().check_incoming(message, addr, protocol)

    def _check_again(self, pairs: Sequence[CandidatePair]) -> None:
        """Have our check repeated at once, as RFC 8445 7.3.1.4 has it: their router dropped it before theirs passed it.

        Once for each pair: two sides that repeat whenever they hear the other would never end.
        """
        for pair in pairs:
            if pair.state is State.IN_PROGRESS and pair not in self._repeated:
                self._repeated.add(pair)
                if pair.task is not None:
                    pair.task.cancel()
                pair.task, pair.state = None, State.WAITING


class Protocol(StunProtocol):  # type: ignore[misc]  # aioice is not looked into
    """A socket of an agent."""

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Take a datagram from anybody; what cannot be read is dropped."""
        try:
            super().datagram_received(data, addr)
        except (struct.error, ValueError, KeyError, TypeError):
            return


def _candidate(kind: str, address: Address, place: int, *, base: Candidate | None = None) -> Candidate:
    """A candidate for aioice; the earlier it is named among its kind the better."""
    return Candidate(
        foundation=candidate_foundation(kind, "udp", address.host),
        component=1,
        transport="udp",
        priority=candidate_priority(1, kind, 65_535 - place),
        host=address.host,
        port=address.port,
        type=kind,
        related_address=base.host if base else None,
        related_port=base.port if base else None,
    )


def _enlarge(transport: asyncio.DatagramTransport) -> None:
    """Ask for large buffers; the kernel gives what it is set to give."""
    sock = transport.get_extra_info("socket")
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        sock.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER)
