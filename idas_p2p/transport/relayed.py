"""Reach a node through a relay, and answer when a relay says that somebody wants to reach us.

Belongs here: the rung of the ladder, and the answer. Not here: keeping a reservation (reservation.py), the relay itself
(bootstrap/). What the relay carries is the ordinary handshake of two nodes and their sealed stream: it reads nothing.
Source: docs/spec/relay.md section 5.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import BadSignature, PeerUnreachable, WireError
from idas_p2p.transport.connection import Connection
from idas_p2p.transport.race import race
from idas_p2p.transport.relay_link import open_link
from idas_p2p.transport.rungs import Prove, Reached, Rung, verdict
from idas_p2p.transport.way import DIRECT, Way
from idas_p2p.wire.address import Address
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.relay import ANSWER_GREETING, Connect, Connected, Refused, RelayOffer

RELAY_PATH: Final = "relay"
NEXT_RELAY: Final = 0.8  # seconds until the node's next relay is tried beside the first; ours: four long round trips
RELAY_TIMEOUT: Final = 4.0  # seconds for all of the node's relays; ours

Offers = Sequence[RelayOffer]
Renew = Callable[[], Awaitable[Offers]]


def relay_rung(
    identity: SigningKey,
    peer: NodeId,
    offers: Offers,
    *,
    renew: Renew | None = None,
    head_start: float = 1.0,
    way: Way = DIRECT,
) -> Rung:
    """The relays at which a node waits, raced a little apart.

    Args:
        identity: ours.
        peer: the node to reach.
        offers: of its record, best first.
        renew: reads the record again, for when none of them is of use: the node may wait elsewhere by now.
        head_start: seconds until a rung behind this one begins.
        way: how connections leave this machine.
    """

    async def reach(prove: Prove) -> Reached:
        try:
            return await _reach_through(identity, peer, offers, prove, way)
        except PeerUnreachable:
            newer = await renew() if renew is not None else ()
            if not newer or tuple(newer) == tuple(offers):
                raise
        return await _reach_through(identity, peer, newer, prove, way)

    return Rung(path=RELAY_PATH, reach=reach, head_start=head_start, timeout=RELAY_TIMEOUT)


async def _reach_through(identity: SigningKey, peer: NodeId, offers: Offers, prove: Prove, way: Way) -> Reached:
    if not offers:
        raise PeerUnreachable(f"{peer.short} waits at no relay")

    async def attempt(offer: RelayOffer) -> Reached:
        return await prove(await connect_through(identity, peer, offer, way=way))

    try:
        return await race(offers, attempt, discard=Reached.abort, delay=lambda _: NEXT_RELAY)
    except ExceptionGroup as group:
        raise verdict(group) from None


async def connect_through(identity: SigningKey, peer: NodeId, offer: RelayOffer, *, way: Way = DIRECT) -> Connection:
    """Have a relay connect us; the caller sets the deadline.

    Raises:
        PeerUnreachable: the relay refuses; its reason is in the text.
        HandshakeFailed: something else answers there.
    """
    link = await open_link(identity, offer.relay, offer.address, way=way)
    try:
        link.send(Connect(target=peer.raw, expires=offer.expires, signature=offer.signature))
        answer = await link.receive()
    except (BadSignature, WireError):
        link.abort()
        raise PeerUnreachable(f"relay {offer.relay.short}: it broke the protocol") from None
    except BaseException:
        link.abort()
        raise
    if isinstance(answer, Connected):
        return link.handed_over()
    link.abort()
    reason = answer.reason if isinstance(answer, Refused) else "unexpected answer"
    raise PeerUnreachable(f"relay {offer.relay.short}: {reason}")


async def answer(relay: Address, nonce: bytes, *, timeout: float, way: Way = DIRECT) -> Connection:
    """Open the connection on which a dialer waits for us behind a relay.

    Raises:
        PeerUnreachable: it does not come about in time.
    """
    try:
        async with asyncio.timeout(timeout):
            connection = await way.connect(relay)
    except TimeoutError:
        raise PeerUnreachable(f"{relay}: no answer within {timeout:g} seconds") from None
    connection.write_raw(ANSWER_GREETING + nonce)
    return connection
