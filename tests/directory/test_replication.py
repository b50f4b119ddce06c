from __future__ import annotations

import asyncio

from kademlia.node import Node

from idas_p2p.directory.pace import Pace
from idas_p2p.directory.replication import Replicator, _turn_of
from idas_p2p.directory.server import DirectoryServer
from idas_p2p.wire.records import Record
from tests.directory.network import MemoryNetwork
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
    network, servers, lot = await stored(12, 40)
    replicators = replicating(servers)
    newcomer = await serving(network, 50)
    for server in servers:
        newcomer.protocol.admit(peer_of(servers.index(server)))
        server.protocol.admit(peer_of(50))
    await running(replicators, 5.0)
    everybody = [*servers, newcomer]
    for one in lot:
        nearest = sorted(everybody, key=lambda server: server.node.distance_to(Node(one.key)))[:8]
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
    _, servers, lot = await stored(14, 20)
    replicators = replicating(servers)
    gone, left = servers[3], [server for server in servers if server is not servers[3]]
    gone.stop()
    for server in left:
        server.protocol.router.remove_contact(peer_of(3))
    await running(replicators, 5.0)
    for one in lot:
        nearest = sorted(left, key=lambda server: server.node.distance_to(Node(one.key)))[:8]
        assert set(nearest) <= set(holders(left, one))


@in_virtual_time
async def test_what_was_lost_is_offered_again_within_some_rounds_and_unchanged() -> None:
    _, servers, lot = await stored(5, 10)
    for one in lot:
        (slot,) = servers[2].storage._keys[one.key]
        servers[2].storage._remove(one.key, slot)
    await running(replicating(servers), 6.5 * PACE.replicate)
    assert sum(servers[2] in holders(servers, one) for one in lot) >= 9


def test_each_round_one_holder_has_the_turn_and_every_holder_has_it_some_time() -> None:
    turns = [_turn_of(b"k" * 20, turn, 8) for turn in range(200)]
    assert set(turns) == set(range(8))
