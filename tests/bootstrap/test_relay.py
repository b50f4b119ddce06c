"""The relay whole, over real sockets: what it connects, what it refuses, how it ends."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest

from bootstrap import splice
from bootstrap.relay_settings import Limits, RelaySettings
from idas_p2p.errors import ChannelClosed, PeerUnreachable
from idas_p2p.transport.channel import Channel
from idas_p2p.wire.address import Address
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.relay import Connect, DialBack, Move, Ping, Pong, Refused, RelayRefusal, Reserve
from tests.bootstrap.relaying import RELAY, dial_through, relaying, until, waiting
from tests.transport.pairs import ALICE, BOB, MALLORY

ON = RelaySettings(enabled=True)
CANARY = b"KANARIENVOGEL^TWEETY" * 50


async def test_a_node_without_an_open_port_is_reached_through_the_relay() -> None:
    async with relaying() as relay, waiting(relay.contact) as reservation:
        assert reservation.offer is not None
        assert reservation.observed is not None
        channel = await dial_through(reservation.offer)
        assert (channel.path, channel.peer) == ("relay", BOB.node_id)
        for size in (0, 1, 70_000, 1_000_000):
            await channel.send(bytes(size))
            assert await channel.receive() == bytes(size)
        await channel.close()
        await until(lambda: relay.relay.carried > 2_000_000)


async def test_a_node_that_waits_may_have_itself_dialled_at_its_own_address_and_nobody_else_may() -> None:
    asked: list[tuple[NodeId, Address, bytes]] = []
    async with relaying() as relay, waiting(relay.contact) as reservation:
        relay.relay.on_dial_back = lambda *request: bool(asked.append(request)) or len(asked) == 1
        assert await reservation.dial_back(7_000, b"nonce 01") == Address("127.0.0.1", 7_000)
        assert await reservation.dial_back(7_001, b"nonce 02") is None  # accepted no more
        assert asked[0] == (BOB.node_id, Address("127.0.0.1", 7_000), b"nonce 01")
        answer = await relay.ask(MALLORY, DialBack(port=7_000, nonce=b"nonce 03"))
        assert isinstance(answer, Refused)
        assert (answer.reason, len(asked)) == (RelayRefusal.MALFORMED, 2)


async def test_the_relay_sees_nothing_of_what_it_carries(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    received = splice._End.data_received
    monkeypatch.setattr(splice._End, "data_received", lambda end, data: (seen.append(data), received(end, data)))
    async with relaying() as relay, waiting(relay.contact) as reservation:
        assert reservation.offer is not None
        channel = await dial_through(reservation.offer)
        await channel.send(CANARY)
        assert await channel.receive() == CANARY
        await channel.close()
    everything = b"".join(seen)
    assert len(everything) > 2 * len(CANARY)
    assert CANARY[:20] not in everything
    assert ALICE.node_id.raw not in everything


async def test_the_log_holds_byte_counts_by_node_and_no_address(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="idas_p2p")
    async with relaying() as relay, waiting(relay.contact) as reservation:
        assert reservation.offer is not None
        await (await dial_through(reservation.offer)).close()
    logged = [record.__dict__["fields"] for record in caplog.records if record.getMessage() == "relayed"]
    assert [fields.keys() for fields in logged] == [{"peer", "bytes"}]
    assert logged[0]["peer"] == BOB.node_id.short


async def test_a_voucher_is_needed_and_counts_for_its_node_and_time_only() -> None:
    async with relaying() as relay:
        link, offer = await relay.reserved(BOB)
        other, others_offer = await relay.reserved(MALLORY)
        for bad, reason in (
            (replace(offer, signature=bytes(64)), RelayRefusal.BAD_VOUCHER),
            (replace(offer, expires=offer.expires + 1), RelayRefusal.BAD_VOUCHER),
            (others_offer, RelayRefusal.BAD_VOUCHER),  # MALLORY's, replayed to reach BOB
        ):
            request = Connect(target=BOB.node_id.raw, expires=bad.expires, signature=bad.signature)
            answer = await relay.ask(ALICE, request)
            assert isinstance(answer, Refused)
            assert answer.reason is reason
        assert relay.relay.reservations.refusals == {RelayRefusal.BAD_VOUCHER: 3}
        link.abort()
        other.abort()


async def test_a_dialer_is_told_when_the_node_has_left_or_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstrap.reservations.ANSWER_TIMEOUT", 0.0)
    async with relaying() as relay:
        link, offer = await relay.reserved(BOB)
        with pytest.raises(PeerUnreachable, match="target_silent"):
            await dial_through(offer)
        link.abort()
        await until(lambda: not len(relay.relay.reservations))
        with pytest.raises(PeerUnreachable, match="no_reservation"):
            await dial_through(offer)


async def test_a_dialer_that_came_before_a_node_was_back_is_told_to_it_when_it_is() -> None:
    """The node came into another network: its old link looks alive, and nobody reads what is said there."""
    async with relaying() as relay:
        dead, offer = await relay.reserved(BOB)
        dialling = asyncio.gather(dial_through(offer))
        await until(lambda: bool(relay.relay.reservations._pending))
        async with waiting(relay.contact):
            (channel,) = await dialling
            await channel.close()
        dead.abort()


async def test_one_link_is_kept_for_a_node_and_the_newest_counts() -> None:
    async with relaying() as relay:
        first, _ = await relay.reserved(BOB)
        second, _ = await relay.reserved(BOB)
        assert len(relay.relay.reservations) == 1
        first.abort()
        second.send(Ping())
        assert isinstance(await second.receive(), Pong)
        assert len(relay.relay.reservations) == 1
        second.abort()


async def test_reservations_are_bounded_and_only_for_those_allowed() -> None:
    async with relaying(replace(ON, reservations=1)) as relay:
        link, _ = await relay.reserved(BOB)
        answer = await relay.ask(ALICE, Reserve())
        assert isinstance(answer, Refused)
        assert answer.reason is RelayRefusal.FULL
        link.abort()
    async with relaying(replace(ON, nodes=frozenset({BOB.node_id}))) as relay:
        answer = await relay.ask(ALICE, Reserve())
        assert isinstance(answer, Refused)
        assert answer.reason is RelayRefusal.NOT_ALLOWED


async def test_a_relay_neither_waits_at_a_relay_nor_dials_through_one() -> None:
    async with relaying() as relay:
        answer = await relay.ask(RELAY, Reserve())
        assert isinstance(answer, Refused)
        assert answer.reason is RelayRefusal.RELAY_OVER_RELAY


async def test_streams_of_one_node_are_bounded() -> None:
    settings = replace(ON, sessions=Limits(total=9, per_node=1, per_block=9))
    async with relaying(settings) as relay, waiting(relay.contact) as reservation:
        assert reservation.offer is not None
        channel = await dial_through(reservation.offer)
        with pytest.raises(PeerUnreachable, match="too_many_from_node"):
            await dial_through(reservation.offer)
        await channel.close()


async def test_a_stream_over_the_bytes_of_the_day_is_cut() -> None:
    settings = replace(ON, amount=Limits(total=100_000, per_node=1e9, per_block=1e9))
    async with relaying(settings) as relay, waiting(relay.contact) as reservation:
        assert reservation.offer is not None
        channel = await dial_through(reservation.offer)
        with pytest.raises(ChannelClosed):
            await _pump(channel, 4_000_000)
        with pytest.raises(PeerUnreachable, match="over_budget"):
            await dial_through(reservation.offer)


async def _pump(channel: Channel, size: int) -> None:
    """Send and take back."""
    for _ in range(size // 50_000):
        await channel.send(bytes(50_000))
        assert await channel.receive() == bytes(50_000)


async def test_a_stream_that_is_held_back_arrives_whole() -> None:
    settings = replace(ON, rate=Limits(total=20e6, per_node=20e6, per_block=20e6))
    async with relaying(settings) as relay, waiting(relay.contact) as reservation:
        assert reservation.offer is not None
        channel = await dial_through(reservation.offer)
        await _pump(channel, 2_000_000)
        await channel.close()


async def test_when_it_stops_it_tells_the_nodes_to_move_and_refuses_new_ones() -> None:
    async with relaying(replace(ON, drain_seconds=0.05)) as relay:
        link, offer = await relay.reserved(BOB)
        async with asyncio.TaskGroup() as group:
            group.create_task(relay.relay.drain())
            assert isinstance(await link.receive(), Move)
        with pytest.raises(PeerUnreachable, match="draining"):
            await dial_through(offer)


async def test_a_node_that_is_told_to_move_lets_go_of_its_offer() -> None:
    async with relaying(replace(ON, drain_seconds=0.05)) as relay, waiting(relay.contact) as reservation:
        assert reservation.offer is not None
        await relay.relay.drain()
        await until(lambda: reservation.offer is None)


async def test_streams_under_way_may_end_while_it_drains() -> None:
    async with relaying(replace(ON, drain_seconds=10.0)) as relay, waiting(relay.contact) as reservation:
        assert reservation.offer is not None
        channel = await dial_through(reservation.offer)
        async with asyncio.TaskGroup() as group:
            draining = group.create_task(relay.relay.drain())
            await until(lambda: reservation.offer is None)
            await channel.send(b"still here")
            assert not draining.done()
            await channel.close()
