from __future__ import annotations

import asyncio

from idas_p2p.directory.bridging import MAX_NOTED, Bridge
from idas_p2p.directory.pace import Pace
from idas_p2p.directory.server import DirectoryServer
from tests.directory.network import record
from tests.directory.test_server import network_of, peer_of, serving
from tests.directory.virtual import LoopClock, in_virtual_time


async def between(near: int) -> tuple[DirectoryServer, DirectoryServer, list[DirectoryServer], Bridge]:
    """A node with a part in two networks of 14, whose first `near` nodes are in both as well."""
    network, others = await network_of(14)
    one, other = await serving(network, 90), await serving(network, 90)
    other.storage = other.protocol.storage = one.storage
    for number in range(14):
        if number < 7 + near:
            one.protocol.admit(peer_of(number))
        if number >= 7:
            other.protocol.admit(peer_of(number))
    bridge = Bridge(one, other, one.storage, pace=Pace(bridge=1.0))
    return one, other, others, bridge


def holders(servers: list[DirectoryServer], key: bytes) -> int:
    return sum(bool(server.storage.records(key)) for server in servers)


async def run_for(bridge: Bridge, seconds: float) -> None:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(bridge.run())
        await asyncio.sleep(seconds)
        task.cancel()


@in_virtual_time
async def test_a_record_of_one_network_is_carried_into_the_other() -> None:
    one, _, others, bridge = await between(0)
    written = record("here", now=LoopClock().now())
    assert one.storage.offer(written.to_bytes()) is None
    bridge.note(written.to_bytes())
    assert holders(others[7:], written.key) == 0
    await run_for(bridge, 5.0)
    assert holders(others[7:], written.key) == 7


@in_virtual_time
async def test_nothing_is_carried_where_a_quorum_of_near_nodes_is_in_both() -> None:
    one, _, others, bridge = await between(7)
    written = record("here", now=LoopClock().now())
    one.storage.offer(written.to_bytes())
    bridge.note(written.to_bytes())
    await run_for(bridge, 5.0)
    assert holders(others, written.key) == 0


@in_virtual_time
async def test_what_waits_is_bounded() -> None:
    bridge = (await between(0))[3]
    bridge._new = {number.to_bytes(20, "big") for number in range(MAX_NOTED)}
    bridge.note(record("one more", now=LoopClock().now()).to_bytes())
    assert len(bridge._new) == MAX_NOTED
