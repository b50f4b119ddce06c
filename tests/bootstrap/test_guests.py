"""Who may wait at a relay: everybody, those listed, members of federations by what their admin signed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bootstrap.guests import GRACE, MAX_FEDERATIONS, Guests
from bootstrap.relay_settings import RelaySettings
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.crypto.relaying import sign_membership
from idas_p2p.limits import MAX_CLOCK_SKEW
from idas_p2p.wire.federation import Membership
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.relay import RelayRefusal

ADMIN, STRANGER = SigningKey(b"\x11" * 32), SigningKey(b"\x12" * 32)
A, B = (SigningKey(bytes([number]) * 32).node_id for number in (1, 2))
FEDERATION, EXPIRES = b"f" * 32, 10_000
MEMBERS = RelaySettings(enabled=True, federations=frozenset({ADMIN.node_id}))


def membership(
    node: NodeId,
    *,
    epoch: int = 1,
    admin: SigningKey = ADMIN,
    federation: bytes = FEDERATION,
    expires: int = EXPIRES,
) -> Membership:
    """What a member of an epoch shows."""
    signature = sign_membership(admin, federation=federation, node=node, epoch=epoch, expires=expires)
    return Membership(admin=admin.node_id, federation=federation, epoch=epoch, expires=expires, signature=signature)


def asked(guests: Guests, node: NodeId, shown: Membership | None, *, at: float = 0.0) -> RelayRefusal | None:
    return guests.refusal(node, shown, monotonic=at, now=at)


def test_where_nobody_is_listed_everybody_may_wait_and_shows_nothing() -> None:
    guests = Guests(RelaySettings(enabled=True))
    assert asked(guests, A, None) is None
    assert guests.may_stay(A, None, monotonic=0.0) is None


def test_a_member_may_wait_and_a_listed_node_needs_to_show_nothing() -> None:
    guests = Guests(replace(MEMBERS, nodes=frozenset({B})))
    assert asked(guests, A, membership(A)) is None
    assert asked(guests, B, None) is None


@pytest.mark.parametrize(
    ("shown", "refusal"),
    [
        (None, RelayRefusal.MEMBERS_ONLY),
        (membership(B), RelayRefusal.NOT_A_MEMBER),  # another member's, replayed
        (membership(A, admin=STRANGER), RelayRefusal.NOT_A_MEMBER),
        (replace(membership(A, admin=STRANGER), admin=ADMIN.node_id), RelayRefusal.NOT_A_MEMBER),
        (replace(membership(A), epoch=2), RelayRefusal.NOT_A_MEMBER),
        (replace(membership(A), expires=2**40), RelayRefusal.NOT_A_MEMBER),
        (replace(membership(A), federation=bytes(32)), RelayRefusal.NOT_A_MEMBER),
    ],
    ids=["nothing", "another-node", "another-admin", "forged", "later-epoch", "prolonged", "another-federation"],
)
def test_what_is_no_membership_is_refused_by_name(shown: Membership | None, refusal: RelayRefusal) -> None:
    assert asked(Guests(MEMBERS), A, shown) is refusal


def test_a_membership_ends_with_its_manifest() -> None:
    guests = Guests(MEMBERS)
    last = EXPIRES + MAX_CLOCK_SKEW
    assert asked(guests, A, membership(A), at=last - 1) is None
    assert asked(guests, A, membership(A), at=last) is RelayRefusal.MEMBERSHIP_ENDED


def test_a_removed_member_is_shut_out_soon_after_another_has_shown_the_later_epoch() -> None:
    guests = Guests(MEMBERS)
    assert asked(guests, A, membership(A, epoch=1)) is None
    assert asked(guests, B, membership(B, epoch=2), at=100.0) is None
    for at, refusal in ((100.0 + GRACE - 1, None), (100.0 + GRACE, RelayRefusal.MEMBERSHIP_ENDED)):
        assert guests.may_stay(A, membership(A, epoch=1), monotonic=at) is refusal
        assert asked(guests, A, membership(A, epoch=1), at=at) is refusal
    assert guests.may_stay(B, membership(B, epoch=2), monotonic=1e6) is None


def test_more_epochs_do_not_prolong_the_grace_of_an_old_one() -> None:
    guests = Guests(MEMBERS)
    for epoch, at in ((1, 0.0), (2, 10.0), (3, 100.0)):
        assert asked(guests, B, membership(B, epoch=epoch), at=at) is None
    assert asked(guests, A, membership(A, epoch=1), at=101.0) is RelayRefusal.MEMBERSHIP_ENDED
    assert asked(guests, A, membership(A, epoch=2), at=101.0) is None


def test_epochs_of_two_federations_of_one_admin_are_apart() -> None:
    guests = Guests(MEMBERS)
    assert asked(guests, A, membership(A, epoch=9)) is None
    other = membership(B, epoch=1, federation=b"g" * 32)
    assert asked(guests, B, other, at=1_000.0) is None


def test_of_several_admins_of_one_federation_the_last_epoch_of_any_counts() -> None:
    guests = Guests(replace(MEMBERS, federations=frozenset({ADMIN.node_id, STRANGER.node_id})))
    assert asked(guests, A, membership(A, epoch=1)) is None
    assert asked(guests, B, membership(B, epoch=2, admin=STRANGER)) is None
    assert guests.may_stay(A, membership(A, epoch=1), monotonic=GRACE) is RelayRefusal.MEMBERSHIP_ENDED


def test_a_stranger_cannot_bring_an_epoch_forward() -> None:
    guests = Guests(MEMBERS)
    assert asked(guests, A, membership(A)) is None
    asked(guests, B, replace(membership(B), epoch=100))
    assert guests.may_stay(A, membership(A), monotonic=1e6) is None


def test_federations_taken_off_the_list_are_let_go() -> None:
    guests = Guests(MEMBERS)
    assert asked(guests, A, membership(A)) is None
    guests.configure(replace(MEMBERS, federations=frozenset({STRANGER.node_id})))
    assert guests.may_stay(A, membership(A), monotonic=0.0) is RelayRefusal.MEMBERS_ONLY
    guests.configure(RelaySettings(enabled=True, nodes=frozenset({B})))
    assert guests.may_stay(A, membership(A), monotonic=0.0) is RelayRefusal.NOT_ALLOWED


def test_what_is_remembered_of_federations_is_bounded() -> None:
    guests = Guests(MEMBERS)
    for number in range(MAX_FEDERATIONS + 5):
        asked(guests, A, membership(A, federation=number.to_bytes(32, "big")))
    assert len(guests._newest) == MAX_FEDERATIONS
