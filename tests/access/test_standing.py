"""What a node keeps of a federation: manifests of several admins, keys of eras gone by, the first version's form."""

from __future__ import annotations

import pytest

from idas_p2p.access.federation import psk_id
from idas_p2p.access.manifest import ManifestRefusal
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import NotAMember
from tests.access.region import ANNA, BERT, CARL, EVE, NOW, Node, Vault, council, meet, mended


def test_a_restart_keeps_what_every_admin_said() -> None:
    anna, bert, carl = council()
    anna.admit(EVE, "Eve", anna.invite(secret=b"e" * 16))
    zoe = bert.invite(secret=b"z" * 16)
    bert.admit(Node(EVE).identity, "Zoe", zoe)
    meet(anna, bert, carl)
    before = (carl.federation.state, carl.federation.roster(), carl.federation.secrets, carl.federation.admins())
    assert len(carl.federation.heads()) == 2
    carl.restart()
    assert (
        carl.federation.state,
        carl.federation.roster(),
        carl.federation.secrets,
        carl.federation.admins(),
    ) == before


def test_a_member_that_was_away_over_many_removals_still_proves_a_key_the_others_know() -> None:
    anna, bert, carl = council()
    away = psk_id(carl.federation.secrets.psk)
    for number in range(5):
        anna.admit(EVE, f"Guest {number}", anna.invite(secret=bytes([number]) * 16))
        meet(anna, bert)
        bert.federation.remove(f"Guest {number}", now=NOW)
        meet(anna, bert)
    for node in (anna, bert):
        node.restart()
        assert node.federation.find_member_psk(away) == carl.federation.secrets.psk
        assert not node.federation.is_current(away)


def test_earlier_keys_are_kept_sealed() -> None:
    anna, _, carl = council()
    old = anna.federation.secrets.psk
    anna.admit(EVE, "Eve", anna.invite(secret=b"e" * 16))
    anna.federation.remove("Eve", now=NOW)
    assert old != anna.federation.secrets.psk
    assert not [key for key, value in anna.vault.values.items() if old in value]
    assert carl.federation.find_member_psk(psk_id(old)) == old


def test_the_secrets_in_force_are_those_of_the_removal_until_the_two_are_mended() -> None:
    anna, bert, carl = nodes = council()
    guest = anna.admit(EVE, "Eve", anna.invite(secret=b"e" * 16))
    meet(*nodes)
    anna.federation.remove("Eve", now=NOW)
    bert.admit(Node(EVE).identity, "Zoe", bert.invite(secret=b"z" * 16))  # did not hear of it
    meet(*nodes)
    assert guest.member(EVE.node_id)
    assert {psk_id(node.federation.secrets.psk) for node in nodes} == {psk_id(anna.federation.secrets.psk)}
    assert carl.federation.institution(EVE.node_id) is None


def test_a_federation_of_the_first_version_is_refused_by_name_with_what_to_do() -> None:
    vault = Vault({"federation.manifest": b"some bytes of the first version"})
    node = Node(ANNA, vault)
    assert (node.federation.is_member, node.federation.is_outdated) == (False, True)
    with pytest.raises(NotAMember, match="founds it again with `idas federation create`"):
        node.federation.require_member()
    node.federation.create("Anna Hospital", "Region", now=NOW)
    node.restart()
    assert node.federation.is_admin
    other = Node(BERT, Vault({"federation.manifest": b"?"}))
    other.federation.leave()
    assert not other.federation.is_outdated


def test_a_node_that_was_given_another_key_starts_as_no_member() -> None:
    anna, _, _ = council()
    anna.admit(EVE, "Eve", anna.invite(secret=b"e" * 16))
    anna.federation.remove("Eve", now=NOW)
    other = Node(SigningKey(b"q" * 32), anna.vault)
    assert (other.federation.is_member, other.federation.blinders(now=NOW), other.federation.keys_to_try()) == (
        False,
        [],
        [],
    )


def test_whoever_lacks_a_manifest_is_given_it_and_nothing_is_given_twice() -> None:
    anna, bert, _ = council()
    anna.admit(EVE, "Eve", anna.invite(secret=b"e" * 16))
    lacked = anna.federation.lacking(frozenset(bert.federation.digests()))
    assert lacked is not None
    assert bert.federation.install(lacked, now=NOW) is None
    assert anna.federation.lacking(frozenset(bert.federation.digests())) is None
    assert bert.federation.install(lacked, now=NOW) is ManifestRefusal.NOT_NEWER
    assert bert.federation.state == anna.federation.state


def test_each_admin_announces_what_it_signed_itself() -> None:
    anna, bert, carl = council()
    assert (anna.federation.signed_by(BERT.node_id), carl.federation.own_manifest()) == (1, None)
    own = bert.federation.own_manifest()
    assert own is not None
    assert own.admin == BERT.node_id
    mended(anna, bert, carl)
    assert anna.federation.signed_by(CARL.node_id) == 0
