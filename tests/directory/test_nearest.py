from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.directory.nearest import Nearest
from tests.directory.network import peer

names = st.lists(st.integers(0, 400), max_size=120)


@given(names, names, st.integers(0, 2**160 - 1) | st.integers(0, 400).map(lambda name: peer(name).long_id))
def test_those_found_are_what_sorting_all_by_distance_gives(came: list[int], left: list[int], target: int) -> None:
    known = Nearest()
    for name in came:
        known.put(peer(name))
    for name in left:
        known.discard(peer(name))
    everybody = sorted({peer(name) for name in set(came) - set(left)}, key=lambda one: one.long_id ^ target)
    for count in (1, 2, 8, 20, 500):
        assert known.find(target, count) == everybody[:count]


def test_a_peer_at_a_new_address_takes_the_place_of_the_old() -> None:
    known = Nearest()
    known.put(peer(1))
    known.put(peer(1, port=9))
    assert known.find(0, 8) == [peer(1, port=9)]


def test_the_peers_of_a_range_are_counted() -> None:
    known = Nearest()
    peers = [peer(number) for number in range(50)]
    for one in peers:
        known.put(one)
    assert known.count(0, 1 << 159) == sum(one.long_id < 1 << 159 for one in peers)
    assert known.count(0, 1 << 160) == 50
    assert known.count(peers[3].long_id, 1) == 1
