"""Invitations: allowed while they live, counted, ended by a removal, kept over a restart."""

from __future__ import annotations

import pytest

from idas_p2p.access.admission import MAX_INVITATIONS, MAX_USES, Admission, psk_id
from idas_p2p.access.invitation import invitation_psk
from idas_p2p.errors import BadConfiguration
from tests.access.region import Vault

SECRET = b"s" * 16
PROVED = psk_id(invitation_psk(SECRET))


def admission(*, uses: int = 1, expires: float = 20.0) -> Admission:
    one = Admission(Vault())
    one.add(SECRET, expires=expires, uses=uses, now=10.0)
    return one


def test_the_joining_key_is_found_until_the_invitation_expires_not_longer() -> None:
    assert admission().find_psk(PROVED, now=19.9) == invitation_psk(SECRET)
    assert admission().find_psk(PROVED, now=20.0) is None


def test_an_unknown_key_is_not_found() -> None:
    assert admission().find_psk(bytes(8), now=10.0) is None
    assert not admission().has_use_left(bytes(8), now=10.0)


def test_an_invitation_has_as_many_uses_as_it_was_made_with() -> None:
    one = admission(uses=2)
    one.use(PROVED, now=10.0)
    assert one.has_use_left(PROVED, now=10.0)
    one.use(PROVED, now=10.0)
    assert not one.has_use_left(PROVED, now=10.0)
    assert one.usable(now=10.0) == []


def test_a_used_up_invitation_still_lets_its_guest_ask_again() -> None:
    one = admission()
    one.use(PROVED, now=10.0)
    assert one.find_psk(PROVED, now=10.0) == invitation_psk(SECRET)


def test_what_is_usable_is_listed_with_its_expiry() -> None:
    assert admission().usable(now=10.0) == [(SECRET, 20)]
    assert admission().usable(now=20.0) == []


def test_ending_the_used_ones_leaves_those_nobody_knows() -> None:
    one = admission(uses=5)
    one.add(b"t" * 16, expires=20.0, uses=5, now=10.0)
    one.use(PROVED, now=10.0)
    one.end_used()
    assert one.find_psk(PROVED, now=10.0) is None
    assert one.usable(now=10.0) == [(b"t" * 16, 20)]


def test_a_restart_changes_nothing() -> None:
    vault = Vault()
    one = Admission(vault)
    one.add(SECRET, expires=20.0, uses=2, now=10.0)
    one.use(PROVED, now=10.0)
    again = Admission(vault)
    assert again.usable(now=10.0) == [(SECRET, 20)]
    again.end_used()
    assert Admission(vault).usable(now=10.0) == []


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

    text = repr(OpenInvitation(code_secret=SECRET, expires=1, uses_left=1, was_used=False))
    assert text == "OpenInvitation(1 uses left)"
