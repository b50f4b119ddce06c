"""The federations of one node: kept apart, asked as one where it does not matter which."""

from __future__ import annotations

import pytest

from idas_p2p.access.federation import psk_id
from idas_p2p.access.federations import MAX_FEDERATIONS, Federations
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.errors import BadConfiguration, NoSuchThing, NotAMember
from tests.access.region import ANNA, BERT, CARL, EVE, NOW, Node, Vault, founded


def joined(federations: Federations, admin: Node, *, secret: bytes) -> None:
    """Anna joins an admin's federation, in a place of its own."""
    place = federations.free() or federations.add()
    manifest = admin.admit(ANNA, "Anna", admin.invite(secret=secret))
    assert place.install(manifest, now=NOW, inviter=admin.identity.node_id) is None


def admin(identity: SigningKey, name: str) -> Node:
    node = Node(identity)
    node.federation.create(f"{name} Hospital", name, now=NOW)
    return node


def two() -> tuple[Federations, Vault, Node, Node]:
    """Anna in two federations: Bert's, then Carl's."""
    vault = Vault()
    federations = Federations(ANNA, vault, random_bytes=random_bytes)
    bert, carl = admin(BERT, "North"), admin(CARL, "South")
    joined(federations, bert, secret=b"1" * 16)
    joined(federations, carl, secret=b"2" * 16)
    return federations, vault, bert, carl


def test_a_node_in_two_federations_sees_the_members_of_both_and_keeps_them_over_a_restart() -> None:
    federations, vault, _, _ = two()
    again = Federations(ANNA, vault, random_bytes=random_bytes)
    for one in (federations, again):
        assert set(one.others()) == {BERT.node_id, CARL.node_id}
        assert [place.require_member().name for place in one.places] == ["North", "South"]
        assert set(one.roster().values()) == {"North Hospital", "South Hospital", "Anna"}
        assert len(one.current_blinders()) == len(one.blinders(now=NOW)) == 2
    assert federations.institution(CARL.node_id) == "South Hospital"
    assert federations.institution(EVE.node_id) is None


def test_each_node_is_called_with_the_secrets_of_the_federation_it_is_in() -> None:
    federations, _, bert, carl = two()
    for node in (bert, carl):
        secrets = federations.secrets_for(node.identity.node_id)
        assert secrets == node.federation.secrets
        assert federations.proved_by(psk_id(secrets.psk)).require_member().name == node.federation.require_member().name


def test_who_asks_in_one_federation_is_a_requester_of_that_one_alone() -> None:
    federations, _, _, carl = two()
    south = federations.proved_by(psk_id(carl.federation.secrets.psk))
    requester = south.requester(CARL.node_id, "dr.c")
    assert (requester.federation, requester.is_of_first) == ("South", False)
    with pytest.raises(NotAMember):
        federations.first.requester(CARL.node_id, "dr.c")


def test_a_removal_in_one_federation_leaves_the_other_as_it_is() -> None:
    federations, _, bert, _ = two()
    manifest = bert.federation.remove("Anna", now=NOW)
    assert federations.first.install(manifest, now=NOW) is None
    assert federations.others() == [CARL.node_id]
    assert federations.free() is federations.first
    assert federations.secrets_for(BERT.node_id) == federations.places[1].secrets


def test_a_federation_is_named_where_there_are_several() -> None:
    federations, _, _, _ = two()
    assert federations.named("south").require_member().name == "South"
    with pytest.raises(NoSuchThing):
        federations.named("East")
    with pytest.raises(BadConfiguration, match="--federation NAME"):
        federations.named(None)
    alone = Federations(ANNA, Vault(), random_bytes=random_bytes)
    assert alone.named(None) is alone.first


def test_outside_every_federation_there_is_nothing() -> None:
    alone = Federations(ANNA, Vault(), random_bytes=random_bytes)
    assert (alone.is_member, alone.others(), alone.memberships(), alone.epoch) == (False, [], [], 0)
    with pytest.raises(NotAMember):
        alone.secrets_for(BERT.node_id)


def test_a_node_is_in_so_many_federations_and_no_more() -> None:
    federations = Federations(ANNA, Vault(), random_bytes=random_bytes)
    while len(federations.places) < MAX_FEDERATIONS:
        federations.add()
    with pytest.raises(BadConfiguration, match="at most 8"):
        federations.add()


def test_what_one_node_kept_before_there_could_be_several_is_its_first_federation() -> None:
    anna = founded()
    federations = Federations(ANNA, anna.vault, random_bytes=random_bytes)
    assert federations.named(None).require_member() == anna.federation.require_member()
    assert "already" in (federations.obstacle("Other", anna.federation.require_member().federation) or "")


def test_a_second_federation_of_the_same_name_is_refused_for_rules_could_not_tell_them_apart() -> None:
    federations, _, _, _ = two()
    assert "rules could not tell" in (federations.obstacle("NORTH", b"?" * 32) or "")
    assert federations.obstacle("East", b"?" * 32) is None
