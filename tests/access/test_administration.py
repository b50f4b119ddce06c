"""What admins do, one at a time and at once, and how a federation survives the loss or theft of an admin's key."""

from __future__ import annotations

import random
from itertools import permutations

import pytest

from idas_p2p.access.manifest import MANIFEST_LIFETIME, ManifestRefusal
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import BadConfiguration, NoSuchThing, NotAMember, NotAnAdmin
from idas_p2p.wire.federation import ADD, REMOVE
from tests.access.region import ANNA, BERT, CARL, EVE, NOW, Node, council, founded, meet, mended, region


def names(node: Node) -> set[str]:
    return set(node.federation.roster().values())


def test_a_second_admin_invites_admits_and_removes_like_the_first() -> None:
    anna, bert, carl = nodes = council()
    bert.admit(EVE, "Eve", bert.invite())
    mended(*nodes)
    assert all("Eve" in names(node) for node in nodes)
    carl.federation.remove("Eve", now=NOW)
    mended(*nodes)
    assert {node.federation.state for node in nodes} == {anna.federation.state}
    assert all("Eve" not in names(node) for node in nodes)


def test_an_admins_own_node_and_strangers_cannot_be_removed() -> None:
    anna, _, _ = council()
    for name in ("Anna Hospital", "Bert Clinic"):
        with pytest.raises(BadConfiguration, match="end its office first"):
            anna.federation.remove(name, now=NOW)
    with pytest.raises(NoSuchThing):
        anna.federation.remove("Zoe", now=NOW)


def test_only_admins_vote_and_only_members_become_admins() -> None:
    anna, bert, _ = region()
    with pytest.raises(NotAnAdmin):
        bert.federation.change_admins(ADD, "Bert Clinic", now=NOW)
    with pytest.raises(NoSuchThing):
        anna.federation.change_admins(ADD, "Zoe", now=NOW)
    with pytest.raises(NotAMember):
        Node(EVE).federation.change_admins(ADD, "Zoe", now=NOW)


def test_two_admins_who_act_at_once_end_with_the_same_members_and_one_manifest() -> None:
    anna, bert, carl = nodes = council()
    anna.admit(EVE, "Eve", anna.invite(secret=b"e" * 16))
    mended(*nodes)
    old = anna.federation.secrets
    zoe, tom = SigningKey(b"z" * 32), SigningKey(b"t" * 32)
    anna.admit(zoe, "Zoe", anna.invite(secret=b"1" * 16))
    bert.federation.remove("Eve", now=NOW)
    carl.admit(tom, "Tom", carl.invite(secret=b"2" * 16))
    mended(*nodes)
    assert all(names(node) == {"Anna Hospital", "Bert Clinic", "Carl Practice", "Zoe", "Tom"} for node in nodes)
    assert len({node.federation.state for node in nodes}) == 1
    assert len({node.federation.secrets.psk for node in nodes}) == 1
    assert anna.federation.secrets not in (old, None)
    sealed_to = {member.node_id for member in anna.federation.require_member().members}
    assert {zoe.node_id, tom.node_id} <= sealed_to
    assert EVE.node_id not in sealed_to


def test_a_removed_member_with_old_secrets_cannot_read_what_two_admins_mended() -> None:
    anna, bert, _ = nodes = council()
    eve = Node(EVE)
    manifest = anna.admit(EVE, "Eve", anna.invite(secret=b"e" * 16))
    assert eve.federation.install(manifest, now=NOW, inviter=ANNA.node_id) is None
    mended(*nodes)
    anna.federation.remove("Eve", now=NOW)
    bert.admit(SigningKey(b"z" * 32), "Zoe", bert.invite(secret=b"z" * 16))  # sealed to Eve as well, under old secrets
    mended(*nodes)
    meet(eve, anna)
    assert not eve.federation.is_member
    assert anna.federation.institution(EVE.node_id) is None
    with pytest.raises(NotAMember):
        eve.federation.secrets  # noqa: B018


def test_a_lost_admin_key_is_replaced_by_the_other_admins_and_its_node_can_be_removed() -> None:
    _, bert, carl = council()  # Anna's machine is gone
    _, _, missing = bert.federation.change_admins(REMOVE, "Anna Hospital", now=NOW)
    assert missing == 1
    meet(bert, carl)
    _, _, missing = carl.federation.change_admins(REMOVE, "Anna Hospital", now=NOW)
    assert missing == 0
    mended(bert, carl)
    assert bert.federation.admins() == carl.federation.admins() == (BERT.node_id, CARL.node_id)
    bert.federation.remove("Anna Hospital", now=NOW)
    bert.admit(EVE, "Eve", bert.invite(secret=b"e" * 16))
    mended(bert, carl)
    assert names(carl) == {"Bert Clinic", "Carl Practice", "Eve"}


def test_two_votes_given_at_once_count_as_soon_as_they_meet() -> None:
    anna, bert, carl = council()
    for node in (bert, carl):
        assert node.federation.change_admins(REMOVE, "Anna Hospital", now=NOW)[2] == 1
    mended(bert, carl)
    assert bert.federation.admins() == (BERT.node_id, CARL.node_id)
    meet(anna, bert)
    assert not anna.federation.is_admin
    assert anna.federation.is_member
    with pytest.raises(NotAnAdmin):
        anna.invite(secret=b"a" * 16)


def test_of_two_admins_the_one_that_is_left_replaces_the_other() -> None:
    anna, bert, _ = nodes = region()
    anna.federation.change_admins(ADD, "Bert Clinic", now=NOW)
    meet(*nodes)
    assert bert.federation.change_admins(REMOVE, "Anna Hospital", now=NOW)[2] == 0
    assert bert.federation.admins() == (BERT.node_id,)


def test_a_stolen_admin_key_neither_shuts_out_the_other_admins_nor_outlives_their_vote() -> None:
    anna, bert, carl = nodes = council()
    with pytest.raises(BadConfiguration):
        carl.federation.remove("Anna Hospital", now=NOW)
    carl.admit(EVE, "Eve", carl.invite(secret=b"e" * 16))  # the thief lets in whom it likes
    mended(*nodes)
    for node in (anna, bert):
        node.federation.change_admins(REMOVE, "Carl Practice", now=NOW)
        meet(*nodes)
    for name in ("Eve", "Carl Practice"):
        anna.federation.remove(name, now=NOW)
    late = carl.federation
    mended(anna, bert)
    assert names(bert) == {"Anna Hospital", "Bert Clinic"}
    own = late.own_manifest()
    assert own is not None
    assert bert.federation.install(own, now=NOW) in (ManifestRefusal.NOT_ADMIN, ManifestRefusal.NOT_NEWER)


def test_an_admin_that_gives_up_its_office_is_none_any_more_when_another_hears_of_it() -> None:
    nodes = council()
    carl = nodes[2]
    assert carl.federation.change_admins(REMOVE, "Carl Practice", now=NOW)[2] == 0
    assert carl.federation.is_admin
    mended(*nodes)
    assert all(node.federation.admins() == (ANNA.node_id, BERT.node_id) for node in nodes)
    assert carl.federation.is_member


def test_a_proposal_that_lacks_votes_changes_nothing_and_is_seen_by_every_member() -> None:
    anna, bert, carl = nodes = council()
    anna.federation.change_admins(REMOVE, "Bert Clinic", now=NOW)
    mended(*nodes)
    (proposal,) = carl.federation.proposals()
    assert (proposal.subject, carl.federation.votes_missing(proposal)) == (BERT.node_id, 1)
    assert bert.federation.is_admin


def test_a_vote_to_add_an_admin_and_the_removal_of_the_same_node_leave_a_member_who_is_admin() -> None:
    anna, bert, carl = nodes = region()
    anna.federation.change_admins(ADD, "Bert Clinic", now=NOW)
    mended(*nodes)
    anna.federation.change_admins(ADD, "Carl Practice", now=NOW)
    mended(anna, bert)
    anna.federation.remove("Carl Practice", now=NOW)  # while the last vote is given
    bert.federation.change_admins(ADD, "Carl Practice", now=NOW)
    mended(anna, bert)
    meet(*nodes)
    assert all("Carl Practice" in names(node) for node in nodes)
    assert carl.federation.is_admin


def test_a_removal_ends_the_used_invitations_of_every_admin() -> None:
    anna, bert, carl = nodes = council()
    used, untold = bert.invite(secret=b"u" * 16, uses=9), bert.invite(secret=b"v" * 16)
    bert.admit(EVE, "Eve", used)
    mended(*nodes)
    anna.federation.remove("Eve", now=NOW)
    mended(*nodes)
    assert [one.code_secret for one in bert.federation.invitations(now=NOW)] == [untold.secret]
    assert carl.federation.institution(EVE.node_id) is None


def test_an_admin_renews_when_half_of_the_manifests_life_is_over_and_the_others_leave_it_time() -> None:
    anna, bert, _ = council()
    first = anna.federation.require_member()
    half = first.issued + MANIFEST_LIFETIME / 2
    assert anna.federation.mend(now=half - 1_000) is None
    assert bert.federation.mend(now=half + 3_600) is None
    renewed = anna.federation.mend(now=half)
    assert renewed is not None
    assert renewed.expires > first.expires
    assert bert.federation.mend(now=half + 86_400 + 1) is not None


def test_the_only_admin_of_a_federation_stays_one() -> None:
    anna = founded()
    with pytest.raises(BadConfiguration, match="only administrator"):
        anna.federation.change_admins(REMOVE, "Anna Hospital", now=NOW)


@pytest.mark.parametrize("seed", range(6))
def test_admins_who_act_at_random_and_meet_at_random_converge(seed: int) -> None:
    """Each act is on what its admin knows then; at the end all who are left know the same."""
    rng, nodes = random.Random(seed), council()
    for number in range(25):
        actor = rng.choice([node for node in nodes if node.federation.is_admin] or [nodes[0]])
        federation = actor.federation
        others = [n for n in federation.roster() if n not in federation.admins()]
        if rng.random() < 0.5 or not others:
            guest, secret = SigningKey(rng.randbytes(32)), rng.randbytes(16)
            name = f"Guest {rng.randrange(6)}"
            if name not in names(actor):
                actor.admit(guest, name, actor.invite(secret=secret))
        else:
            federation.remove(str(rng.choice(others)), now=NOW)
        if number % 5 == 0:
            meet(*rng.sample(nodes, 2))
        if rng.random() < 0.2:
            federation.mend(now=NOW)
    mended(*nodes)
    assert len({node.federation.state for node in nodes}) == 1
    assert len({node.federation.secrets.psk for node in nodes}) == 1
    assert names(nodes[0]) == names(nodes[1]) == names(nodes[2])
    in_force = nodes[0].federation.require_member()
    assert {member.node_id for member in in_force.members} == set(nodes[0].federation.roster())


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_admins_who_remove_each_other_at_once_agree_on_who_is_left(order: tuple[int, ...]) -> None:
    nodes = council()
    for voter, gone in ((0, "Bert Clinic"), (1, "Anna Hospital"), (2, "Anna Hospital")):
        nodes[voter].federation.change_admins(REMOVE, gone, now=NOW)
    mended(*(nodes[place] for place in order))
    assert all(node.federation.admins() == (BERT.node_id, CARL.node_id) for node in nodes)
