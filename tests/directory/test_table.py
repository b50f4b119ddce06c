from __future__ import annotations

import pytest
from kademlia.node import Node

from idas_p2p.directory.addresses import CONTACTS_PER_BLOCK, AddressPolicy
from idas_p2p.directory.peers import Peer
from idas_p2p.directory.table import CALLED_UP, LONELY, Bucket, ContactTable
from idas_p2p.limits import DIRECTORY_REPLICAS
from tests.directory.network import ManualClock, peer


def table(
    *, k: int = 8, me: Peer | None = None, clock: ManualClock | None = None, allow_private: bool = True
) -> ContactTable:
    policy = AddressPolicy(allow_private=allow_private)
    return ContactTable(None, k, me or peer("me"), policy=policy, monotonic=(clock or ManualClock()).monotonic)


@pytest.mark.parametrize("count", [5, 100, 400])
def test_limit_8_the_exact_k_nearest_members_are_found(count: int) -> None:
    known = table()
    for number in range(count):
        known.add_contact(peer(number))
    for target in (peer(f"target {number}") for number in range(30)):
        nearest = sorted(known, key=target.distance_to)[:8]
        assert known.find_neighbors(Node(target.id)) == nearest


def test_the_asker_and_we_ourselves_are_not_among_the_neighbours() -> None:
    known = table()
    for number in range(5):
        known.add_contact(peer(number))
    known.add_contact(peer("me"))
    assert peer(1) not in known.find_neighbors(peer(1), exclude=peer(1, port=9))
    assert peer("me") not in known
    assert len(known) == 5


def test_limit_9_a_peer_heard_again_moves_to_the_end_of_its_bucket() -> None:
    known = table()
    for number in range(3):
        known.add_contact(peer(number))
    known.add_contact(peer(0))
    assert list(known.buckets[0].nodes.values()) == [peer(1), peer(2), peer(0)]


def full_bucket(known: ContactTable) -> Bucket:
    """A bucket where others wait for a place."""
    for number in range(200):
        known.add_contact(peer(number))
    return next(bucket for bucket in known.buckets if len(bucket.replacement_nodes) >= CALLED_UP)


def test_limit_9_a_newcomer_drives_nobody_from_a_full_bucket() -> None:
    known = table(k=2)
    bucket = full_bucket(known)
    members = bucket.get_nodes()
    waiting = next(iter(bucket.replacement_nodes.values()))
    assert not known.has_place(waiting)
    known.add_contact(waiting)
    assert bucket.get_nodes() == members
    assert known.get(waiting.id) is None


def test_limit_10_one_failure_costs_nobody_the_place_and_two_do() -> None:
    known, left = table(), []
    known.on_removed = left.append
    known.add_contact(peer(1))
    known.note_failure(peer(1), 1)
    assert known.get(peer(1).id) == peer(1)
    known.note_failure(peer(1), 2)
    assert (known.get(peer(1).id), left) == (None, [peer(1)])


def test_whoever_left_is_remembered_newest_first_for_a_node_that_has_nobody_left() -> None:
    known = table()
    for number in (1, 2):
        known.add_contact(peer(number))
    for number in (1, 2):
        known.remove_contact(peer(number))
    assert len(known) == 0
    assert known.last_left() == [peer(2), peer(1)]


def test_those_who_waited_are_called_up_when_a_contact_leaves_and_one_of_them_gets_its_place() -> None:
    known, called_up = table(k=2), []
    known.on_vacancy = called_up.append
    bucket = full_bucket(known)
    gone, waiting = bucket.head(), list(bucket.replacement_nodes.values())
    known.remove_contact(gone)
    assert called_up == waiting[: -CALLED_UP - 1 : -1]
    assert len(bucket) == 1  # nobody moves up unproved
    for one in called_up:
        known.add_contact(one)
    assert called_up[0] in known
    assert called_up[1] not in known
    assert gone not in known
    assert len(known) == sum(len(bucket) for bucket in known.buckets)


def test_limit_27_every_id_falls_into_the_bucket_whose_range_holds_it() -> None:
    known = table(k=2)
    for number in range(200):
        known.add_contact(peer(number))
    assert len(known.buckets) < 100
    edges = [edge for bucket in known.buckets for edge in bucket.range]
    for edge in edges:
        node = Node(edge.to_bytes(20, "big"))
        assert known.buckets[known.get_bucket_for(node)].has_in_range(node)


def test_one_public_address_block_gets_two_places_in_a_bucket_and_a_laboratory_all() -> None:
    public, laboratory = table(allow_private=False), table()
    for number in range(6):
        public.add_contact(peer(number, host=f"8.8.8.{number + 1}"))
        laboratory.add_contact(peer(number, host=f"10.0.0.{number + 1}"))
    assert len(public) == CONTACTS_PER_BLOCK
    assert len(laboratory) == 6


def test_a_bucket_without_lookups_for_an_hour_is_lonely() -> None:
    clock = ManualClock()
    known = table(clock=clock)
    clock.advance(LONELY + 1)
    assert known.lonely_buckets() == known.buckets
    known.touch(peer(1))
    assert known.lonely_buckets() == []


def test_no_more_newcomers_are_wanted_than_there_are_places() -> None:
    known = table(k=2)
    for number in range(200):
        known.add_contact(peer(number))
    strangers = [peer(f"stranger {number}") for number in range(300)]
    wanted = known.wanted([*known, *strangers])
    assert wanted
    assert set(wanted) <= set(strangers)
    for one in wanted:
        known.add_contact(one)
    assert all(one in known for one in wanted)


@pytest.mark.parametrize("count", [250, 320, 400])
def test_everybody_of_the_neighbourhood_is_known(count: int) -> None:
    everybody = [peer(number) for number in range(count)]
    for me in everybody[:20]:
        known = table(me=me)
        for one in everybody:
            known.add_contact(one)
        nearest = sorted(everybody, key=me.distance_to)[1 : DIRECTORY_REPLICAS + 1]
        assert [one for one in nearest if one not in known] == []
