from __future__ import annotations

import random
import statistics
from collections.abc import Sequence

from kademlia.node import Node

from idas_p2p.directory import crawling
from idas_p2p.directory.crawling import NodeCrawl, ValueCrawl
from idas_p2p.directory.merging import MergedSlots
from idas_p2p.directory.peers import Peer
from idas_p2p.directory.protocol import DirectoryProtocol
from idas_p2p.wire.address import Address
from idas_p2p.wire.rpc import FindNode, Nodes, Values
from tests.directory.network import MemoryNetwork, bare_protocol, key, peer, record
from tests.directory.virtual import LoopClock, in_virtual_time


async def network_of(count: int, *, seed: int = 1) -> tuple[MemoryNetwork, list[DirectoryProtocol], list[Peer]]:
    """Nodes 50 to 150 ms apart that each know the others as far as their buckets hold them."""
    rng = random.Random(seed)
    network = MemoryNetwork(latency=lambda: rng.uniform(0.025, 0.075))
    protocols, peers = [], []
    for number in range(count):
        protocol = bare_protocol(number, clock=LoopClock())
        await network.open(protocol, Address("10.0.0.1", number + 1))
        protocols.append(protocol)
        peers.append(Peer(key(number).node_id, ("10.0.0.1", number + 1)))
    for protocol in protocols:
        for one in rng.sample(peers, count):
            protocol.router.add_contact(one)
    return network, protocols, peers


def true_nearest(peers: Sequence[Peer], target: Node, k: int = 8) -> list[Peer]:
    return sorted(peers, key=target.distance_to)[:k]


def kill(network: MemoryNetwork, peers: Sequence[Peer], share: float) -> list[Peer]:
    """Silence a share of the nodes at once; returns those left."""
    dead = random.Random(2).sample(list(peers[1:]), int(share * len(peers)))
    for one in dead:
        del network.protocols[one.endpoint]
    return [one for one in peers if one not in dead]


def crawl(protocol: DirectoryProtocol, target: Node) -> NodeCrawl:
    return NodeCrawl(protocol, target, protocol.router.find_neighbors(target, 16), 8, 5)


@in_virtual_time
async def test_limit_8_a_lookup_finds_the_exact_k_nearest() -> None:
    _, protocols, peers = await network_of(120)
    for number in range(20):
        target = Node(key(f"target {number}").node_id.kademlia_id)
        assert await crawl(protocols[0], target).find() == true_nearest(peers[1:], target)


@in_virtual_time
async def test_limit_16_dead_nodes_do_not_hold_up_a_lookup() -> None:
    network, protocols, peers = await network_of(120)
    alive = kill(network, peers, 0.3)
    exact, seconds = 0, []
    for number in range(20):
        target = Node(key(f"target {number}").node_id.kademlia_id)
        started = LoopClock().monotonic()
        found = await crawl(protocols[0], target).find()
        seconds.append(LoopClock().monotonic() - started)
        exact += found == true_nearest(alive[1:], target)
    assert exact == 20
    assert statistics.median(seconds) < 1.0  # the stock library needs 5 seconds


@in_virtual_time
async def test_limit_26_liars_end_no_lookup() -> None:
    _, protocols, peers = await network_of(60)
    for protocol in protocols[1:7]:
        protocol.rpc_find_node = lambda sender, request: Nodes(  # type: ignore[method-assign]
            contacts=tuple(peer(f"lie {sender.endpoint} {n}", host="10.9.9.9", port=1).to_wire() for n in range(8))
        )
    target = Node(key("target").node_id.kademlia_id)
    found = await crawl(protocols[0], target).find()
    assert len(set(found) & set(true_nearest(peers[1:], target))) >= 7


@in_virtual_time
async def test_a_network_of_liars_ends_a_lookup_at_its_bound() -> None:
    network = MemoryNetwork()
    me, liar = bare_protocol("me", clock=LoopClock()), bare_protocol("liar", clock=LoopClock())
    await network.open(me, Address("10.0.0.1", 1))
    await network.open(liar, Address("10.0.0.1", 2))
    made = 0

    def lie(sender: Peer, request: FindNode) -> Nodes:
        nonlocal made
        made += 8
        return Nodes(contacts=tuple(peer(f"lie {made + n}", host="10.9.9.9", port=1).to_wire() for n in range(8)))

    liar.rpc_find_node = lie  # type: ignore[method-assign]
    one = NodeCrawl(me, Node(bytes(20)), [Peer(key("liar").node_id, ("10.0.0.1", 2))], 8, 5)
    assert [p.node_id for p in await one.find()] == [key("liar").node_id]
    assert one.questions <= crawling.MAX_QUESTIONS


def values(protocol: DirectoryProtocol, name: str, slots: MergedSlots, *, quorum: int) -> ValueCrawl:
    target = Node(record(name, now=LoopClock().now()).key)
    start = protocol.router.find_neighbors(target, 16)
    return ValueCrawl(protocol, target, start, 8, replicas=12, slots=slots, own=(), quorum=quorum)


@in_virtual_time
async def test_limit_6_a_read_merges_holders_and_the_newest_wins_over_a_stale_majority() -> None:
    _, protocols, peers = await network_of(40)
    old = record("here", now=LoopClock().now())
    new = record("here", payload=b"new", now=LoopClock().now() + 1)
    holders = true_nearest(peers[1:], Node(old.key))
    for one in holders:
        protocols[peers.index(one)].storage.offer((new if one == holders[-1] else old).to_bytes())
    slots = MergedSlots(old.key, now=LoopClock().now())
    await values(protocols[0], "here", slots, quorum=8).find()
    assert slots.records() == [new]


@in_virtual_time
async def test_more_slots_than_fit_a_datagram_are_read_page_by_page() -> None:
    _, protocols, _ = await network_of(9)
    written = [record("here", writer, bytes(300), now=LoopClock().now()) for writer in range(40)]
    for held in written:
        protocols[3].storage.offer(held.to_bytes())
    slots = MergedSlots(written[0].key, now=LoopClock().now())
    await values(protocols[0], "here", slots, quorum=8).find()
    assert slots.records() == sorted(written, key=lambda r: r.writer)


@in_virtual_time
async def test_a_holder_that_never_ends_its_pages_is_left() -> None:
    _, protocols, _ = await network_of(5)
    stale = record("here", now=LoopClock().now() - 9_000, lifetime=10)
    for protocol in protocols[1:]:
        protocol.rpc_find_value = lambda sender, request: Values(  # type: ignore[method-assign]
            records=(stale.to_bytes(),), more=True, contacts=()
        )
    slots = MergedSlots(stale.key, now=LoopClock().now())
    await values(protocols[0], "here", slots, quorum=3).find()
    assert slots.records() == []


@in_virtual_time
async def test_a_read_prefers_holders_with_whom_it_has_a_session() -> None:
    network, protocols, peers = await network_of(30)
    me = protocols[0]
    held = record("here", now=LoopClock().now())
    holders = true_nearest(peers[1:], Node(held.key), 12)
    for one in holders:
        protocols[peers.index(one)].storage.offer(held.to_bytes())
    acquainted = holders[5:8]
    for one in acquainted:
        assert await me.call_ping(one)
    before = len(network.carried)
    slots = MergedSlots(held.key, now=LoopClock().now())
    one_read = ValueCrawl(me, Node(held.key), holders, 8, replicas=12, slots=slots, own=(), quorum=3)
    await one_read.find()
    assert slots.records() == [held]
    assert set(one_read.held) == set(acquainted)
    assert len(network.carried) - before == 6


@in_virtual_time
async def test_a_read_asks_another_as_soon_as_an_answer_is_late_and_not_before() -> None:
    network, protocols, peers = await network_of(30)
    held = record("here", now=LoopClock().now())
    holders = true_nearest(peers[1:], Node(held.key), 12)
    for one in holders:
        protocols[peers.index(one)].storage.offer(held.to_bytes())
        assert await protocols[0].call_ping(one)
    del network.protocols[holders[0].endpoint]
    slots = MergedSlots(held.key, now=LoopClock().now())
    one_read = ValueCrawl(protocols[0], Node(held.key), holders, 8, replicas=12, slots=slots, own=(), quorum=3)
    started = LoopClock().monotonic()
    await one_read.find()
    assert one_read.questions == 4
    assert LoopClock().monotonic() - started < 0.6
