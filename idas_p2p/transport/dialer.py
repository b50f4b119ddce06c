"""Reach a node at one of several addresses and open a channel to it.

Belongs here: addresses, names, deadlines and which failure to tell. Not here: the order of a race (race.py), the
handshake (secure.py). The race goes on until a node has proved that it is the one dialled, so that a stranger who has
the same private address elsewhere costs nothing; only the winner learns who dials.
Source: docs/spec/transport.md section 6.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from idas_p2p.crypto.handshake import Initiator
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.crypto.noise import Psk
from idas_p2p.errors import HandshakeFailed, IdasError, PeerUnreachable
from idas_p2p.transport.channel import Channel
from idas_p2p.transport.connection import Connection
from idas_p2p.transport.race import interleave, race
from idas_p2p.transport.secure import MAX_HANDSHAKE_FRAME, finish_dialling, prove_responder
from idas_p2p.transport.sockets import socket_address
from idas_p2p.wire.address import Address
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.ids import NodeId

MAX_CANDIDATES: Final = 16  # addresses tried for one node, and for one host name; ours: others' records name them


async def dial(
    identity: SigningKey,
    peer: NodeId,
    addresses: Sequence[Address],
    *,
    purpose: Purpose,
    psk: Psk,
    timeout: float,
) -> Channel:
    """Open a channel to `peer`.

    Args:
        identity: ours.
        peer: the node to reach; whoever else answers is passed over.
        addresses: where it may be, best first; IP addresses or host names.
        purpose: what the channel is for.
        psk: the pre-shared key both sides know.
        timeout: seconds for all of it.

    Raises:
        PeerUnreachable: no connection to any address, or no answer in time.
        HandshakeFailed: another node answers there, or this one does not accept us.
    """
    attempts = _Attempts(identity, peer, purpose, psk)
    try:
        async with asyncio.timeout(timeout):
            reached = await attempts.reach_any(addresses)
            try:
                return await finish_dialling(reached.connection, reached.initiator, path="direct")
            except BaseException:
                reached.abort()
                raise
    except TimeoutError:
        raise PeerUnreachable(f"{peer.short} did not answer within {timeout:g} seconds") from None


@dataclass(frozen=True, slots=True)
class _Reached:
    """A connection whose other end is the node dialled."""

    connection: Connection
    initiator: Initiator

    def abort(self) -> None:
        self.connection.abort()


@dataclass(frozen=True, slots=True)
class _Attempts:
    identity: SigningKey
    peer: NodeId
    purpose: Purpose
    psk: Psk = field(repr=False)

    async def reach_any(self, addresses: Sequence[Address]) -> _Reached:
        """Race the addresses until one has proved to be the peer."""
        usable = [address for address in addresses if address.port and not address.is_wildcard]
        if not usable:
            raise PeerUnreachable(f"no address of {self.peer.short} is known")
        try:
            return await race(interleave(usable)[:MAX_CANDIDATES], self._reach, discard=_Reached.abort)
        except ExceptionGroup as group:
            if any(not isinstance(error, IdasError) for error in group.exceptions):
                raise
            raise _verdict(group.exceptions) from None

    async def _reach(self, address: Address) -> _Reached:
        if not address.is_ip:
            return await self.reach_any(await _resolve(address))
        initiator = Initiator(self.identity, self.peer, self.purpose, self.psk, random_bytes=random_bytes)
        connection = await _connect(address)
        try:
            await prove_responder(connection, initiator)
        except BaseException:
            connection.abort()
            raise
        return _Reached(connection, initiator)


async def _connect(address: Address) -> Connection:
    loop = asyncio.get_running_loop()
    try:
        _, connection = await loop.create_connection(
            lambda: Connection(max_frame=MAX_HANDSHAKE_FRAME), address.host, address.port
        )
    except OSError as error:
        raise PeerUnreachable(f"{address}: {error.strerror or error}") from None
    return connection


async def _resolve(address: Address) -> list[Address]:
    """The IP addresses of a host name, in the order the resolver prefers (RFC 6724)."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise PeerUnreachable(f"{address}: no such host name") from None
    return [socket_address(name) for _, _, _, _, name in found]


def _verdict(failures: Sequence[Exception]) -> Exception:
    """The failure that tells most: a handshake that failed got further than a connection that did not come about."""
    return next((error for error in failures if isinstance(error, HandshakeFailed)), failures[0])
