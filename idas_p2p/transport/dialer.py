"""Reach a node at one of several addresses and open a channel to it.

Belongs here: addresses, names and the deadline. Not here: other kinds of path (rungs.py), the order of a race
(race.py), the handshake (secure.py). The race goes on until a node has proved that it is the one dialled, so that a
stranger who has the same private address elsewhere costs nothing; only the winner learns who dials.
Source: docs/spec/transport.md section 6.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from idas_p2p.crypto.handshake import Initiator
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.crypto.noise import Psk
from idas_p2p.errors import PeerUnreachable
from idas_p2p.transport.connection import Connection
from idas_p2p.transport.race import interleave, race
from idas_p2p.transport.rungs import OnFailed, Prove, Reached, Rung, climb, verdict
from idas_p2p.transport.secure import SecureChannel, finish_dialling, prove_responder
from idas_p2p.transport.way import DIRECT, Way
from idas_p2p.wire.address import Address
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.ids import NodeId

DIRECT_PATH: Final = "direct"
MAX_CANDIDATES: Final = 16  # addresses tried for one node, and for one host name; ours: others' records name them
DIRECT_HEAD_START: Final = (
    0.3  # seconds the addresses have before other kinds of path begin; ours: a round trip and more
)


async def dial(
    identity: SigningKey,
    peer: NodeId,
    addresses: Sequence[Address],
    *,
    purpose: Purpose,
    psk: Psk,
    timeout: float,
    rungs: Sequence[Rung] = (),
    on_failed: OnFailed = lambda path, error: None,
    way: Way = DIRECT,
) -> SecureChannel:
    """Open a channel to `peer`.

    Args:
        identity: ours.
        peer: the node to reach; whoever else answers is passed over.
        addresses: where it may be, best first; IP addresses or host names.
        purpose: what the channel is for.
        psk: the pre-shared key both sides know.
        timeout: seconds for all of it.
        rungs: other kinds of path, best first; they begin DIRECT_HEAD_START after the addresses.
        on_failed: told of each kind of path that did not reach the node, and why.
        way: how connections leave this machine.

    Raises:
        PeerUnreachable: no connection to any address, or no answer in time.
        HandshakeFailed: another node answers there, or this one does not accept us.
    """

    async def prove(connection: Connection) -> Reached:
        try:
            initiator = Initiator(identity, peer, purpose, psk, random_bytes=random_bytes)
            await prove_responder(connection, initiator)
        except BaseException:
            connection.abort()
            raise
        return Reached(connection, initiator)

    try:
        async with asyncio.timeout(timeout):
            direct = direct_rung(peer, addresses, timeout=timeout, way=way)
            rung, reached = await climb((direct, *rungs), prove, on_failed=on_failed)
            try:
                return await finish_dialling(reached.connection, reached.initiator, path=rung.path)
            except BaseException:
                reached.abort()
                raise
    except TimeoutError:
        raise PeerUnreachable(f"{peer.short} did not answer within {timeout:g} seconds") from None


def direct_rung(peer: NodeId, addresses: Sequence[Address], *, timeout: float, way: Way = DIRECT) -> Rung:
    """The node's own addresses, raced as RFC 8305 has it."""
    usable = [address for address in addresses if address.port and not address.is_wildcard]

    async def reach(prove: Prove) -> Reached:
        if not usable:
            raise PeerUnreachable(f"no address of {peer.short} is known")
        return await _reach_any(usable, prove, way)

    return Rung(path=DIRECT_PATH, reach=reach, head_start=DIRECT_HEAD_START, timeout=timeout)


async def _reach_any(addresses: Sequence[Address], prove: Prove, way: Way) -> Reached:
    """Race the addresses until the peer has proved itself at one."""

    async def attempt(address: Address) -> Reached:
        found = [address] if address.is_ip else await way.resolve(address)
        if found != [address]:
            return await _reach_any(found, prove, way)
        return await prove(await way.connect(address))

    try:
        return await race(interleave(addresses)[:MAX_CANDIDATES], attempt, discard=Reached.abort)
    except ExceptionGroup as group:
        raise verdict(group) from None
