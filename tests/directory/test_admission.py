from __future__ import annotations

import asyncio

from idas_p2p.crypto.keys import random_bytes
from idas_p2p.directory.admission import Prober
from idas_p2p.directory.peers import Peer
from idas_p2p.wire.address import Address
from idas_p2p.wire.datagrams import Challenge
from tests.directory.network import MemoryNetwork, bare_protocol, key, nodes, peer, record
from tests.directory.virtual import LoopClock, in_virtual_time

HOST = "192.0.2.1"


class NatNetwork(MemoryNetwork):
    """A network in which HOST hears only from endpoints it has sent to, from the port it sent from."""

    def _deliver(self, data: bytes, source: tuple[str, int], target: tuple[str, int]) -> None:
        if target[0] != HOST or any(sent[:2] == (target, source) for sent in self.carried):
            super()._deliver(data, source, target)


async def prober(network: MemoryNetwork, reached: list[Peer]) -> Prober:
    asking = Prober(random_bytes=random_bytes, on_reachable=reached.append)
    await network.open(asking, Address(HOST, 99))
    return asking


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_peer_that_answers_a_stranger_is_reachable() -> None:
    network, reached = MemoryNetwork(), list[Peer]()
    asking = await prober(network, reached)
    await network.open(bare_protocol("bob"), Address(HOST, 2))
    bob = Peer(key("bob").node_id, (HOST, 2))
    asking.probe(bob)
    asking.probe(bob)  # under way already
    await turns(5)
    assert reached == [bob]
    assert len(network.carried) == 2


async def test_limit_21_a_peer_behind_nat_answers_no_stranger_and_is_not_reachable() -> None:
    network, reached = MemoryNetwork(), list[Peer]()
    asking = await prober(network, reached)
    asking.probe(peer("behind nat", host=HOST, port=2))
    await turns(5)
    assert reached == []


async def test_a_challenge_from_elsewhere_or_with_another_token_proves_nothing() -> None:
    network, reached = MemoryNetwork(), list[Peer]()
    asking = await prober(network, reached)
    asking.probe(peer("bob", host=HOST, port=2))
    token = network.carried[0][2][1:17]
    for data, source in [
        (Challenge(token, bytes(24), bytes(32)).to_bytes(), (HOST, 3)),
        (Challenge(bytes(16), bytes(24), bytes(32)).to_bytes(), (HOST, 2)),
        (b"rubbish", (HOST, 2)),
        (network.carried[0][2], (HOST, 2)),
    ]:
        asking.datagram_received(data, source)
    assert reached == []


async def test_whoever_answers_a_trial_of_the_network_proved_no_key_and_is_not_told_of() -> None:
    network, reached = MemoryNetwork(), list[Peer]()
    asking = await prober(network, reached)
    await network.open(bare_protocol("bob"), Address(HOST, 2))
    assert await asking.reaches([Peer(key("someone else").node_id, (HOST, 2))])
    assert reached == []


async def test_a_closed_prober_sends_nothing() -> None:
    network = MemoryNetwork()
    asking = await prober(network, [])
    asking.close()
    asking.probe(peer("bob"))
    assert network.carried == []


@in_virtual_time
async def test_limit_22_a_node_behind_nat_reads_and_writes_without_a_hole_punched_to_it() -> None:
    network, clock = NatNetwork(), LoopClock()
    async with nodes(network.open, clock=clock) as group:
        outside = [await group.start("outside 0", host="198.51.100.1")]
        contacts = [group.running[outside[0]]]
        outside.append(await group.start("outside 1", host="198.51.100.2", contacts=contacts))
        for server in (True, False):  # also one that wrongly takes itself for reachable
            inside = await group.start(f"inside {server}", host=HOST, contacts=contacts, server=server)
            assert await inside.wait_joined(10)
            one = record(f"written {server}", now=clock.now())
            assert min(await inside.put([one])) >= 2
            assert await inside.get(one.key) == [one]
            assert inside.observed_address() == group.running[inside].address
        assert {contact.address.host for node in outside for contact in node.contacts()} == {
            "198.51.100.1",
            "198.51.100.2",
        }
