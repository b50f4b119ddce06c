"""Two nodes that agree to open a connection from both sides: agreeing, bounds, and when it is not tried again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from idas_p2p.crypto.handshake import Initiator
from idas_p2p.errors import Busy, PeerUnreachable
from idas_p2p.exchange.control import ControlLink
from idas_p2p.node.attempts import AFTER_FAILURE
from idas_p2p.node.meetings import MAX_AT_ONCE_PER_PEER, PATH, Meetings, allowed
from idas_p2p.transport.connection import Connection
from idas_p2p.transport.rungs import Reached
from idas_p2p.wire.address import Address
from tests.directory.network import ManualClock, key

BERG = key("berg").node_id


@dataclass
class Taken:
    """What was taken for serving, and by which path."""

    paths: list[str] = field(default_factory=list)

    def take(self, connection: Connection, path: str) -> None:
        self.paths.append(path)
        connection.abort()


@dataclass
class Link:
    """A control link to a node whose meetings these are; `path` is the one it took."""

    meetings: Meetings
    path: str = "relay"
    asked: list[tuple[Address, ...]] = field(default_factory=list)

    async def ping(self) -> None:
        """Answered at once."""

    async def meet(self, places: tuple[Address, ...], *, round_trip: float) -> tuple[Address, ...]:
        self.asked.append(places)
        return self.meetings.answer(BERG, places, round_trip)


@asynccontextmanager
async def meetings(
    *, host: str = "192.0.2.7", taken: Taken | None = None
) -> AsyncIterator[tuple[Meetings, ManualClock]]:
    clock = ManualClock()
    made = Meetings(lambda: [host, "2001:db8::7"], take=(taken or Taken()).take, clock=clock)
    try:
        yield made, clock
    finally:
        await made.stop()


async def prove(connection: Connection) -> Reached:
    return Reached(connection, cast(Initiator, None))


async def climb(mine: Meetings, link: Link) -> Reached:
    async def control(_: object) -> ControlLink:
        return cast(ControlLink, link)

    rung = mine.rung(BERG, control)
    assert rung is not None
    async with asyncio.timeout(0.05):
        return await rung.reach(prove)


async def test_each_side_names_the_address_it_is_seen_at_and_a_port_of_its_own() -> None:
    async with meetings() as (here, _), meetings(host="192.0.2.8") as (there, _):
        link = Link(there)
        with pytest.raises((TimeoutError, PeerUnreachable)):  # nobody is at 192.0.2.0/24 (RFC 5737)
            await climb(here, link)
        ((place,),) = link.asked
        assert place.host == "192.0.2.7"
        assert there.answer(key("other").node_id, (), 0.0)[0].port not in (0, place.port)


async def test_a_pair_for_which_it_failed_is_left_alone_for_a_while() -> None:
    async with meetings() as (here, clock), meetings() as (there, _):
        with pytest.raises((TimeoutError, PeerUnreachable)):
            await climb(here, Link(there))
        assert here.rung(BERG, cast(Any, None)) is None
        clock.advance(AFTER_FAILURE)
        assert here.rung(BERG, cast(Any, None)) is not None


async def test_a_node_that_was_dialled_directly_is_not_met() -> None:
    async with meetings() as (here, _), meetings() as (there, _):
        link = Link(there, path="direct")
        with pytest.raises(PeerUnreachable):
            await climb(here, link)
        assert link.asked == []
        assert here.rung(BERG, cast(Any, None)) is not None


async def test_a_node_that_is_not_seen_at_an_ipv4_address_meets_nobody_and_does_not_wait() -> None:
    async with meetings(host="2001:db8::1") as (here, _), meetings() as (there, _):
        link = Link(there)
        with pytest.raises(PeerUnreachable):
            await climb(here, link)
        assert link.asked == []
        with pytest.raises(PeerUnreachable):
            await climb(there, Link(here))


async def test_one_peer_has_a_few_meetings_at_once_and_loses_none_to_another() -> None:
    async with meetings() as (here, _):
        for _number in range(MAX_AT_ONCE_PER_PEER):
            here.answer(BERG, (), 0.0)
        with pytest.raises(Busy):
            here.answer(BERG, (), 0.0)
        assert here.answer(key("other").node_id, (), 0.0)


async def test_who_connects_to_the_port_that_was_named_is_served_by_this_path() -> None:
    taken = Taken()
    async with meetings(host="127.0.0.1", taken=taken) as (here, _):
        (place,) = here.answer(BERG, (), 0.0)
        for _number in range(2):  # the dialer may yet prefer another of its connections
            _, writer = await asyncio.open_connection(place.host, place.port)
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        async with asyncio.timeout(10):
            while len(taken.paths) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0)
        assert taken.paths == [PATH, PATH]


@pytest.mark.parametrize(
    "place", ["127.0.0.1:7000", "192.0.2.1:22", "0.0.0.0:7000", "224.0.0.1:7000", "a.example:7000"]
)
def test_no_member_has_a_node_connect_to_its_own_services_or_to_well_known_ones(place: str) -> None:
    assert allowed([Address.parse(place), Address("192.0.2.1", 7_000)]) == [Address("192.0.2.1", 7_000)]
