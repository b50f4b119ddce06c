"""Two nodes that agree on a connection by UDP: agreeing, bounds, when it is not tried, and nothing left behind."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from idas_p2p.crypto.handshake import Initiator
from idas_p2p.errors import Busy, PeerUnreachable
from idas_p2p.exchange.control import ControlLink
from idas_p2p.node import meetings
from idas_p2p.node.attempts import AFTER_FAILURE
from idas_p2p.node.webrtc import MAX_PER_PEER, PATH, Hosts, WebRtc, allowed
from idas_p2p.transport.connection import Connection
from idas_p2p.transport.rungs import Reached
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.ice import OF_HOST, REFLEXIVE, IceCandidate, IceTerms
from tests.directory.network import ManualClock, key

BERG = key("berg").node_id
TERMS = IceTerms(user="user", password="p" * 22, fingerprint=bytes(32), candidates=())
NOBODY = replace(TERMS, candidates=(IceCandidate(OF_HOST, Address("127.0.0.8", 9_000)),))
HERE = Hosts(["127.0.0.1"], frozenset(["127.0.0.1"]))
NOWHERE = Hosts(["192.0.2.1"], frozenset(["192.0.2.1"]))  # RFC 5737: no address of this machine


@dataclass
class Taken:
    """What was taken for serving, and by which path."""

    given: asyncio.Queue[tuple[Connection, str]] = field(default_factory=lambda: asyncio.Queue(maxsize=4))

    def take(self, connection: Connection, path: str) -> None:
        self.given.put_nowait((connection, path))


@dataclass
class Link:
    """A control link to a node whose connections by UDP these are; `path` is the one it took."""

    there: WebRtc
    path: str = "relay"
    asked: list[IceTerms] = field(default_factory=list)

    async def meet_by_udp(self, terms: IceTerms) -> IceTerms:
        self.asked.append(terms)
        return await self.there.answer(BERG, terms)


@asynccontextmanager
async def webrtc(*, hosts: Hosts = HERE, taken: Taken | None = None) -> AsyncIterator[tuple[WebRtc, ManualClock]]:
    clock = ManualClock()
    name = Contact(Address("no-such-host.invalid", 443), BERG)
    made = WebRtc(lambda: hosts, lambda: (name,), take=(taken or Taken()).take, clock=clock)
    try:
        yield made, clock
    finally:
        async with asyncio.timeout(10):
            await made.stop()
        assert len(made._tasks) == 0
        assert not +made._answered


@pytest.fixture(autouse=True)
def _loopback_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meetings, "_is_own", lambda host: host == "127.0.0.9")


async def prove(connection: Connection) -> Reached:
    return Reached(connection, cast(Initiator, None))


async def climb(mine: WebRtc, link: Link) -> Reached:
    async def control(_: object) -> ControlLink:
        return cast(ControlLink, link)

    rung = mine.rung(BERG, control)
    assert rung is not None
    async with asyncio.timeout(20):
        return await rung.reach(prove)


async def test_two_nodes_connect_and_each_serves_its_end() -> None:
    taken = Taken()
    async with webrtc() as (here, _), webrtc(taken=taken) as (there, _):
        reached = await climb(here, Link(there))
        served, path = await asyncio.wait_for(taken.given.get(), 20)
        assert path == PATH
        reached.connection.write(b"hello")
        assert await served.receive() == b"hello"
        assert here.rung(BERG, cast(Any, None)) is not None
        reached.abort()
        served.abort()


async def test_a_pair_for_which_it_failed_is_left_alone_for_a_while_unless_nobody_waits() -> None:
    async with webrtc() as (here, clock), webrtc(hosts=NOWHERE) as (there, _):
        with pytest.raises(PeerUnreachable, match="no UDP socket"):
            await climb(here, Link(there))
        assert here.rung(BERG, cast(Any, None)) is None
        assert here.rung(BERG, cast(Any, None), again=True) is not None
        clock.advance(AFTER_FAILURE)
        assert here.rung(BERG, cast(Any, None)) is not None


async def test_a_node_whose_network_lets_no_udp_out_says_so_at_once_and_asks_nobody() -> None:
    async with webrtc(hosts=Hosts((), frozenset())) as (here, _), webrtc() as (there, _):
        link = Link(there)
        with pytest.raises(PeerUnreachable, match="lets no UDP out"):
            await climb(here, link)
        assert link.asked == []
        with pytest.raises(PeerUnreachable, match="lets no UDP out"):
            await here.answer(BERG, TERMS)


async def test_a_node_that_was_dialled_directly_is_asked_nothing() -> None:
    async with webrtc() as (here, _), webrtc() as (there, _):
        link = Link(there, path="direct")
        with pytest.raises(PeerUnreachable):
            await climb(here, link)
        assert link.asked == []
        assert here.rung(BERG, cast(Any, None)) is not None


async def test_one_peer_opens_a_few_at_once_and_takes_no_place_from_another() -> None:
    async with webrtc() as (here, _):
        for _number in range(MAX_PER_PEER):
            await here.answer(BERG, NOBODY)
        with pytest.raises(Busy):
            await here.answer(BERG, NOBODY)
        assert (await here.answer(key("other").node_id, NOBODY)).candidates


async def test_who_asked_and_never_came_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idas_p2p.node.webrtc.TIMEOUT", 0.1)
    async with webrtc() as (here, _):
        await here.answer(BERG, NOBODY)
        await asyncio.wait(here._tasks._tasks, timeout=20)
        assert len(here._tasks) == 0


@pytest.mark.parametrize("place", ["127.0.0.9:7000", "192.0.2.1:22", "192.0.2.1:443"])
def test_no_member_has_a_node_send_to_its_own_services_or_to_well_known_ones(place: str) -> None:
    good = IceCandidate(REFLEXIVE, Address("192.0.2.1", 7_000))
    terms = replace(TERMS, candidates=(IceCandidate(OF_HOST, Address.parse(place)), good))
    assert allowed(terms).candidates == (good,)


def test_a_node_that_never_needs_it_does_not_load_it() -> None:
    said = "import sys, idas_p2p.node.node; print({'aiortc', 'aioice', 'av'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "set()\n"
