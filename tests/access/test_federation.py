"""One node's membership: joining, being removed, the keys of each epoch, and what a restart keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from idas_p2p.access.federation import Federation, psk_id
from idas_p2p.access.manifest import ManifestRefusal
from idas_p2p.errors import AwaitingApproval, BadCode, BadConfiguration, NoSuchThing, NotAMember, NotAnAdmin
from idas_p2p.limits import RECORD_LIFETIME
from tests.access.region import ANNA, BERT, CARL, EVE, NOW, Node, founded, region


def psk_of(federation: Federation) -> bytes:
    return psk_id(federation.secrets.psk)


def test_a_node_outside_a_federation_has_nothing() -> None:
    federation = Node(ANNA).federation
    assert (federation.is_member, federation.is_admin, federation.epoch) == (False, False, 0)
    assert (federation.others(), federation.blinders(now=NOW)) == ([], [])
    assert federation.find_member_psk(bytes(8)) is None
    for use in (federation.require_member, lambda: federation.secrets, lambda: federation.remove("x", now=NOW)):
        with pytest.raises(NotAMember):
            use()


def test_a_joining_node_becomes_a_member_like_the_others() -> None:
    anna, bert, carl = region()
    assert bert.federation.secrets == carl.federation.secrets == anna.federation.secrets
    assert set(bert.federation.others()) == {ANNA.node_id, CARL.node_id}
    assert bert.federation.institution(CARL.node_id) == "Carl Practice"
    assert (anna.federation.is_admin, bert.federation.is_admin) == (True, False)


def test_a_restart_changes_nothing() -> None:
    anna, bert, _ = region()
    bert.federation.install(anna.federation.remove("Carl Practice", now=NOW), now=NOW)
    before = (bert.federation.secrets, bert.federation.epoch, bert.federation.blinders(now=NOW))
    bert.restart()
    assert (bert.federation.secrets, bert.federation.epoch, bert.federation.blinders(now=NOW)) == before


def test_a_node_that_left_knows_nothing_any_more_also_after_a_restart() -> None:
    _, bert, _ = region()
    bert.federation.leave()
    bert.restart()
    assert (bert.federation.is_member, bert.federation.manifest, bert.federation.blinders(now=NOW)) == (False, None, [])
    with pytest.raises(NotAMember):
        bert.federation.leave()


def test_an_admin_does_not_leave_others_behind() -> None:
    anna, _, _ = region()
    with pytest.raises(BadConfiguration, match="remove the other members"):
        anna.federation.leave()


def test_a_requester_is_a_member_and_the_user_it_names() -> None:
    anna, _, _ = region()
    requester = anna.federation.requester(BERT.node_id, "dr.b")
    assert (requester.institution, requester.user) == ("Bert Clinic", "dr.b")
    with pytest.raises(NotAMember, match="not on the roster"):
        anna.federation.requester(EVE.node_id, "dr.e")


def test_a_removed_member_is_off_the_roster_and_cannot_read_the_new_secrets() -> None:
    anna, bert, carl = region()
    old = anna.federation.secrets
    manifest = anna.federation.remove("carl practice", now=NOW)
    assert bert.federation.install(manifest, now=NOW) is None
    assert carl.federation.install(manifest, now=NOW) is None
    assert bert.federation.secrets == anna.federation.secrets != old
    assert bert.federation.institution(CARL.node_id) is None
    assert not carl.federation.is_member
    assert carl.federation.blinders(now=NOW + RECORD_LIFETIME) == []


def test_the_key_of_the_epoch_before_is_known_but_not_current() -> None:
    anna, _, _ = region()
    old = psk_of(anna.federation)
    assert anna.federation.is_current(old)
    anna.federation.remove("Carl Practice", now=NOW)
    assert anna.federation.find_member_psk(old) is not None
    assert not anna.federation.is_current(old)
    anna.federation.remove("Bert Clinic", now=NOW)
    assert anna.federation.find_member_psk(old) is not None  # of a member that was away over both removals
    anna.restart()
    assert anna.federation.find_member_psk(old) is not None
    assert not anna.federation.is_current(old)


def test_a_manifest_of_a_former_epoch_is_refused() -> None:
    anna, bert, _ = region()
    former = anna.federation.require_member()
    bert.federation.install(anna.federation.remove("Carl Practice", now=NOW), now=NOW)
    assert bert.federation.install(former, now=NOW) is ManifestRefusal.NOT_NEWER


def test_a_node_without_invitation_installs_nothing() -> None:
    anna, _, _ = region()
    assert Node(EVE).federation.install(anna.federation.require_member(), now=NOW) is ManifestRefusal.NOT_ADMIN


def test_a_joining_node_installs_only_what_its_inviter_signed_and_what_names_it() -> None:
    manifest = founded().federation.require_member()
    joining = Node(BERT).federation
    assert joining.install(manifest, now=NOW, inviter=EVE.node_id) is ManifestRefusal.NOT_ADMIN
    assert joining.install(manifest, now=NOW, inviter=ANNA.node_id) is ManifestRefusal.NOT_NAMED
    assert joining.epoch == 0


def test_a_manifest_whose_secrets_do_not_open_leaves_the_one_before_in_force() -> None:
    anna, bert, _ = region()
    good = anna.federation.remove("Carl Practice", now=NOW)
    members = [m if m.node_id == ANNA.node_id else replace(m, sealed_secrets=b"?" * 151) for m in good.members]
    broken = replace(good, members=tuple(members))
    broken = replace(broken, signature=ANNA.sign(broken.signed_bytes()))
    assert bert.federation.install(broken, now=NOW) is ManifestRefusal.NOT_SEALED
    bert.restart()
    assert bert.federation.epoch == 3
    assert bert.federation.install(good, now=NOW) is None


def test_old_places_are_read_for_one_record_lifetime_after_the_secrets_changed() -> None:
    anna, _, _ = region()
    assert len(anna.federation.blinders(now=NOW)) == 1
    anna.federation.remove("Carl Practice", now=NOW)
    assert len(anna.federation.blinders(now=NOW + RECORD_LIFETIME - 1)) == 2
    late = NOW + RECORD_LIFETIME
    invitation = anna.invite(secret=b"j" * 16, expires=late + 9)
    anna.admit(EVE, "Eve", invitation, now=late)
    assert len(anna.federation.blinders(now=late)) == 1


# -- admitting


def test_an_invitation_admits_once_by_default() -> None:
    anna = founded()
    invitation = anna.invite()
    anna.admit(BERT, "Bert", invitation)
    with pytest.raises(BadCode, match="used up"):
        anna.admit(CARL, "Carl", invitation)


def test_a_node_whose_answer_was_lost_gets_it_again_from_a_used_up_invitation() -> None:
    anna = founded()
    invitation = anna.invite()
    manifest = anna.admit(BERT, "Bert", invitation)
    assert anna.federation.find_invitation_psk(psk_id(invitation.psk), now=NOW) == invitation.psk
    assert anna.admit(BERT, "Bert", invitation) == manifest


def test_an_expired_or_unknown_invitation_admits_nobody() -> None:
    anna = founded()
    invitation = anna.invite(expires=NOW + 1)
    with pytest.raises(BadCode, match="expired"):
        anna.admit(BERT, "Bert", invitation, now=NOW + 1)
    with pytest.raises(BadCode, match="expired"):
        anna.admit(BERT, "Bert", replace(invitation, secret=b"?" * 16))


def test_a_removed_member_cannot_come_back_with_the_code_it_knows() -> None:
    anna = founded()
    invitation, untold = anna.invite(uses=5), anna.invite(secret=b"u" * 16)
    anna.admit(BERT, "Bert", invitation)
    anna.federation.remove("Bert", now=NOW)
    assert anna.federation.find_invitation_psk(psk_id(invitation.psk), now=NOW) is None
    with pytest.raises(BadCode):
        anna.admit(BERT, "Bert", invitation)
    assert anna.admit(CARL, "Carl", untold).member(CARL.node_id)


@pytest.mark.parametrize("name", ["anna hospital", " Bert", "Bert\x1b[2J", str(ANNA.node_id), "B" * 65])
def test_a_joining_node_cannot_take_a_name_that_could_deceive(name: str) -> None:
    anna = founded()
    with pytest.raises(BadCode):
        anna.admit(BERT, name, anna.invite())
    assert anna.federation.epoch == 1


def test_a_member_may_join_again_under_another_name() -> None:
    anna = founded()
    invitation = anna.invite(uses=2)
    anna.admit(BERT, "Bert", invitation)
    anna.admit(BERT, "Bert Clinic", invitation)
    assert anna.federation.institution(BERT.node_id) == "Bert Clinic"
    assert len(anna.federation.others()) == 1


def test_only_the_admin_invites_admits_and_removes() -> None:
    anna, bert, _ = region()
    invitation = anna.invite(secret=b"n" * 16)
    with pytest.raises(NotAnAdmin):
        bert.invite()
    with pytest.raises(NotAnAdmin):
        bert.admit(EVE, "Eve", invitation)
    with pytest.raises(NotAnAdmin):
        bert.federation.remove("Carl Practice", now=NOW)
    assert bert.federation.mend(now=1e12) is None


@pytest.mark.parametrize(("institution", "name"), [("", "R"), ("A", ""), ("A", "R" * 65), ("A\n", "R")])
def test_a_federation_is_not_founded_under_a_name_nobody_could_read(institution: str, name: str) -> None:
    node = Node(ANNA)
    with pytest.raises(BadConfiguration):
        node.federation.create(institution, name, now=NOW)
    assert node.vault.values == {}


def test_a_member_cannot_found_a_second_federation() -> None:
    with pytest.raises(BadConfiguration, match="already"):
        founded().federation.create("Anna", "Other", now=NOW)


def test_a_removed_node_forgets_the_old_secrets_when_it_joins_another_federation() -> None:
    anna, _, carl = region()
    old = psk_of(carl.federation)
    carl.federation.install(anna.federation.remove("Carl Practice", now=NOW), now=NOW)
    other = Node(EVE)
    other.federation.create("Eve", "Elsewhere", now=NOW)
    manifest = other.admit(CARL, "Carl", other.invite())
    assert carl.federation.install(manifest, now=NOW, inviter=EVE.node_id) is None
    carl.restart()
    assert carl.federation.find_member_psk(old) is None
    assert len(carl.federation.blinders(now=NOW)) == 1


def test_what_shows_membership_to_a_relay_follows_the_epoch_and_ends_with_it() -> None:
    anna, bert, carl = region()
    before = bert.federation.membership()
    assert before is not None
    bert.federation.install(anna.federation.remove("Carl Practice", now=NOW), now=NOW)
    after = bert.federation.membership()
    assert after is not None
    assert (after.federation, after.epoch) == (before.federation, before.epoch + 1)
    manifest = bert.federation.manifest
    assert manifest is not None
    carl.federation.install(manifest, now=NOW)
    assert carl.federation.membership() is None
    assert Node(EVE).federation.membership() is None


# -- approval


def test_a_node_that_needs_approval_waits_until_it_is_given() -> None:
    anna = founded()
    invitation = anna.invite(needs_approval=True)
    for _ in range(2):
        with pytest.raises(AwaitingApproval):
            anna.admit(BERT, "Bert", invitation)
    assert [one.institution for one in anna.federation.asking(now=NOW)] == ["Bert"]
    assert anna.federation.institution(BERT.node_id) is None
    manifest = anna.federation.approve("bert", now=NOW)
    assert anna.admit(BERT, "Bert", invitation) == manifest
    assert anna.federation.asking(now=NOW) == []


def test_a_refused_node_is_told_and_cannot_ask_again_with_the_same_code() -> None:
    anna = founded()
    invitation = anna.invite(needs_approval=True, uses=5)
    with pytest.raises(AwaitingApproval):
        anna.admit(BERT, "Bert", invitation)
    anna.federation.refuse(str(BERT.node_id), now=NOW)
    with pytest.raises(BadCode, match="refused this node"):
        anna.admit(BERT, "Bertram", invitation)
    with pytest.raises(NoSuchThing):
        anna.federation.approve("Bert", now=NOW)


def test_no_more_are_approved_than_the_invitation_has_uses() -> None:
    anna = founded()
    invitation = anna.invite(needs_approval=True)
    for identity, name in ((BERT, "Bert"), (CARL, "Carl")):
        with pytest.raises(AwaitingApproval):
            anna.admit(identity, name, invitation)
    anna.federation.approve("Bert", now=NOW)
    with pytest.raises(BadCode, match="used up"):
        anna.federation.approve("Carl", now=NOW)


def test_of_two_that_wait_under_one_name_the_operator_must_say_which() -> None:
    anna = founded()
    invitation = anna.invite(needs_approval=True, uses=5)
    for identity in (BERT, CARL):
        with pytest.raises(AwaitingApproval):
            anna.admit(identity, "Clinic", invitation)
    with pytest.raises(NoSuchThing, match="give the NodeId"):
        anna.federation.approve("Clinic", now=NOW)
    anna.federation.approve(str(CARL.node_id), now=NOW)
    with pytest.raises(BadCode, match="another member"):
        anna.federation.approve(str(BERT.node_id), now=NOW)


def test_a_revoked_invitation_admits_nobody_and_whoever_waited_waits_no_more() -> None:
    anna = founded()
    invitation = anna.invite(needs_approval=True)
    with pytest.raises(AwaitingApproval):
        anna.admit(BERT, "Bert", invitation)
    (made,) = anna.federation.invitations(now=NOW)
    anna.federation.revoke(made.label, now=NOW)
    assert anna.federation.asking(now=NOW) == []
    assert anna.federation.find_invitation_psk(psk_id(invitation.psk), now=NOW) is None
    with pytest.raises(BadCode):
        anna.admit(BERT, "Bert", invitation)


def test_only_an_administrator_approves() -> None:
    _, bert, _ = region()
    with pytest.raises(NotAnAdmin):
        bert.federation.approve("Eve", now=NOW)
