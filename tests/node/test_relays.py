"""At which relays a node waits, and that it is reached there end to end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.relay_settings import RelaySettings
from idas_p2p.clock import Clock, SystemClock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.node.node import Node
from idas_p2p.node.relays import FIRST_RETRY, LAST_RETRY, Relays
from idas_p2p.node.views import peers, transfers
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.instance import Instance, Selection
from idas_p2p.wire.relay import RelayRefusal
from tests.bootstrap.relaying import Relaying, relaying
from tests.directory.network import ManualClock
from tests.node.nodes import STUDY, data_of, fill, join, make_config, retrieve, running, share, until
from tests.transport.test_dialer import closed_port
from tests.transport.test_moving import relayed

OURS = SigningKey(b"\1" * 32)


@asynccontextmanager
async def several(count: int) -> AsyncIterator[list[Relaying]]:
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(relaying(identity=SigningKey(bytes([100 + number]) * 32)))
            for number in range(count)
        ]


@asynccontextmanager
async def waiting_at(contacts: list[Contact], clock: Clock) -> AsyncIterator[Relays]:
    relays = Relays(OURS, lambda: contacts, take=lambda *_: None, clock=clock)
    await relays.turn()
    yield relays
    await relays.stop()


async def test_two_relays_are_kept_of_many_and_another_takes_the_place_of_one_that_is_gone() -> None:
    clock = ManualClock()
    async with several(3) as relays, waiting_at([relay.contact for relay in relays], clock) as ours:
        await until(lambda: sum(len(relay.relay.reservations) for relay in relays) == 3)
        await until(lambda: len(ours.offers()) == 2)
        await ours.turn()
        await until(lambda: sum(len(relay.relay.reservations) for relay in relays) == 2)
        await ours.turn()
        gone = next(relay for relay in relays if len(relay.relay.reservations))
        for link in gone.relay.reservations.links():
            link.transport.abort()
        gone.relay.reservations.is_draining = True
        await until(lambda: len(ours.offers()) == 1)
        await ours.turn()
        await until(lambda: len(ours.offers()) == 2)
        assert gone.contact.node_id not in {offer.relay for offer in ours.offers()}


async def test_of_many_relays_the_nearest_are_kept_and_the_nearest_of_them_is_named_first() -> None:
    async with AsyncExitStack() as stack:
        relays = await stack.enter_async_context(several(4))
        contacts = []
        for relay, delay in zip(relays, (0.09, 0.03, 0.06, 0.0), strict=True):
            _, through = await stack.enter_async_context(relayed(relay.address, delay=delay))
            contacts.append(Contact(through, relay.contact.node_id))
        ours = await stack.enter_async_context(waiting_at(contacts, SystemClock()))
        await until(lambda: len(ours._held()) == 4)
        assert [offer.relay for offer in ours.offers()] == [contacts[3].node_id, contacts[1].node_id]
        await ours.turn()
        await until(lambda: [len(relay.relay.reservations) for relay in relays] == [0, 1, 0, 1])


async def test_a_change_of_network_has_every_relay_asked_anew() -> None:
    clock = ManualClock()
    async with several(3) as relays, waiting_at([relay.contact for relay in relays], clock) as ours:
        await until(lambda: len(ours._held()) == 3)
        await ours.turn()
        await until(lambda: len(ours._held()) == 2)
        await ours.turn()
        assert sum(place.task is not None for place in ours._places.values()) == 2
        ours.check(["127.0.0.1"])
        await ours.turn()
        await until(lambda: len(ours._held()) == 3)


async def test_where_the_address_is_gone_that_a_relay_was_reached_from_it_is_asked_again_at_once() -> None:
    clock = ManualClock()
    async with relaying() as relay, waiting_at([relay.contact], clock) as ours:
        await until(lambda: len(ours.offers()) == 1)
        await ours.turn()
        (place,) = ours._places.values()
        ours.check(["192.0.2.1"])
        await until(lambda: place.task is not None and place.task.done())
        await ours.turn()
        await until(lambda: len(ours.offers()) == 1)
        assert relay.relay.reservations.granted == 2


async def test_who_relays_through_one_that_stops_is_told_all_its_addresses() -> None:
    told = list[set[Address]]()
    async with relaying() as relay:
        named = Contact(Address("relay.example", 443), relay.contact.node_id)
        async with waiting_at([relay.contact, named], ManualClock()) as ours:
            ours.on_leaving.append(lambda relays: told.append(set(relays)))
            await until(lambda: len(ours.offers()) == 1)
            await relay.relay.drain()
            await until(lambda: bool(told))
            assert told == [{relay.address, named.address}]


async def test_a_bootstrap_node_that_does_not_relay_is_asked_again_later_each_time() -> None:
    clock = ManualClock()
    nobody = Contact(closed_port(), SigningKey(b"\2" * 32).node_id)
    async with waiting_at([Contact(closed_port(), OURS.node_id), nobody], clock) as ours:
        (place,) = ours._places.values()  # it does not wait at itself
        for retry in (FIRST_RETRY, 2 * FIRST_RETRY):
            await until(lambda: place.task is not None and place.task.done())
            await ours.turn()
            assert place.task is None
            assert place.due == clock.seconds + retry
            clock.seconds += retry
            await ours.turn()
        assert place.retry <= LAST_RETRY


async def test_a_relay_that_cannot_be_reached_at_one_address_is_asked_at_another() -> None:
    clock = ManualClock()
    async with relaying() as relay:
        blocked = Contact(closed_port(), relay.contact.node_id)
        async with waiting_at([blocked, relay.contact], clock) as ours:
            (place,) = ours._places.values()
            await until(lambda: place.task is not None and place.task.done())
            await ours.turn()
            clock.seconds += FIRST_RETRY
            await ours.turn()
            await until(lambda: len(ours.offers()) == 1)
            assert ours.offers()[0].address == relay.contact.address


@asynccontextmanager
async def walled_pair(tmp_path: Path, *contacts: Contact) -> AsyncIterator[tuple[Node, Node]]:
    """ANNA, whom nobody can dial, and BERG, who joined her federation all the same."""
    anna_config, berg_config = (replace(make_config(tmp_path, name), bootstrap=contacts) for name in ("anna", "berg"))
    async with running(replace(anna_config, advertise=(closed_port(),))) as anna, running(berg_config) as berg:
        anna.directory.add_contact(Contact(berg.network_address, berg.identity.node_id))
        await until(lambda: anna.directory.status().contacts > 0 and berg.directory.status().contacts > 0)
        await until(lambda: len(anna.whereabouts.relays.offers()) == len(contacts))
        await anna.node_record.turn()
        berg.links._openers = ()  # images shall go through the relay too
        anna.membership.create("Lake Region")
        await join(berg, anna)
        await share(anna)
        yield anna, berg


async def test_a_study_of_a_node_nobody_can_dial_arrives_and_the_path_and_why_are_told(tmp_path: Path) -> None:
    async with relaying() as relay, walled_pair(tmp_path, relay.contact) as (anna, berg):
        stored = await fill(anna, size=50_000)
        assert data_of(await retrieve(berg)) == stored
        (peer,) = peers(berg)["peers"]
        assert (peer["state"], peer["path"]) == ("connected", "relay")
        assert "refused" in peer["detours"]["direct"].lower()
        assert relay.relay.carried + sum(s.session.carried for s in relay.relay._splices.values()) > 200_000


async def test_a_transfer_goes_on_over_the_other_relay_when_one_is_killed(tmp_path: Path) -> None:
    async with several(2) as relays, walled_pair(tmp_path, *(relay.contact for relay in relays)) as (anna, berg):
        stored = await fill(anna, instances=6, size=2_000_000, is_noise=True)
        came: dict[str, bytes] = {}
        async for event in berg.retriever.retrieve("", [Selection(study_uid=STUDY)]):
            if isinstance(event, Instance):
                came[event.sop_instance_uid] = event.data.read()
                if len(came) == 1:
                    kill(max(relays, key=lambda relay: len(relay.relay._splices)))
        assert came == stored


async def test_a_transfer_leaves_a_relay_that_is_told_to_stop_before_it_is_cut_and_nothing_is_sent_twice(
    tmp_path: Path,
) -> None:
    async with several(2) as relays, walled_pair(tmp_path, *(relay.contact for relay in relays)) as (anna, berg):
        stored = await fill(anna, instances=6, size=2_000_000, is_noise=True)
        came: dict[str, bytes] = {}
        draining: asyncio.Task[None] | None = None
        events = berg.retriever.retrieve("", [Selection(study_uid=STUDY)])
        async for event in events:
            if isinstance(event, Instance):
                came[event.sop_instance_uid] = event.data.read()
                if draining is None:
                    left = max(relays, key=lambda relay: len(relay.relay._splices))
                    (other,) = (relay for relay in relays if relay is not left)
                    draining = asyncio.create_task(left.relay.drain())  # noqa: TID251
        assert came == stored
        assert draining is not None
        await draining  # it ends once every stream has left, control links too
        assert other.relay._splices
        (ours,), (theirs,) = transfers(berg)["transfers"], transfers(anna)["transfers"]
        assert ours["wire_bytes"] < 1.05 * sum(map(len, stored.values()))
        assert ours["wire_bytes"] - theirs["wire_bytes"] < 10_000


def kill(relay: Relaying) -> None:
    """What others see of a relay that dies."""
    relay.relay.reservations.is_draining = True
    for splice in list(relay.relay._splices.values()):
        splice.abort()
    for link in list(relay.relay._links):
        link.transport.abort()


async def test_a_node_that_may_not_use_relays_neither_waits_at_one_nor_dials_through_one(tmp_path: Path) -> None:
    async with relaying() as relay:
        config = replace(make_config(tmp_path, "anna"), bootstrap=(relay.contact,), relay=False)
        async with running(config) as anna:
            await anna.whereabouts.relays.turn()
            assert (anna.whereabouts.relays.offers(), len(relay.relay)) == ((), 0)
            assert await anna.links.rungs(OURS.node_id) == ()


async def test_a_relay_of_a_federation_serves_its_members_and_lets_go_of_one_that_was_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bootstrap.guests.GRACE", 0.0)
    monkeypatch.setattr("idas_p2p.transport.reservation.PING_INTERVAL", 0.05)
    configs = [make_config(tmp_path, name) for name in ("anna", "berg")]
    admin = SigningKey.load(configs[0].key_path).node_id
    async with relaying(RelaySettings(enabled=True, federations=frozenset({admin}))) as relay:
        anna_config, berg_config = (replace(config, bootstrap=(relay.contact,)) for config in configs)
        async with running(anna_config) as anna, running(berg_config) as berg:
            await until(lambda: relay.relay.reservations.refusals[RelayRefusal.MEMBERS_ONLY] >= 2)
            assert len(relay.relay.reservations) == 0
            anna.directory.add_contact(Contact(berg.network_address, berg.identity.node_id))
            await until(lambda: anna.directory.status().contacts > 0 and berg.directory.status().contacts > 0)
            anna.membership.create("Lake Region")
            await join(berg, anna)
            await until(lambda: len(relay.relay.reservations) == 2)
            anna.membership.remove("berg Hospital")
            await until(lambda: relay.relay.reservations.refusals[RelayRefusal.MEMBERSHIP_ENDED] > 0)
            await until(lambda: list(relay.relay.reservations._places) == [anna.identity.node_id])
