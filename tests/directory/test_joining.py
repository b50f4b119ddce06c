from __future__ import annotations

import random

from idas_p2p.directory.files import MAX_KNOWN_CONTACTS
from idas_p2p.directory.joining import Joiner
from idas_p2p.wire.address import Address, Contact
from tests.directory.network import QUICK, MemoryNetwork, key, nodes, peer, until
from tests.directory.test_server import serving
from tests.directory.virtual import LoopClock, in_virtual_time

NOBODY = Contact(Address("10.0.0.9", 9), key("nobody").node_id)


@in_virtual_time
async def test_a_node_joins_by_itself_when_its_contact_comes_up_later() -> None:
    network = MemoryNetwork()
    async with nodes(network.open, clock=LoopClock()) as group:
        late = Contact(Address("10.0.0.1", 700), key("late").node_id)
        early = await group.start("early", contacts=[late], host="10.0.0.1")
        assert not await early.wait_joined(30.0)
        await group.start("late", host="10.0.0.1", port=700)
        assert await early.wait_joined(10.0)
        assert early.contacts() == [late]


@in_virtual_time
async def test_a_contact_that_restarted_without_memory_learns_of_us_again() -> None:
    network = MemoryNetwork()
    async with nodes(network.open, clock=LoopClock()) as group:
        first = await group.start("first", host="10.0.0.1", port=700)
        other = await group.start("other", contacts=[group.running[first]], host="10.0.0.1")
        await until(lambda: first.status().joined)
        await group.stop(first)
        again = await group.start("first", host="10.0.0.1", port=700)
        assert await again.wait_joined(5.0)
        assert again.contacts() == [group.running[other]]


@in_virtual_time
async def test_a_node_notices_that_it_is_alone_and_joins_again() -> None:
    network = MemoryNetwork()
    async with nodes(network.open, clock=LoopClock()) as group:
        first = await group.start("first", host="10.0.0.1", port=700)
        other = await group.start("other", contacts=[group.running[first]], host="10.0.0.1")
        assert await other.wait_joined(5.0)
        await group.stop(first)
        await until(lambda: not other.status().joined, timeout=60.0)
        await group.start("first", host="10.0.0.1", port=700)
        assert await other.wait_joined(5.0)


@in_virtual_time
async def test_a_contact_with_another_key_than_named_is_not_joined() -> None:
    network = MemoryNetwork()
    async with nodes(network.open, clock=LoopClock()) as group:
        await group.start("impostor", host="10.0.0.1", port=700)
        named = Contact(Address("10.0.0.1", 700), key("someone else").node_id)
        other = await group.start("other", contacts=[named], host="10.0.0.1")
        assert not await other.wait_joined(10.0)


@in_virtual_time
async def test_nodes_that_join_at_the_same_moment_still_meet() -> None:
    network = MemoryNetwork(latency=lambda: 0.05)
    async with nodes(network.open, clock=LoopClock()) as group:
        first = await group.start("first", host="10.0.0.1", port=700)
        twins = [await group.start(n, contacts=[group.running[first]], host="10.0.0.1") for n in range(6)]
        await until(lambda: all(twin.status().contacts == 6 for twin in twins), timeout=10.0)


@in_virtual_time
async def test_host_names_that_do_not_resolve_cost_nothing_but_a_log_line() -> None:
    server = await serving(MemoryNetwork(), 1)
    joiner = Joiner(server, contacts=(), known=(), rng=random.Random(1), pace=QUICK)
    assert await joiner._peers(Contact(Address("name.invalid", 7), key("x").node_id)) == []
    assert await joiner._peers(Contact(Address("10.0.0.1", 7), server.node.node_id)) == []
    assert [p.endpoint for p in await joiner._peers(Contact(Address("localhost", 7), key("x").node_id))]


@in_virtual_time
async def test_known_contacts_are_bounded_and_newest_first() -> None:
    server = await serving(MemoryNetwork(), 1)
    joiner = Joiner(server, contacts=(), known=[NOBODY], rng=random.Random(1), pace=QUICK)
    for number in range(MAX_KNOWN_CONTACTS):
        joiner.came(peer(number))
    assert len(joiner.known) == MAX_KNOWN_CONTACTS
    assert joiner.known[0] == peer(MAX_KNOWN_CONTACTS - 1).contact
    assert NOBODY not in joiner.known
