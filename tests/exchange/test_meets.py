"""Agreeing on connections that both sides open, and on ICE."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from idas_p2p.errors import (
    AccessDenied,
    Busy,
)
from idas_p2p.exchange.meets import NO_MEETS, Meets
from idas_p2p.wire.address import Address
from idas_p2p.wire.ice import OF_HOST, IceCandidate, IceTerms
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.messages import (
    IceAnswer,
    IceRequest,
    MeetOffer,
    MeetRequest,
    Ping,
    Pong,
    RequestEnd,
)
from tests.exchange.asked import server
from tests.exchange.ends import BEFORE

MEETING = (Address("203.0.113.7", 40_000),)


async def test_a_current_member_agrees_on_a_meeting_and_is_told_from_where_the_node_connects() -> None:
    asked: list[tuple[tuple[Address, ...], float]] = []

    def meet(peer: NodeId, places: tuple[Address, ...], round_trip: float) -> tuple[Address, ...]:
        asked.append((places, round_trip))
        return MEETING

    async with server(meets=Meets(tcp=meet)) as (peer, _, _):
        await peer.say(MeetRequest(number=1, places=(), round_trip_ms=85))
        assert await peer.hear() == MeetOffer(number=1, places=MEETING)
        assert asked == [((), 0.085)]


async def test_a_meeting_is_refused_to_a_former_key_and_where_there_is_no_room() -> None:
    async with server(psk_id=BEFORE) as (peer, _, _):
        await peer.say(MeetRequest(number=1, places=MEETING, round_trip_ms=85))
        assert await peer.hear() == RequestEnd(number=1, code=AccessDenied.code)
    async with server() as (peer, _, _):
        await peer.say(MeetRequest(number=1, places=MEETING, round_trip_ms=85))
        assert await peer.hear() == RequestEnd(number=1, code=Busy.code)


TERMS = IceTerms(
    user="user",
    password="p" * 22,
    fingerprint=bytes(32),
    candidates=(IceCandidate(OF_HOST, Address("192.0.2.1", 4_000)),),
)


async def test_a_current_member_is_told_the_terms_of_a_connection_by_udp_while_other_questions_go_on() -> None:
    gathered = asyncio.Event()

    async def meet(peer: NodeId, terms: IceTerms) -> IceTerms:
        await gathered.wait()
        return replace(terms, user="answer")

    async with server(meets=Meets(udp=meet)) as (peer, _, _):
        await peer.say(IceRequest(number=1, terms=TERMS), Ping(number=2))
        assert await peer.hear() == Pong(number=2)
        gathered.set()
        assert await peer.hear() == IceAnswer(number=1, terms=replace(TERMS, user="answer"))


async def test_a_connection_by_udp_is_refused_to_a_former_key_and_where_there_is_none() -> None:
    for options, code in (({"psk_id": BEFORE}, AccessDenied.code), ({}, Busy.code)):
        async with server(**options) as (peer, _, _):
            await peer.say(IceRequest(number=1, terms=TERMS))
            assert await peer.hear() == RequestEnd(number=1, code=code)


async def test_a_node_that_meets_nobody_says_so() -> None:
    peer = NodeId(b"p" * 32)
    with pytest.raises(Busy):
        NO_MEETS.tcp(peer, (), 0.1)
    with pytest.raises(Busy):
        await NO_MEETS.udp(peer, IceTerms(user="u", password="p" * 22, fingerprint=bytes(32), candidates=()))
