"""The life of one reservation: had, prolonged, refused, lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bootstrap.relay_settings import RelaySettings
from idas_p2p.clock import SystemClock
from idas_p2p.errors import ChannelClosed, IdasError, PeerUnreachable
from idas_p2p.transport import reservation as module
from idas_p2p.transport.reservation import Reservation
from idas_p2p.wire.address import Contact
from idas_p2p.wire.federation import Membership
from idas_p2p.wire.relay import RelayRefusal
from tests.bootstrap.relaying import RELAY, relaying, until, waiting
from tests.bootstrap.test_guests import ADMIN, membership
from tests.transport.pairs import BOB, MALLORY
from tests.transport.test_dialer import closed_port, silent_host
from tests.transport.test_moving import relayed

ON = RelaySettings(enabled=True)
LATER = 2**40  # Unix seconds


class Later(SystemClock):
    """A clock that can be put forward."""

    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


def make(contact: Contact, *, clock: SystemClock | None = None) -> Reservation:
    return Reservation(BOB, contact, take=lambda *_: None, on_changed=lambda: None, clock=clock or SystemClock())


async def test_it_tells_its_offer_and_how_far_the_relay_is() -> None:
    async with relaying() as relay, waiting(relay.contact) as one:
        assert one.offer is not None
        assert (one.offer.relay, one.offer.address) == (relay.contact.node_id, relay.address)
        await until(lambda: one.round_trip is not None)
        assert one.observed is not None


async def test_a_refusal_is_told_by_its_name() -> None:
    async with relaying(replace(ON, reservations=0)) as relay:
        one = make(relay.contact)
        with pytest.raises(PeerUnreachable, match="full"):
            await one.hold()
        assert (one.refusal, one.offer) == ("full", None)


async def test_a_silent_host_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINK_TIMEOUT", 0.02)
    async with silent_host() as address:
        with pytest.raises(PeerUnreachable, match="silent"):
            await make(Contact(address, RELAY.node_id)).hold()


async def test_a_relay_that_is_still_there_is_asked_at_once_when_there_is_doubt_and_kept() -> None:
    async with relaying() as relay, waiting(relay.contact) as one:
        before, measured = one.offer, len(one._round_trips)
        one.check(["127.0.0.1"])
        await until(lambda: len(one._round_trips) > measured)
        one.check(["127.0.0.1"])
        await until(lambda: len(one._round_trips) > measured + 1)
        assert one.offer == before


async def test_a_relay_that_cannot_be_reached_any_more_is_found_out_at_once_when_there_is_doubt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "DOUBT_TIMEOUT", 0.05)
    async with relaying() as relay, relayed(relay.address) as (middle, through):
        one = make(Contact(through, relay.contact.node_id))
        holding = asyncio.gather(one.hold(), return_exceptions=True)
        await until(lambda: one.offer is not None)
        middle.is_frozen.set()
        one.check(["127.0.0.1"])
        (error,) = await holding
        assert isinstance(error, PeerUnreachable)
        assert one.offer is None


async def test_an_ageing_voucher_is_replaced_on_the_same_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PING_INTERVAL", 0.01)
    clock = Later()
    async with relaying() as relay, asyncio.TaskGroup() as group:
        one = make(relay.contact, clock=clock)
        holding = group.create_task(one.hold())
        await until(lambda: one.offer is not None)
        first = one.offer
        monkeypatch.setattr(relay.relay, "_clock", clock)
        clock.ahead = 5_000.0
        await until(lambda: one.offer is not None and one.offer != first)
        assert len(relay.relay.reservations) == 1
        holding.cancel()


async def test_a_membership_is_shown_where_it_is_asked_for_and_nowhere_else() -> None:
    asked: list[int] = []

    def shown() -> list[Membership]:
        asked.append(1)
        return [membership(BOB.node_id, expires=LATER)]

    async with relaying() as relay, waiting(relay.contact, memberships=shown):
        assert (len(relay.relay.reservations), asked) == (1, [])
    async with relaying(replace(ON, federations=frozenset({ADMIN.node_id}))) as relay:
        async with waiting(relay.contact, memberships=shown) as one:
            assert (len(relay.relay.reservations), one.refusal) == (1, "")
            assert asked
            assert relay.relay.reservations.refusals == {RelayRefusal.MEMBERS_ONLY: 1}
        await until(lambda: not len(relay.relay.reservations))
        with pytest.raises(PeerUnreachable, match="members_only"):
            await make(relay.contact).hold()  # it has nothing to show


async def test_a_member_of_several_federations_is_let_in_by_the_one_that_is_served() -> None:
    others = [membership(BOB.node_id, admin=MALLORY, federation=b"o" * 32, expires=LATER)]
    ours = membership(BOB.node_id, expires=LATER)
    async with relaying(replace(ON, federations=frozenset({ADMIN.node_id}))) as relay:
        async with waiting(relay.contact, memberships=lambda: [*others, ours]) as one:
            assert (len(relay.relay.reservations), one.refusal) == (1, "")
            assert relay.relay.reservations.refusals == {RelayRefusal.MEMBERS_ONLY: 1, RelayRefusal.NOT_A_MEMBER: 1}
        await until(lambda: not len(relay.relay.reservations))
        stranger = Reservation(
            BOB, relay.contact, take=lambda *_: None, on_changed=lambda: None, memberships=lambda: 2 * others,
            clock=SystemClock(),
        )  # fmt: skip
        with pytest.raises(PeerUnreachable, match="not_a_member"):
            await stranger.hold()


async def test_the_membership_of_a_new_epoch_is_shown_with_the_next_ping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PING_INTERVAL", 0.01)
    epoch = 1
    settings = replace(ON, federations=frozenset({ADMIN.node_id}))
    async with (
        relaying(settings) as relay,
        waiting(relay.contact, memberships=lambda: [membership(BOB.node_id, epoch=epoch, expires=LATER)]),
    ):
        granted = relay.relay.reservations.granted
        epoch = 2
        await until(lambda: relay.relay.reservations.granted == granted + 1)
        (place,) = relay.relay.reservations._places.values()
        assert place.shown == membership(BOB.node_id, epoch=2, expires=LATER)


async def test_a_relay_that_is_gone_ends_it() -> None:
    async with relaying() as relay:
        one = make(relay.contact)

        async def hold() -> None:
            with pytest.raises(ChannelClosed):
                await one.hold()

        async with asyncio.TaskGroup() as group:
            group.create_task(hold())
            await until(lambda: one.offer is not None)
            for link in relay.relay.reservations.links():
                link.transport.abort()
        assert one.offer is None


async def test_a_port_that_is_closed_ends_it_at_once() -> None:
    with pytest.raises(IdasError):
        await make(Contact(closed_port(), RELAY.node_id)).hold()
