from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from idas_p2p.access.blinding import Blinder
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.directory.peers import distance
from idas_p2p.directory.placing import CHUNK, Finished
from idas_p2p.directory.server import DirectoryServer
from idas_p2p.limits import DIRECTORY_REPLICAS
from idas_p2p.wire.federation import Secrets
from idas_p2p.wire.records import Record
from idas_p2p.wire.terms import Field, Term
from tests.directory.network import key
from tests.directory.test_server import holders, network_of, peer_of, written
from tests.directory.virtual import LoopClock, in_virtual_time

BLINDER = Blinder(Secrets(read=b"r" * 32, write=b"w" * 32, psk=b"p" * 32))


@dataclass
class Unsigned:
    """A draft that remembers whether it was signed."""

    number: int
    signatures: int = 0

    def __post_init__(self) -> None:
        self._place = BLINDER.place(Term(Field.STUDY, f"1.2.{self.number}"), now=LoopClock().now())

    @property
    def key(self) -> bytes:
        return self._place.node_id.kademlia_id

    def sign(self) -> Record:
        self.signatures += 1
        return BLINDER.claim_record(key("writer"), self._place, count=300, now=LoopClock().now())


class Report:
    """What came of each draft."""

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.sizes: list[int] = []

    def note(self, stored: Sequence[tuple[int, int]]) -> None:
        self.sizes.append(len(stored))
        assert not self.counts.keys() & {number for number, _ in stored}
        self.counts.update(stored)


def nearest(servers: list[DirectoryServer], record_key: bytes) -> set[DirectoryServer]:
    return set(sorted(servers, key=lambda server: distance(server.node.id, record_key))[:DIRECTORY_REPLICAS])


@in_virtual_time
async def test_every_record_of_a_large_batch_lies_at_exactly_its_nearest_nodes() -> None:
    _, servers = await network_of(60)
    lot, report = written(600), Report()
    await servers[0].publish([Finished(one) for one in lot], on_stored=report.note)
    assert report.counts == dict.fromkeys(range(600), DIRECTORY_REPLICAS)
    for one in lot:
        assert set(holders(servers, one)) == nearest(servers, one.key)


@in_virtual_time
async def test_a_large_batch_takes_few_bytes_and_few_messages_a_replica() -> None:
    network, servers = await network_of(60)
    drafts, report = [Unsigned(number) for number in range(1_500)], Report()
    before = len(network.carried)
    await servers[0].publish(drafts, on_stored=report.note)
    sent = [data for _, _, data in network.carried[before:]]
    replicas = sum(report.counts.values())
    assert replicas == DIRECTORY_REPLICAS * 1_500
    assert len(sent) / replicas <= 0.8
    assert sum(map(len, sent)) / replicas <= 600


@in_virtual_time
async def test_drafts_are_signed_once_and_reported_in_parts() -> None:
    _, servers = await network_of(5)
    drafts, report = [Unsigned(number) for number in range(300)], Report()
    await servers[0].publish(drafts, on_stored=report.note)
    assert {draft.signatures for draft in drafts} == {1}
    assert len(report.sizes) > 1
    assert max(report.sizes) <= CHUNK


@in_virtual_time
async def test_dead_nodes_are_passed_over() -> None:
    _, servers = await network_of(40)
    dead = random.Random(5).sample(servers[1:], 12)
    for server in dead:
        server.stop()
    alive = [server for server in servers if server not in dead]
    lot, report = written(200), Report()
    await servers[0].publish([Finished(one) for one in lot], on_stored=report.note)
    assert min(report.counts.values()) >= DIRECTORY_REPLICAS - 1
    right = [len(set(holders(alive, one)) & nearest(alive, one.key)) for one in lot]
    assert Counter(right)[DIRECTORY_REPLICAS] > 190


@in_virtual_time
async def test_nothing_to_place_is_no_work() -> None:
    network, servers = await network_of(3)
    report = Report()
    await servers[0].publish([], on_stored=report.note)
    assert (report.counts, network.carried) == ({}, [])


@in_virtual_time
async def test_what_nobody_takes_is_reported_as_held_by_none() -> None:
    _, (client,) = await network_of(1, clients=1)
    report = Report()
    client.protocol.admit(peer_of(9))  # nobody is there
    await client.publish([Finished(one) for one in written(20)], on_stored=report.note)
    assert report.counts == dict.fromkeys(range(20), 0)


def test_a_claim_is_small_enough_that_three_share_a_datagram() -> None:
    place = SigningKey(bytes(32))
    sizes = {
        len(BLINDER.claim_record(key(1), place, count=count, withdrawn=gone, now=1.8e9).to_bytes())
        for count in (0, 300, 100_000)
        for gone in (True, False)
    }
    assert sizes == {369}
