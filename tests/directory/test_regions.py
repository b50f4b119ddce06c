from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.directory.peers import Peer, distance
from idas_p2p.directory.regions import EVERYTHING, MAX_LOOKUPS, Block, Survey
from tests.directory.network import peer

KEYS = st.binary(min_size=20, max_size=20)


class Network:
    """Peers, and lookups that find the true nearest; `lies` makes up a nearer node each time."""

    def __init__(self, count: int, *, lies: bool = False) -> None:
        self.peers = [peer(number) for number in range(count)]
        self.lookups = 0
        self._lies = lies

    async def lookup(self, key: bytes) -> list[Peer]:
        self.lookups += 1
        if self._lies:
            self.peers += [peer(f"{self.lookups} {number}") for number in range(200)]
        return sorted(self.peers, key=lambda one: distance(one.id, key))[:8]

    def survey(self, *, is_worth_it: bool = True) -> Survey:
        return Survey(self.lookup, 8, is_worth_it=lambda block: is_worth_it)


@given(KEYS, st.integers(1, 2**160))
def test_a_block_within_a_distance_holds_nothing_farther_and_its_parent_does(key: bytes, within: int) -> None:
    block = Block.around(key, within=within)
    assert key in block
    farthest = (int.from_bytes(key, "big") ^ (block.size - 1)).to_bytes(20, "big")
    assert farthest in block
    assert distance(key, farthest) < within
    assert 2 * block.size > within or block == EVERYTHING


@given(KEYS, st.integers(1, 2**159))
def test_a_block_and_its_sibling_make_the_parent(key: bytes, within: int) -> None:
    block = Block.around(key, within=within)
    assert key not in block.sibling
    assert block.sibling.middle in block.sibling
    assert block.sibling.sibling == block
    assert block.parent == block.sibling.parent
    assert block.parent.size == 2 * block.size


async def test_a_region_tells_the_true_nearest_of_every_key_in_it() -> None:
    network, rng = Network(300), random.Random(1)
    for _ in range(20):
        region = await network.survey().region_of(rng.randbytes(20))
        inside = [key for key in (rng.randbytes(20) for _ in range(3_000)) if key in region.block]
        for key in inside:
            truth = sorted(network.peers, key=lambda one: distance(one.id, key))[:8]
            assert region.nearest(key, 8) == truth


async def test_few_lookups_find_the_nodes_of_a_whole_network() -> None:
    network = Network(300)
    keys = sorted(random.Random(2).randbytes(20) for _ in range(5_000))
    while keys:
        region = await network.survey().region_of(keys[0])
        keys = [key for key in keys[1:] if key not in region.block]
    assert network.lookups < 300 / 2


async def test_below_k_nodes_one_lookup_covers_everything() -> None:
    network = Network(7)
    region = await network.survey().region_of(bytes(20))
    assert region.block == EVERYTHING
    assert set(region.nodes) == set(network.peers)
    assert network.lookups == 1


async def test_a_key_that_is_alone_costs_one_lookup() -> None:
    network = Network(300)
    region = await network.survey(is_worth_it=False).region_of(bytes(20))
    assert bytes(20) in region.block
    assert region.nearest(bytes(20), 8) == sorted(network.peers, key=lambda one: distance(one.id, bytes(20)))[:8]
    assert network.lookups == 1


async def test_liars_who_invent_neighbours_end_a_survey_not_the_publisher() -> None:
    network = Network(30, lies=True)
    region = await network.survey().region_of(bytes(20))
    assert len(region.nodes) >= 8
    assert network.lookups <= MAX_LOOKUPS + 1
