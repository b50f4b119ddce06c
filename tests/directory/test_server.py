from __future__ import annotations

import asyncio
import random
import statistics

import pytest

from idas_p2p.crypto.keys import random_bytes
from idas_p2p.directory.addresses import AddressPolicy
from idas_p2p.directory.peers import Peer, distance
from idas_p2p.directory.server import DirectoryServer
from idas_p2p.directory.storage import RecordStore
from idas_p2p.limits import DIRECTORY_REPLICAS
from idas_p2p.wire.address import Address
from idas_p2p.wire.records import Record
from idas_p2p.wire.rpc import Ping
from tests.directory.network import MemoryNetwork, key, record
from tests.directory.virtual import LoopClock, in_virtual_time


async def serving(network: MemoryNetwork, number: int, *, is_server: bool = True) -> DirectoryServer:
    server = DirectoryServer(
        key(number),
        RecordStore(clock=LoopClock()),
        clock=LoopClock(),
        random_bytes=random_bytes,
        is_server=is_server,
        policy=AddressPolicy(allow_private=True),
        open_endpoint=network.open,
    )
    await server.listen(Address("10.0.0.1", number + 1))
    return server


def peer_of(number: int) -> Peer:
    return Peer(key(number).node_id, ("10.0.0.1", number + 1))


async def network_of(count: int, *, clients: int = 0) -> tuple[MemoryNetwork, list[DirectoryServer]]:
    """Nodes that all know one another, 20 to 80 ms apart; the last `clients` of them only ask."""
    rng = random.Random(1)
    network = MemoryNetwork(latency=lambda: rng.uniform(0.01, 0.04))
    servers = [await serving(network, number, is_server=number < count - clients) for number in range(count)]
    for server in servers:
        for number in range(count - clients):
            server.protocol.admit(peer_of(number))
    return network, servers


def written(count: int) -> list[Record]:
    now = LoopClock().now()
    return [record(f"{n}", f"w{n}", bytes(150), now=now, lifetime=80_000) for n in range(count)]


def holders(servers: list[DirectoryServer], found: Record) -> list[DirectoryServer]:
    return [server for server in servers if found.to_bytes() in server.storage.records(found.key)]


@pytest.mark.parametrize("count", [1, 2, 3])
@in_virtual_time
async def test_put_and_get_work_when_only_one_to_three_nodes_exist(count: int) -> None:
    _, servers = await network_of(count)
    (one,) = written(1)
    assert await servers[0].put([one]) == [count]
    for server in servers:
        assert await server.get(one.key) == [one]


@in_virtual_time
async def test_limit_11_put_with_nobody_to_reach_is_zero_and_get_is_empty() -> None:
    network, (client,) = await network_of(1, clients=1)
    (one,) = written(1)
    assert await client.put([one]) == [0]
    assert await client.get(one.key) == []
    client.protocol.admit(peer_of(5))  # nobody is there
    assert await client.put([one]) == [0]
    assert network.carried


@in_virtual_time
async def test_a_record_lies_at_exactly_the_twelve_nodes_nearest_to_its_key() -> None:
    _, servers = await network_of(30)
    for one in written(10):
        assert await servers[0].put([one]) == [DIRECTORY_REPLICAS]
        nearest = sorted(servers, key=lambda server: distance(server.node.id, one.key))[:DIRECTORY_REPLICAS]
        assert set(holders(servers, one)) == set(nearest)


@in_virtual_time
async def test_many_records_are_put_in_few_datagrams() -> None:
    network, servers = await network_of(8)
    lot = written(300)
    before = len(network.carried)
    assert await servers[0].put(lot) == [8] * 300
    stores = sum(len(data) > 700 for _, _, data in network.carried[before:])
    assert stores < 300 * 7 / 2
    assert len(await servers[5].get(lot[123].key)) == 1


@in_virtual_time
async def test_every_record_is_found_when_a_third_of_the_network_dies_at_once() -> None:
    _, servers = await network_of(60)
    lot = written(60)
    await servers[0].put(lot)
    for server in random.Random(3).sample(servers[1:], 18):
        server.stop()
    found = [await servers[0].get(one.key) for one in lot]
    assert found == [[one] for one in lot]


@in_virtual_time
async def test_a_client_puts_and_gets_and_holds_nothing() -> None:
    _, servers = await network_of(5, clients=1)
    (one,) = written(1)
    assert await servers[4].put([one]) == [4]
    assert await servers[4].get(one.key) == [one]
    assert servers[4].storage.usage.records == 0
    assert all(server.protocol.router.get(peer_of(4).id) is None for server in servers)


@in_virtual_time
async def test_limit_3_the_newest_record_wins_and_the_stale_holders_are_repaired() -> None:
    _, servers = await network_of(6)
    old = record("here", now=LoopClock().now())
    new = record("here", payload=b"new", now=LoopClock().now() + 1)
    for server in servers[1:]:
        server.storage.offer(old.to_bytes())
    servers[5].storage.offer(new.to_bytes())
    assert await servers[0].get(new.key, quorum=8) == [new]
    await asyncio.sleep(1.0)
    assert holders(servers, new) == servers


@in_virtual_time
async def test_limit_4_a_node_that_comes_back_with_stale_records_rolls_nothing_back() -> None:
    _, servers = await network_of(5)
    old = record("here", now=LoopClock().now())
    new = record("here", payload=b"new", now=LoopClock().now() + 1)
    await servers[0].put([new])
    stale = servers[4].storage = RecordStore(clock=LoopClock())
    servers[4].protocol.storage = stale
    stale.offer(old.to_bytes())
    await servers[4]._refresh_table()
    assert await servers[4].put([old]) == [1]  # its own copy; everybody else refuses it
    assert holders(servers, new) == servers[:4]
    assert await servers[4].get(new.key) == [new]
    await asyncio.sleep(1.0)
    assert holders(servers, new) == servers


@in_virtual_time
async def test_two_writers_at_one_key_keep_both_records() -> None:
    _, servers = await network_of(5)
    one, two = (record("here", writer, now=LoopClock().now()) for writer in ("one", "two"))
    await asyncio.gather(servers[0].put([one]), servers[1].put([two]))
    assert set(await servers[2].get(one.key)) == {one, two}


@in_virtual_time
async def test_a_record_that_is_not_sound_is_put_nowhere() -> None:
    _, servers = await network_of(3)
    expired = record("here", now=LoopClock().now() - 9_000, lifetime=10)
    assert await servers[0].put([expired]) == [0]
    assert all(server.storage.usage.records == 0 for server in servers)


@in_virtual_time
async def test_limit_12_state_is_never_pickled() -> None:
    _, (server,) = await network_of(1)
    with pytest.raises(NotImplementedError):
        server.save_state("file")
    with pytest.raises(NotImplementedError):
        await DirectoryServer.load_state("file", 1)


@in_virtual_time
async def test_lookups_are_counted_and_timed() -> None:
    _, servers = await network_of(3)
    await servers[0].get(bytes(20))
    assert servers[0].lookups == 1
    assert servers[0].lookup_seconds[0] > 0.01


@in_virtual_time
async def test_filling_makes_a_newcomer_know_somebody_in_every_part_of_the_network() -> None:
    network, servers = await network_of(120)
    newcomer = await serving(network, 500)
    newcomer.protocol.admit(peer_of(0))
    await newcomer.fill(pause=0.25)
    for bucket in newcomer.protocol.router.buckets:
        there = sum(bucket.has_in_range(server.node) for server in servers)
        assert len(bucket) >= min(there, 7)  # who lives in a region is known there, but for a place or so
    assert len(newcomer.protocol.router) > 60
    assert sum(server.protocol.router.get(peer_of(500).id) is not None for server in servers) > 10


async def acquainted(count: int) -> tuple[MemoryNetwork, list[DirectoryServer]]:
    """Nodes whose reader, the first, has a session with each of its contacts, as after some minutes of running."""
    network, servers = await network_of(count)
    await asyncio.gather(*(servers[0].protocol.ask(peer, Ping()) for peer in servers[0].protocol.router))
    await asyncio.sleep(5.0)
    return network, servers


@in_virtual_time
async def test_a_read_costs_few_datagrams_for_it_asks_no_more_holders_than_it_wants() -> None:
    network, servers = await acquainted(150)
    lot = written(50)
    await servers[9].put(lot)
    await asyncio.sleep(5.0)
    before = len(network.carried)
    for one in lot:
        assert await servers[0].get(one.key) == [one]
        await asyncio.sleep(3.0)
    assert (len(network.carried) - before) / len(lot) <= 20


@in_virtual_time
async def test_every_record_is_found_when_half_of_the_network_dies_at_once() -> None:
    _, servers = await acquainted(150)
    lot = written(150)
    await servers[0].put(lot)
    for server in random.Random(4).sample(servers[1:], 75):
        server.stop()
    found = [await servers[0].get(one.key) for one in lot]
    assert found == [[one] for one in lot]


@in_virtual_time
async def test_a_read_takes_a_third_of_a_second_when_a_third_of_the_network_is_dead() -> None:
    _, servers = await acquainted(150)
    lot = written(100)
    await servers[0].put(lot)
    for server in random.Random(5).sample(servers[1:], 50):
        server.stop()
    servers[0].lookup_seconds.clear()
    for one in lot:
        assert await servers[0].get(one.key) == [one]
    assert statistics.median(servers[0].lookup_seconds) <= 0.35
    assert sorted(servers[0].lookup_seconds)[95] <= 1.0


@in_virtual_time
async def test_a_lost_datagram_costs_a_lookup_none_of_the_nearest() -> None:
    network, servers = await acquainted(100)
    rng = random.Random(6)
    network.drops = lambda number: rng.random() < 0.02
    exact = 0
    for number in range(30):
        target = key(f"target {number}").node_id.kademlia_id
        nearest = sorted((server.node.id for server in servers[1:]), key=lambda one: distance(one, target))[:8]
        exact += [peer.id for peer in await servers[0].lookup(target)] == nearest
    assert exact >= 29
