"""A relay in this process, on loopback, and nodes around it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bootstrap.door import Door
from bootstrap.relay import Relay
from bootstrap.relay_settings import RelaySettings
from idas_p2p.clock import Clock, SystemClock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.directory.addresses import AddressPolicy
from idas_p2p.directory.carrier import Carrier
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.channel import Channel
from idas_p2p.transport.dialer import dial
from idas_p2p.transport.listener import Listener
from idas_p2p.transport.relay_link import RelayLink, open_link
from idas_p2p.transport.relayed import relay_rung
from idas_p2p.transport.reservation import Reservation
from idas_p2p.transport.way import DIRECT, Way
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.relay import RelayMessage, RelayOffer, Reserve, Reserved
from tests.transport.pairs import ALICE, BOB, PSK, echo, known_psk

LOOPBACK = Address("127.0.0.1", 0)
RELAY = SigningKey(b"\7" * 32)


@dataclass
class Relaying:
    """The relay and its port."""

    relay: Relay
    address: Address
    tasks: TaskOwner
    carrier: Carrier

    @property
    def contact(self) -> Contact:
        return Contact(self.address, self.relay._identity.node_id)

    async def link(self, identity: SigningKey) -> RelayLink:
        """An open link."""
        return await open_link(identity, self.contact.node_id, self.address)

    async def ask(self, identity: SigningKey, request: RelayMessage) -> RelayMessage:
        """The answer to one request on a link of its own."""
        link = await self.link(identity)
        try:
            link.send(request)
            return await link.receive()
        finally:
            link.abort()

    async def reserved(self, identity: SigningKey) -> tuple[RelayLink, RelayOffer]:
        """A link on which a node waits, and says nothing."""
        link = await self.link(identity)
        link.send(Reserve())
        answer = await link.receive()
        assert isinstance(answer, Reserved)
        relay = self.contact.node_id
        return link, RelayOffer(address=self.address, relay=relay, expires=answer.expires, signature=answer.signature)

    async def raw(self, data: bytes) -> bytes:
        """What is answered to some bytes on a fresh connection, until it is closed."""
        reader, writer = await asyncio.open_connection(self.address.host, self.address.port)
        try:
            writer.write(data)
            return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()


@asynccontextmanager
async def relaying(
    settings: RelaySettings | None = None,
    *,
    identity: SigningKey = RELAY,
    address: Address = LOOPBACK,
    clock: Clock | None = None,
    **door: Any,
) -> AsyncIterator[Relaying]:
    """A relay that runs; nothing of it is left behind."""
    policy, clock, tasks = AddressPolicy(allow_private=True), clock or SystemClock(), TaskOwner(limit=8)
    relay = Relay(identity, settings or RelaySettings(enabled=True), policy=policy, relays=frozenset(), clock=clock)
    carrier = Carrier(policy=policy, clock=clock, host=address.host)
    door_ = Door(carrier, relay, **door)
    bound = await door_.start(address)
    tasks.start("relay", relay.run())
    try:
        yield Relaying(relay, bound, tasks, carrier)
    finally:
        await relay.drain()
        door_.stop()
        await carrier.stop()
        await tasks.stop()
        await until(lambda: not len(relay) and not relay._splices)


@asynccontextmanager
async def waiting(
    contact: Contact, identity: SigningKey = BOB, *, on_channel: Callable[[Channel], Any] = echo, **options: Any
) -> AsyncIterator[Reservation]:
    """A node that listens at no port: it can be reached through the relay only."""
    owner, tasks = TaskOwner(limit=64), TaskOwner(limit=4)
    listener = Listener(identity, find_psk=known_psk, on_channel=on_channel, admits=lambda *_: True, owner=owner)
    changed = asyncio.Event()
    reservation = Reservation(
        identity,
        contact,
        take=lambda connection, path: listener.take(connection, path=path),
        on_changed=changed.set,
        clock=SystemClock(),
        **options,
    )
    tasks.start("reservation", reservation.hold())
    async with asyncio.timeout(10):
        await changed.wait()
    try:
        yield reservation
    finally:
        await tasks.stop()
        await listener.stop()
        await owner.stop()


async def dial_through(
    *offers: RelayOffer, identity: SigningKey = ALICE, peer: NodeId = BOB.node_id, way: Way = DIRECT
) -> Channel:
    """A channel to a node that has no address."""
    rung = relay_rung(identity, peer, offers, way=way)
    return await dial(identity, peer, (), purpose=Purpose.IMAGE, psk=PSK, timeout=10.0, rungs=(rung,))


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is true; the test's own timeout bounds it."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # what is waited for has no event to wait on
            await asyncio.sleep(0.005)
