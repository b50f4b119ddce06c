"""The book of a relay, without a network: who waits, who is connected, who is refused by which name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bootstrap.guests import GRACE
from bootstrap.relay_settings import RelaySettings
from bootstrap.reservations import (
    ANSWER_TIMEOUT,
    CONNECT_BURST,
    MAX_PENDING_PER_BLOCK,
    MAX_PENDING_PER_NODE,
    RESERVE_BURST,
    Reservations,
)
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.crypto.relaying import VOUCHER_LIFETIME
from idas_p2p.limits import MAX_CLOCK_SKEW
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.relay import Connect, RelayRefusal
from tests.bootstrap.test_guests import ADMIN, membership

RELAY, ANOTHER = SigningKey(b"\7" * 32), SigningKey(b"\x08" * 32)
A, B, C = (SigningKey(bytes([number]) * 32).node_id for number in (1, 2, 3))
SITE, OTHER_SITE = "192.0.2.0/24", "198.51.100.0/24"
SETTINGS = RelaySettings(enabled=True, reservations=2_000, reservations_per_block=2_000)


def counter() -> Callable[[int], bytes]:
    """Nonces that count up."""
    last = [0]

    def draw(size: int) -> bytes:
        last[0] += 1
        return last[0].to_bytes(size, "big")

    return draw


def book(settings: RelaySettings = SETTINGS) -> Reservations[str]:
    return Reservations(RELAY, settings, relays=frozenset({ANOTHER.node_id}), random_bytes=counter())


def reserved(one: Reservations[str], node: NodeId = A, *, link: str = "link", block: str = SITE) -> Connect:
    """A node waits; the request that uses its voucher."""
    granted = one.reserve(node, link, block, monotonic=0.0, now=0.0)
    assert isinstance(granted, tuple)
    return Connect(target=node.raw, expires=granted[0], signature=granted[1])


def dialled(
    one: Reservations[str], request: Connect, *, dialer: NodeId = B, block: str = OTHER_SITE, now: float = 0.0
) -> tuple[str, bytes] | RelayRefusal:
    return one.connect(request, dialer, "dialer", block, monotonic=now, now=now)


def test_a_dialer_waits_for_the_answer_with_the_nonce_and_a_nonce_counts_once() -> None:
    one = book()
    granted = dialled(one, reserved(one))
    assert granted == ("link", (1).to_bytes(16, "big"))
    pending = one.answer((1).to_bytes(16, "big"))
    assert pending is not None
    assert (pending.dialer, pending.dialer_id, pending.target) == ("dialer", B, A)
    assert one.answer((1).to_bytes(16, "big")) is None


def test_a_voucher_is_good_until_it_expires() -> None:
    one = book()
    request = reserved(one)
    last = VOUCHER_LIFETIME + MAX_CLOCK_SKEW
    assert isinstance(dialled(one, request, now=last - 1), tuple)
    assert dialled(one, request, now=last) is RelayRefusal.EXPIRED_VOUCHER
    assert dialled(one, replace(request, expires=2**40), now=last) is RelayRefusal.BAD_VOUCHER


def test_a_voucher_of_another_relay_is_none() -> None:
    other = Reservations[str](ANOTHER, SETTINGS, relays=frozenset(), random_bytes=bytes)
    one = book()
    reserved(one)
    assert dialled(one, reserved(other)) is RelayRefusal.BAD_VOUCHER


def test_a_node_that_left_is_not_reached_and_an_old_link_does_not_make_it_leave() -> None:
    one = book()
    request = reserved(one, link="old")
    reserved(one, link="new")
    one.leave(A, "old")
    assert dialled(one, request) == ("new", (1).to_bytes(16, "big"))
    one.leave(A, "new")
    assert dialled(one, request) is RelayRefusal.NO_RESERVATION


def test_places_are_bounded_in_all_and_by_site_and_a_node_that_has_one_keeps_it() -> None:
    one = book(replace(SETTINGS, reservations=2, reservations_per_block=1))
    reserved(one, A)
    assert one.reserve(B, "", SITE, monotonic=0.0, now=0.0) is RelayRefusal.TOO_MANY_FROM_BLOCK
    reserved(one, B, block=OTHER_SITE)
    assert one.reserve(C, "", "third", monotonic=0.0, now=0.0) is RelayRefusal.FULL
    reserved(one, A)
    assert len(one) == 2


def test_a_flood_of_reservations_from_one_site_is_slowed_and_others_are_not() -> None:
    one = book()
    refusals = [one.reserve(A, "", SITE, monotonic=0.0, now=0.0) for _ in range(int(RESERVE_BURST) + 5)][-5:]
    assert refusals == [RelayRefusal.TOO_OFTEN] * 5
    assert one.refusals[RelayRefusal.TOO_OFTEN] == 5
    reserved(one, B, block=OTHER_SITE)


def test_a_flood_of_bad_vouchers_is_slowed() -> None:
    one = book()
    bad = replace(reserved(one), signature=bytes(64))
    refusals = [dialled(one, bad) for _ in range(int(CONNECT_BURST) + 1)]
    assert (refusals[0], refusals[-1]) == (RelayRefusal.BAD_VOUCHER, RelayRefusal.TOO_OFTEN)


def test_dialers_that_wait_for_one_node_are_bounded_and_no_site_takes_every_place() -> None:
    one = book()
    request = reserved(one)
    refusals = [dialled(one, request) for _ in range(MAX_PENDING_PER_BLOCK + 1)]
    assert refusals[-1] is RelayRefusal.TOO_MANY_FROM_BLOCK
    for number in range(MAX_PENDING_PER_NODE - MAX_PENDING_PER_BLOCK):
        assert isinstance(dialled(one, request, block=f"site {number}"), tuple)
    assert dialled(one, request, block="the last") is RelayRefusal.TOO_MANY_FROM_NODE


def test_a_dialer_that_waited_long_enough_or_left_makes_room() -> None:
    one = book()
    request = reserved(one)
    dialled(one, request)
    assert one.expire(monotonic=ANSWER_TIMEOUT - 0.1) == []
    assert one.expire(monotonic=ANSWER_TIMEOUT) == ["dialer"]
    assert one.refusals == {RelayRefusal.TARGET_SILENT: 1}
    dialled(one, request)
    one.forget("dialer")
    assert one.expire(monotonic=2 * ANSWER_TIMEOUT) == []


def test_relays_neither_wait_nor_dial_nor_are_dialled_here() -> None:
    one = book()
    request = reserved(one)
    for relay in (RELAY.node_id, ANOTHER.node_id):
        assert one.reserve(relay, "", SITE, monotonic=0.0, now=0.0) is RelayRefusal.RELAY_OVER_RELAY
        assert dialled(one, request, dialer=relay) is RelayRefusal.RELAY_OVER_RELAY
        assert dialled(one, replace(request, target=relay.raw)) is RelayRefusal.RELAY_OVER_RELAY


def test_nobody_is_let_in_while_it_drains() -> None:
    one = book()
    request = reserved(one)
    one.is_draining = True
    assert one.reserve(B, "", SITE, monotonic=0.0, now=0.0) is RelayRefusal.DRAINING
    assert dialled(one, request) is RelayRefusal.DRAINING


def test_only_listed_nodes_wait_where_there_is_a_list_and_anyone_dials_them() -> None:
    one = book(replace(SETTINGS, nodes=frozenset({A})))
    assert one.reserve(B, "", SITE, monotonic=0.0, now=0.0) is RelayRefusal.NOT_ALLOWED
    assert isinstance(dialled(one, reserved(one, A)), tuple)


def test_nodes_taken_off_the_list_are_let_go_and_the_others_stay() -> None:
    one = book()
    reserved(one, A, link="a")
    request = reserved(one, B, link="b")
    one.configure(replace(SETTINGS, nodes=frozenset({B})))
    assert one.leaving(monotonic=0.0) == [("a", RelayRefusal.NOT_ALLOWED)]
    assert one.reserve(A, "", SITE, monotonic=0.0, now=0.0) is RelayRefusal.NOT_ALLOWED
    assert isinstance(dialled(one, request, dialer=C), tuple)
    one.configure(SETTINGS)
    assert one.leaving(monotonic=0.0) == []


def test_members_wait_by_what_they_show_and_leave_when_a_later_epoch_is_shown() -> None:
    one = book(replace(SETTINGS, federations=frozenset({ADMIN.node_id})))
    assert one.reserve(A, "a", SITE, monotonic=0.0, now=0.0) is RelayRefusal.MEMBERS_ONLY
    for node, link, epoch in ((A, "a", 1), (B, "b", 1), (B, "b", 2)):
        granted = one.reserve(node, link, SITE, shown=membership(node, epoch=epoch), monotonic=0.0, now=0.0)
        assert isinstance(granted, tuple)
    assert one.leaving(monotonic=GRACE - 1) == []
    assert one.leaving(monotonic=GRACE) == [("a", RelayRefusal.MEMBERSHIP_ENDED)]
    assert one.refusals == {RelayRefusal.MEMBERS_ONLY: 1, RelayRefusal.MEMBERSHIP_ENDED: 1}


def test_a_flood_of_memberships_that_are_none_is_slowed() -> None:
    one = book(replace(SETTINGS, federations=frozenset({ADMIN.node_id})))
    forged = replace(membership(A), signature=bytes(64))
    refusals = [one.reserve(A, "", SITE, shown=forged, monotonic=0.0, now=0.0) for _ in range(int(RESERVE_BURST) + 1)]
    assert (refusals[0], refusals[-1]) == (RelayRefusal.NOT_A_MEMBER, RelayRefusal.TOO_OFTEN)
