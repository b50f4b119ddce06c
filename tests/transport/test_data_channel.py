"""A data channel between two nodes: each promise of a channel, wrong certificates, peers against the rules, the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiortc import RTCDataChannel, RTCDataChannelParameters
from aiortc.rtcsctptransport import DataChunk

from idas_p2p.crypto.handshake import Initiator, Responder
from idas_p2p.crypto.keys import random_bytes
from idas_p2p.errors import ChannelClosed, PeerUnreachable
from idas_p2p.transport.channel import Channel
from idas_p2p.transport.data_channel import STREAM, DataChannel
from idas_p2p.transport.secure import accept, finish_dialling, prove_responder
from idas_p2p.wire.handshake import Purpose
from tests.transport import contract
from tests.transport.pairs import ALICE, BOB, PSK, known_psk
from tests.transport.webrtc import connections, ends


@asynccontextmanager
async def webrtc_pair() -> AsyncIterator[tuple[Channel, Channel]]:
    """Both ends of a channel over a data channel: the ordinary handshake inside."""
    async with connections() as (dialling, answering):
        initiator = Initiator(ALICE, BOB.node_id, Purpose.IMAGE, PSK, random_bytes=random_bytes)
        responder = Responder(BOB, find_psk=known_psk, admits=lambda *_: True, random_bytes=random_bytes)
        accepting = asyncio.gather(accept(answering, responder, path="webrtc"))
        await prove_responder(dialling, initiator)
        one = await finish_dialling(dialling, initiator, path="webrtc")
        (other,) = await accepting
        yield one, other


FRAGMENTS = 128  # in place of a bound that takes some seconds to reach
SLOW = contract.both_directions_carry_much_at_once  # 16 MiB each way
PROMISES = [pytest.param(one, marks=pytest.mark.slow) if one is SLOW else one for one in contract.PROMISES]


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
async def test_a_data_channel_keeps_every_promise_of_a_channel(promise: Callable[..., Any]) -> None:
    async with asyncio.timeout(60), webrtc_pair() as (one, other):
        await promise(one, other)


async def test_the_path_measures_its_round_trip_and_names_the_other_end() -> None:
    async with webrtc_pair() as (one, other):
        await one.send(bytes(100_000))
        await other.receive()
        assert one.path == "webrtc"
        assert one.round_trip is not None
        assert one.remote.host == other.remote.host == "127.0.0.1"


async def test_who_has_another_certificate_than_was_told_is_not_spoken_with() -> None:
    async with ends() as (one, other), asyncio.timeout(30):
        ours, theirs = await one.terms(), await other.terms()
        opening = asyncio.gather(other.open(ours), return_exceptions=True)
        with pytest.raises(PeerUnreachable, match="DTLS"):
            await one.open(replace(theirs, fingerprint=bytes(32)))
        one.give_up()
        other.give_up()  # for there was nobody yet to tell it
        (refused,) = await opening
        assert isinstance(refused, PeerUnreachable)


async def test_a_side_that_is_given_up_is_noticed_at_once_by_the_other() -> None:
    async with ends() as (one, other), asyncio.timeout(30):
        ours, theirs = await one.terms(), await other.terms()
        _, connection = await asyncio.gather(one.open(theirs), other.open(ours))
        one.give_up()
        with pytest.raises(ChannelClosed):
            await connection.receive()


async def second_channel(side: DataChannel) -> None:
    RTCDataChannel(side._sctp, RTCDataChannelParameters(label="another"))


async def text(side: DataChannel) -> None:
    side._sctp._data_channels[STREAM].send("text")


async def against_the_flow(side: DataChannel) -> None:
    side._sctp._data_channels[STREAM].send(b"\xff")


async def fragments_without_end(side: DataChannel) -> None:
    for _ in range(FRAGMENTS + 1):
        chunk = DataChunk()
        chunk.flags, chunk.tsn, chunk.stream_id = 0, side._sctp._local_tsn, STREAM
        chunk.stream_seq, chunk.protocol, chunk.user_data = 0, 53, b"x"
        side._sctp._local_tsn += 1
        await side._sctp._send_chunk(chunk)
        await asyncio.sleep(0)


async def one_piece_kept_back(side: DataChannel) -> None:
    side._sctp._local_tsn += 1
    for _ in range(FRAGMENTS + 1):
        chunk = DataChunk()
        chunk.flags, chunk.tsn, chunk.stream_id = 7, side._sctp._local_tsn, STREAM  # unordered, whole
        chunk.stream_seq, chunk.protocol, chunk.user_data = 0, 53, b"\x01" + chunk.tsn.to_bytes(8, "big")
        side._sctp._local_tsn += 1
        await side._sctp._send_chunk(chunk)
        await asyncio.sleep(0)


async def nonsense(side: DataChannel) -> None:
    await side._dtls._send_data(b"\0" * 40)
    await side._dtls._send_data(side._sctp._remote_verification_tag.to_bytes(4, "big") * 10)
    await second_channel(side)


@pytest.mark.parametrize(
    "attack", [second_channel, text, against_the_flow, fragments_without_end, one_piece_kept_back, nonsense]
)
async def test_a_peer_that_does_anything_else_loses_its_connection_and_nothing_more(
    attack: Callable[[DataChannel], Any], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("idas_p2p.transport.data_channel.MAX_FRAGMENTS", FRAGMENTS)
    async with ends() as (one, other), asyncio.timeout(60):
        ours, theirs = await one.terms(), await other.terms()
        _, connection = await asyncio.gather(one.open(theirs), other.open(ours))
        await attack(one)
        with pytest.raises(ChannelClosed):
            await connection.receive()
    assert caplog.records == []
