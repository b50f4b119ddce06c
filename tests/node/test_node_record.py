from __future__ import annotations

from idas_p2p.clock import SystemClock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.directory.service import Directory
from idas_p2p.node.node_record import INTERVAL, NodeRecord
from idas_p2p.wire.address import Address
from idas_p2p.wire.records import NodeInfo
from idas_p2p.wire.schema import decode
from tests.directory.network import ManualClock


async def published(directory: Directory, identity: SigningKey) -> tuple[int, NodeInfo]:
    (record,) = await directory.get(identity.node_id.kademlia_id)
    return record.sequence, decode(NodeInfo, record.payload, max_size=1_000)


async def test_the_record_follows_the_addresses_and_is_renewed(directory: Directory) -> None:
    clock, identity = ManualClock(unix=SystemClock().now()), SigningKey.generate()
    addresses = [Address("192.0.2.1", 7400)]
    record = NodeRecord(identity, "Anna", "ANNA", directory, own_addresses=lambda: tuple(addresses), clock=clock)
    await record.turn()
    first, info = await published(directory, identity)
    assert (info.institution, info.aet, info.addresses) == ("Anna", "ANNA", tuple(addresses))
    clock.seconds += INTERVAL - 1
    await record.turn()
    assert (await published(directory, identity))[0] == first
    addresses[0] = Address("192.0.2.2", 7400)
    clock.unix += 1
    await record.turn()
    second, info = await published(directory, identity)
    assert (second > first, info.addresses) == (True, tuple(addresses))
    clock.unix += 1
    clock.seconds += INTERVAL
    await record.turn()
    assert (await published(directory, identity))[0] > second
