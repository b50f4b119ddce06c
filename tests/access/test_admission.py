"""Invitations: allowed while they live, counted, ended by a removal, kept over a restart."""

from __future__ import annotations

import pytest

from idas_p2p.access.admission import MAX_ASKING, MAX_INVITATIONS, MAX_USES, Admission, AskingNode, psk_id
from idas_p2p.access.invitation import invitation_psk
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import BadConfiguration, Busy, NoSuchThing
from tests.access.region import BERT, Vault

SECRET = b"s" * 16
PROVED = psk_id(invitation_psk(SECRET))


def admission(*, uses: int = 1, expires: float = 20.0) -> Admission:
    one = Admission(Vault())
    one.add(SECRET, expires=expires, uses=uses, now=10.0)
    return one


def left(one: Admission) -> int:
    found = one.find(PROVED, now=10.0)
    return found.uses_left if found else 0


def usable(one: Admission, *, now: float = 10.0) -> list[tuple[bytes, int]]:
    return [(item.code_secret, item.expires) for item in one.current(now=now) if item.uses_left]


def test_the_joining_key_is_found_until_the_invitation_expires_not_longer() -> None:
    assert admission().find_psk(PROVED, now=19.9) == invitation_psk(SECRET)
    assert admission().find_psk(PROVED, now=20.0) is None


def test_an_unknown_key_is_not_found() -> None:
    assert admission().find_psk(bytes(8), now=10.0) is None
    assert admission().find(bytes(8), now=10.0) is None


def test_an_invitation_has_as_many_uses_as_it_was_made_with() -> None:
    one = admission(uses=2)
    one.use(PROVED, now=10.0)
    assert left(one)
    one.use(PROVED, now=10.0)
    assert not left(one)
    assert usable(one) == []


def test_a_used_up_invitation_still_lets_its_guest_ask_again() -> None:
    one = admission()
    one.use(PROVED, now=10.0)
    assert one.find_psk(PROVED, now=10.0) == invitation_psk(SECRET)


def test_what_is_usable_is_listed_with_its_expiry() -> None:
    assert usable(admission()) == [(SECRET, 20)]
    assert usable(admission(), now=20.0) == []


def test_ending_the_used_ones_leaves_those_nobody_knows() -> None:
    one = admission(uses=5)
    one.add(b"t" * 16, expires=20.0, uses=5, now=10.0)
    one.use(PROVED, now=10.0)
    one.end_used()
    assert one.find_psk(PROVED, now=10.0) is None
    assert usable(one) == [(b"t" * 16, 20)]


def test_a_restart_changes_nothing() -> None:
    vault = Vault()
    one = Admission(vault)
    one.add(SECRET, expires=20.0, uses=2, now=10.0)
    one.use(PROVED, now=10.0)
    again = Admission(vault)
    assert usable(again) == [(SECRET, 20)]
    again.end_used()
    assert usable(Admission(vault)) == []


@pytest.mark.parametrize(("uses", "expires"), [(0, 20.0), (-1, 20.0), (MAX_USES + 1, 20.0), (1, 10.0), (1, 2.0**64)])
def test_uses_and_expiry_that_make_no_sense_are_refused_and_not_stored(uses: int, expires: float) -> None:
    vault = Vault()
    with pytest.raises(BadConfiguration):
        Admission(vault).add(SECRET, expires=expires, uses=uses, now=10.0)
    assert vault.values == {}


def test_there_is_room_again_once_invitations_have_expired() -> None:
    one = Admission(Vault())
    for number in range(MAX_INVITATIONS):
        one.add(number.to_bytes(16, "big"), expires=20.0, uses=1, now=10.0)
    with pytest.raises(BadConfiguration, match="have not expired"):
        one.add(SECRET, expires=20.0, uses=1, now=10.0)
    one.add(SECRET, expires=30.0, uses=1, now=20.0)


def test_an_invitation_never_prints_its_secret() -> None:
    from idas_p2p.access.admission import OpenInvitation

    text = repr(OpenInvitation(code_secret=SECRET, expires=1, uses_left=1, was_used=False, needs_approval=False))
    assert text == "OpenInvitation(1 uses left)"


def test_an_invitation_is_revoked_by_its_label_and_nothing_else_is() -> None:
    one = admission()
    other = one.add(b"t" * 16, expires=20.0, uses=1, now=10.0)
    with pytest.raises(NoSuchThing):
        one.revoke("00000000", now=10.0)
    (first,) = (item for item in one.current(now=10.0) if item != other)
    assert one.revoke(first.label.upper(), now=10.0) == first
    assert one.find_psk(PROVED, now=10.0) is None
    assert one.current(now=10.0) == [other]


def asking(name: str = "Bert", *, identity: SigningKey = BERT) -> AskingNode:
    return AskingNode.of(identity.node_id, name, proved=PROVED, now=11.0)


def test_who_waits_is_kept_over_a_restart_and_forgotten_with_the_invitation() -> None:
    vault = Vault()
    one = Admission(vault)
    one.add(SECRET, expires=20.0, uses=1, needs_approval=True, now=10.0)
    assert one.ask(asking(), now=11.0)
    assert one.ask(asking(), now=12.0)
    assert Admission(vault).asking(now=12.0) == [asking()]
    assert Admission(vault).asking(now=20.0) == []


def test_a_refusal_is_remembered_and_a_new_name_does_not_undo_it() -> None:
    one = admission()
    one.ask(asking(), now=11.0)
    one.settle(asking(), is_refused=True, now=12.0)
    assert not one.ask(asking(), now=13.0)
    assert not one.ask(asking("Bertram"), now=13.0)
    assert [node.is_refused for node in one.asking(now=13.0)] == [True]


def test_whoever_asks_under_another_name_waits_once_under_the_latest() -> None:
    one = admission()
    one.ask(asking(), now=11.0)
    assert one.ask(asking("Bertram"), now=12.0)
    assert [node.institution for node in one.asking(now=12.0)] == ["Bertram"]


def test_the_places_to_wait_are_bounded() -> None:
    one = admission()
    for number in range(MAX_ASKING):
        one.ask(asking(identity=SigningKey(number.to_bytes(32, "big"))), now=11.0)
    with pytest.raises(Busy):
        one.ask(asking(identity=SigningKey(b"?" * 32)), now=11.0)
