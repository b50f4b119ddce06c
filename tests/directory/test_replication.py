from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import pytest
from kademlia.node import Node

from idas_p2p.directory.pace import Pace
from idas_p2p.directory.peers import Peer
from idas_p2p.directory.replication import OWNER_IS_LATE, Replicator, _turn_of
from idas_p2p.directory.server import DirectoryServer
from idas_p2p.directory.service import Directory
from idas_p2p.limits import DIRECTORY_REPLICAS, RECORD_LIFETIME
from idas_p2p.wire.address import Contact
from idas_p2p.wire.records import Record
from tests.directory.network import MemoryNetwork, Nodes, nodes, record
from tests.directory.test_server import holders, network_of, peer_of, serving, written
from tests.directory.virtual import LoopClock, in_virtual_time

PACE = Pace(welcome=1.0, replicate=3_600.0)


def replicating(servers: list[DirectoryServer]) -> list[Replicator]:
    made = []
    for server in servers:
        one = Replicator(server, clock=LoopClock(), pace=PACE)
        server.protocol.on_admitted = one.came
        server.protocol.router.on_removed = one.left
        made.append(one)
    return made


async def running(replicators: list[Replicator], seconds: float) -> None:
    tasks = [asyncio.ensure_future(one.run()) for one in replicators]  # noqa: TID251
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def stored(count: int, records: int) -> tuple[MemoryNetwork, list[DirectoryServer], list[Record]]:
    network, servers = await network_of(count)
    lot = written(records)
    await servers[0].put(lot)
    return network, servers, lot


@in_virtual_time
async def test_limit_7_a_newcomer_gets_exactly_the_records_that_belong_to_it() -> None:
    network, servers, lot = await stored(16, 40)
    replicators = replicating(servers)
    newcomer = await serving(network, 50)
    for server in servers:
        newcomer.protocol.admit(peer_of(servers.index(server)))
        server.protocol.admit(peer_of(50))
    await running(replicators, 5.0)
    everybody = [*servers, newcomer]
    for one in lot:
        nearest = sorted(everybody, key=lambda server: server.node.distance_to(Node(one.key)))[:DIRECTORY_REPLICAS]
        assert (newcomer in holders(everybody, one)) == (newcomer in nearest)


@in_virtual_time
async def test_limit_23_nothing_is_pushed_before_the_newcomer_answers() -> None:
    network, servers, _ = await stored(4, 200)
    replicators = replicating(servers)
    sent_before = len(network.carried)
    for server in servers:
        server.protocol.admit(peer_of(66))  # nobody is there
    await running(replicators, 30.0)
    to_nobody = [data for _, target, data in network.carried[sent_before:] if target == peer_of(66).endpoint]
    assert len(to_nobody) <= 3 * len(servers)
    assert all(len(data) < 80 for data in to_nobody)


@in_virtual_time
async def test_records_move_to_the_next_nearest_when_a_holder_falls_silent() -> None:
    _, servers, lot = await stored(18, 20)
    replicators = replicating(servers)
    gone, left = servers[3], [server for server in servers if server is not servers[3]]
    gone.stop()
    for server in left:
        server.protocol.router.remove_contact(peer_of(3))
    await running(replicators, 5.0)
    for one in lot:
        nearest = sorted(left, key=lambda server: server.node.distance_to(Node(one.key)))[:DIRECTORY_REPLICAS]
        assert set(nearest) <= set(holders(left, one))


@pytest.mark.parametrize("age", [0.0, OWNER_IS_LATE])
@in_virtual_time
async def test_what_was_lost_is_offered_again_unchanged_once_its_owner_is_late_with_renewing_it(age: float) -> None:
    _, servers = await network_of(5)
    written_at = LoopClock().now() - age
    lot = [record(f"{n}", f"w{n}", now=written_at, lifetime=RECORD_LIFETIME) for n in range(10)]
    assert await servers[0].put(lot) == [5] * 10
    for one in lot:
        (slot,) = servers[2].storage._keys[one.key]
        servers[2].storage._remove(one.key, slot)
    await running(replicating(servers), 6.5 * PACE.replicate)
    again = sum(servers[2] in holders(servers, one) for one in lot)
    assert again >= 9 if age else again == 0


@in_virtual_time
async def test_a_node_far_from_all_keys_costs_no_walk_over_them() -> None:
    _, servers, _ = await stored(60, 40)
    replicator = Replicator(servers[0], clock=LoopClock(), pace=PACE)
    home = replicator._home()
    looked_up: list[bytes] = []
    find = servers[0].protocol.router.find_neighbors

    def watched(node: Node, k: int | None = None, exclude: Node | None = None) -> list[Peer]:
        looked_up.append(node.id)
        return find(node, k, exclude)

    servers[0].protocol.router.find_neighbors = watched  # type: ignore[method-assign]
    far = next(peer_of(number) for number in range(100, 200) if peer_of(number).id not in home)
    near = next(peer_of(number) for number in range(100, 9_999) if peer_of(number).id in home)
    await replicator._plan({far.id: far}, {}, everything=False)
    assert not any(key in home for key in looked_up)
    await replicator._plan({near.id: near}, {}, everything=False)
    assert set(servers[0].storage.keys()) <= set(looked_up)


@pytest.mark.slow
@in_virtual_time
async def test_an_owner_who_is_away_for_two_days_loses_nothing_while_every_node_is_replaced() -> None:
    network = MemoryNetwork(latency=lambda: 0.03)
    calm = Pace(rejoin=10_800.0, check=900.0, unheard=1_800.0, welcome=2.0, replicate=21_600.0, sweep=3_600.0)
    async with nodes(network.open, clock=LoopClock(), pace=calm) as group:
        started = await start_apart(group, range(16), [])
        owner = await group.start("owner", contacts=[group.running[started[0]]], server=False, host="10.1.0.1")
        await owner.wait_joined(60)
        lot = [record(f"{n}", f"w{n}", now=LoopClock().now(), lifetime=RECORD_LIFETIME) for n in range(20)]
        assert min(await owner.put(lot)) == DIRECTORY_REPLICAS
        await group.stop(owner)
        for number in range(12):
            network.carried.clear()
            (fresh,) = await start_apart(group, [100 + number], [group.running[started[-1]]])
            started.append(fresh)
            await asyncio.sleep(4 * 3_600.0)
            await group.stop(started.pop(0))
        for one in lot:
            assert await started[7].get(one.key) == [one]


async def start_apart(group: Nodes, names: Iterable[int], contacts: Sequence[Contact]) -> list[Directory]:
    """Nodes at addresses of their own, each knowing the contacts, or else the first of them."""
    made: list[Directory] = []
    for name in names:
        known = contacts or [group.running[made[0]]] if made or contacts else []
        made.append(await group.start(name, contacts=known, port=7_000, host=f"10.0.{name}.1"))
        await asyncio.sleep(5.0)
    return made


def test_each_round_one_holder_has_the_turn_and_every_holder_has_it_some_time() -> None:
    turns = [_turn_of(b"k" * 20, turn, 8) for turn in range(200)]
    assert set(turns) == set(range(8))
