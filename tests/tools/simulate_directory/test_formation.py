"""A settled network's contacts are those that the real tables would keep."""

from __future__ import annotations

import random

from idas_p2p.directory.addresses import AddressPolicy
from idas_p2p.directory.table import ContactTable
from tests.directory.network import peer
from tools.simulate_directory.formation import Membership
from tools.simulate_directory.ours import NEAR

PEERS = [peer(number) for number in range(300)]
MEMBERS = Membership([one.long_id for one in PEERS])


def test_the_nearest_alive_are_what_sorting_all_by_distance_gives() -> None:
    rng = random.Random(1)
    alive = [rng.random() < 0.7 for _ in PEERS]
    for _ in range(50):
        target = rng.getrandbits(160)
        right = sorted((n for n in range(300) if alive[n]), key=lambda n: PEERS[n].long_id ^ target)[:8]
        assert MEMBERS.nearest(target, 8, alive) == right


def test_a_real_table_takes_every_contact_and_would_take_no_more() -> None:
    for own in range(20):
        chosen = MEMBERS.contacts(PEERS[own].long_id, 8, random.Random(own), near=NEAR)
        table = ContactTable(None, 8, PEERS[own], policy=AddressPolicy(allow_private=True), monotonic=lambda: 0.0)
        for number in chosen:
            table.add_contact(PEERS[number])
        assert len(table) == len(set(chosen)) == len(chosen)
        for other in PEERS:
            table.add_contact(other)
        assert len(table) <= 1.05 * len(chosen)  # only in blocks where fewer than k are known is there room


def test_every_node_knows_its_neighbours() -> None:
    everybody = [True] * len(PEERS)
    for own in range(20):
        chosen = MEMBERS.contacts(PEERS[own].long_id, 8, random.Random(own), near=NEAR)
        nearest = MEMBERS.nearest(PEERS[own].long_id, 9, everybody)
        assert set(nearest) - {own} <= set(chosen)
