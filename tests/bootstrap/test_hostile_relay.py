"""A relay under attack: each kind of ill use is bounded, has a name, and costs those who behave nothing.

One scenario for each use of docs/spec/relay.md section 6.3; the last test asks that no name is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap import door, relay_link
from bootstrap import relay as relay_module
from bootstrap.relay import FIRST_REQUEST, IDLE_LINK, IDLE_SPLICE, MAX_HALF_OPEN_PER_HOST
from bootstrap.relay_link import Fault
from bootstrap.relay_settings import RelaySettings
from bootstrap.reservations import ANSWER_TIMEOUT, RESERVE_BURST
from idas_p2p.clock import SystemClock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.directory import carrier
from idas_p2p.directory.carriage import GREETING as CARRIAGE
from idas_p2p.directory.carrier import CarriageRefusal
from idas_p2p.errors import ChannelClosed, HandshakeFailed, PeerUnreachable
from idas_p2p.transport.framing import frame_header
from idas_p2p.transport.relay_link import open_link
from idas_p2p.wire.relay import (
    ANSWER_GREETING,
    LINK_GREETING,
    MAX_RELAY_FRAME,
    Connect,
    Incoming,
    Ping,
    Refused,
    RelayRefusal,
    Reserve,
)
from tests.bootstrap.relaying import Relaying, dial_through, relaying, until, waiting
from tests.transport.pairs import ALICE, BOB, MALLORY

ON = RelaySettings(enabled=True)
HOURS = 4 * 3_600.0  # seconds


class Ahead(SystemClock):
    """A clock that can be put forward by hours."""

    seconds = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.seconds


async def is_served(relay: Relaying) -> bool:
    """Whether a node that behaves can still wait here and be reached."""
    async with waiting(relay.contact) as reservation:
        assert reservation.offer is not None
        channel = await dial_through(reservation.offer)
        await channel.send(b"still")
        answer = await channel.receive()
        await channel.close()
    return answer == b"still"


async def closed(reader: asyncio.StreamReader) -> bool:
    """Wait until the relay closes a connection."""
    with suppress(ConnectionError):
        async with asyncio.timeout(10):
            while await reader.read(65_536):
                pass
    return True


# -- vouchers and reservations


async def test_a_dialer_without_a_voucher_is_a_bad_voucher() -> None:
    async with relaying() as relay:
        link, _ = await relay.reserved(MALLORY)
        request = Connect(target=MALLORY.node_id.raw, expires=2**40, signature=bytes(64))
        assert await relay.ask(ALICE, request) == Refused.because(RelayRefusal.BAD_VOUCHER)
        assert relay.relay.reservations.refusals == {RelayRefusal.BAD_VOUCHER: 1}
        assert await is_served(relay)
        link.abort()


async def test_a_voucher_replayed_by_another_node_is_a_bad_voucher_and_after_its_owner_left_leads_nowhere() -> None:
    async with relaying() as relay:
        link, offer = await relay.reserved(BOB)
        thief, _ = await relay.reserved(MALLORY)  # who publishes BOB's voucher as her own
        replayed = Connect(target=MALLORY.node_id.raw, expires=offer.expires, signature=offer.signature)
        assert await relay.ask(ALICE, replayed) == Refused.because(RelayRefusal.BAD_VOUCHER)
        link.abort()
        await until(lambda: len(relay.relay.reservations) == 1)
        his = replace(replayed, target=BOB.node_id.raw)
        assert await relay.ask(MALLORY, his) == Refused.because(RelayRefusal.NO_RESERVATION)
        assert relay.relay.reservations.refusals == {RelayRefusal.BAD_VOUCHER: 1, RelayRefusal.NO_RESERVATION: 1}
        assert await is_served(relay)
        thief.abort()


async def test_a_flood_of_reservations_from_one_site_is_too_many_from_it_and_then_too_often() -> None:
    async with relaying(replace(ON, reservations_per_block=5)) as relay:
        links = [await open_link(SigningKey.generate(), relay.contact.node_id, relay.address) for _ in range(8)]
        for link in links:
            link.send(Reserve())
        answers = [await link.receive() for link in links]
        assert answers[5:] == [Refused.because(RelayRefusal.TOO_MANY_FROM_BLOCK)] * 3
        assert len(relay.relay.reservations) == 5
        for link in links[1:]:
            link.abort()
        await until(lambda: len(relay.relay.reservations) == 1)
        assert await is_served(relay)
        for _ in range(int(RESERVE_BURST)):
            links[0].send(Reserve())
        await until(lambda: relay.relay.reservations.refusals[RelayRefusal.TOO_OFTEN] > 0)
        assert len(relay.relay.reservations) <= 1
        links[0].abort()


# -- slowness


async def test_a_greeting_that_comes_byte_by_byte_for_hours_is_timed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "GREETING_TIMEOUT", 0.05)
    async with relaying() as relay:
        reader, writer = await asyncio.open_connection(relay.address.host, relay.address.port)
        trickle = iter(LINK_GREETING[:-1])  # each byte in time, the last never
        async with asyncio.timeout(10):
            while not relay.relay.faults:
                if (byte := next(trickle, None)) is not None:
                    writer.write(bytes([byte]))
                await asyncio.sleep(0.01)
        assert relay.relay.faults == {Fault.TIMED_OUT: 1}
        assert await closed(reader)
        writer.close()


async def test_a_handshake_held_half_open_for_hours_is_timed_out_whatever_trickles_in() -> None:
    clock = Ahead()
    async with relaying(clock=clock) as relay:
        reader, writer = await asyncio.open_connection(relay.address.host, relay.address.port)
        writer.write(LINK_GREETING + frame_header(48))
        await until(lambda: len(relay.relay) == 1)
        for _ in range(47):  # the last byte never comes
            writer.write(b"\0")
            clock.seconds += 0.9 * FIRST_REQUEST / 47
            relay.relay.turn(seconds=0.05)
        assert relay.relay.faults == {}
        clock.seconds += HOURS
        assert await closed(reader)
        assert relay.relay.faults == {Fault.TIMED_OUT: 1}
        assert (len(relay.relay), relay.relay._half_open) == (0, {})
        writer.close()


async def test_a_node_that_waits_and_sends_a_frame_byte_by_byte_for_hours_is_silent() -> None:
    clock = Ahead()
    async with relaying(clock=clock) as relay:
        link, _ = await relay.reserved(MALLORY)
        connection = link.handed_over()
        connection.write_raw(frame_header(40))
        for _ in range(30):
            connection.write_raw(b"\0")
            clock.seconds += IDLE_LINK / 25
        with pytest.raises(ChannelClosed):
            await link.receive()
        assert relay.relay.faults == {Fault.SILENT: 1}
        assert len(relay.relay.reservations) == 0


async def test_links_of_one_host_that_ask_for_nothing_are_too_many_from_it() -> None:
    async with relaying(max_per_host=10_000) as relay:
        streams = []
        for _ in range(MAX_HALF_OPEN_PER_HOST):
            streams.append(await asyncio.open_connection(relay.address.host, relay.address.port))
            streams[-1][1].write(LINK_GREETING)
        await until(lambda: len(relay.relay) == MAX_HALF_OPEN_PER_HOST)
        assert await relay.raw(LINK_GREETING) == b""
        assert relay.relay.faults == {Fault.TOO_MANY_FROM_HOST: 1}
        for _, writer in streams:
            writer.close()
        await until(lambda: not len(relay.relay))
        assert await is_served(relay)


async def test_links_that_ask_for_nothing_are_bounded_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "MAX_HALF_OPEN", 2)
    async with relaying() as relay:
        streams = [await asyncio.open_connection(relay.address.host, relay.address.port) for _ in range(2)]
        for _, writer in streams:
            writer.write(LINK_GREETING)
        await until(lambda: len(relay.relay) == 2)
        assert await relay.raw(LINK_GREETING) == b""
        assert relay.relay.faults == {Fault.TOO_MANY_HALF_OPEN: 1}
        for _, writer in streams:
            writer.close()


async def test_carriage_that_sends_a_frame_byte_by_byte_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier, "IDLE_TIMEOUT", 0.05)
    async with relaying() as relay:
        reader, writer = await asyncio.open_connection(relay.address.host, relay.address.port)
        writer.write(CARRIAGE + b"\x05\x00")  # a frame of 1280 bytes
        async with asyncio.timeout(10):
            while not relay.carrier.refusals:
                writer.write(b"\x04")
                await asyncio.sleep(0.01)
        assert relay.carrier.refusals == {CarriageRefusal.SILENT: 1}
        assert await closed(reader)
        writer.close()


# -- size and form


async def test_an_oversized_frame_is_too_large_before_any_of_its_body_is_read() -> None:
    async with relaying() as relay:
        for size in (MAX_RELAY_FRAME + 1, 2**32 - 1):
            assert await relay.raw(LINK_GREETING + frame_header(size)) == b""
        assert relay.relay.faults == {Fault.TOO_LARGE: 2}
        assert await is_served(relay)


async def test_an_oversized_frame_of_carriage_is_a_bad_frame() -> None:
    async with relaying() as relay:
        assert await relay.raw(CARRIAGE + b"\xff\xff") == b""
        assert relay.carrier.refusals == {CarriageRefusal.BAD_FRAME: 1}


async def test_a_sealed_message_that_was_changed_is_a_bad_message() -> None:
    async with relaying() as relay:
        link, _ = await relay.reserved(MALLORY)
        link.handed_over().write(bytes(40))
        with pytest.raises(ChannelClosed):
            await link.receive()
        assert relay.relay.faults == {Fault.BAD_MESSAGE: 1}


async def test_noise_is_a_bad_handshake_another_greeting_a_bad_one_and_a_made_up_nonce_a_bad_nonce() -> None:
    async with relaying() as relay:
        for said in (
            LINK_GREETING + frame_header(48) + bytes(48),
            b"GET / HTTP/1.1\r\n\r\n",
            ANSWER_GREETING + bytes(16),
        ):
            assert await relay.raw(said) == b""
        assert relay.relay.faults == {Fault.BAD_HANDSHAKE: 1, Fault.BAD_GREETING: 1, Fault.BAD_NONCE: 1}


# -- silence and noise


async def test_a_target_that_takes_the_call_and_says_nothing_is_silent_to_its_dialer() -> None:
    clock = Ahead()
    async with relaying(clock=clock) as relay:
        link, offer = await relay.reserved(MALLORY)
        async with asyncio.TaskGroup() as group:
            dialling = group.create_task(refusal_of(dial_through(offer, peer=MALLORY.node_id)))
            assert isinstance(await link.receive(), Incoming)
            clock.seconds += ANSWER_TIMEOUT
        assert "target_silent" in dialling.result()
        assert relay.relay.reservations.refusals == {RelayRefusal.TARGET_SILENT: 1}
        link.abort()


async def test_a_peer_that_accepts_a_stream_and_says_nothing_is_silent() -> None:
    clock = Ahead()
    async with relaying(clock=clock) as relay:
        link, offer = await relay.reserved(MALLORY)
        async with asyncio.TaskGroup() as group:
            dialling = group.create_task(refusal_of(dial_through(offer, peer=MALLORY.node_id)))
            incoming = await link.receive()
            assert isinstance(incoming, Incoming)
            reader, writer = await asyncio.open_connection(relay.address.host, relay.address.port)
            writer.write(ANSWER_GREETING + incoming.nonce)
            await reader.read(65_536)  # the dialer's first message; there is no answer to it
            clock.seconds += IDLE_SPLICE + 1
        assert dialling.result()
        assert relay.relay.faults == {Fault.SILENT: 2}  # the stream, and the link of who was called
        await until(lambda: not relay.relay.traffic.sessions)
        link.abort()
        writer.close()


async def test_a_node_that_takes_no_messages_is_not_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_link, "MAX_UNSENT", -1)
    async with relaying() as relay:
        with suppress(ChannelClosed, HandshakeFailed):
            await relay.ask(MALLORY, Reserve())
        await until(lambda: relay.relay.faults == {Fault.NOT_READING: 1})


async def test_a_node_that_says_too_much_too_often_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_link, "MESSAGE_BURST", 20)
    async with relaying() as relay:
        link, _ = await relay.reserved(MALLORY)
        with suppress(ChannelClosed):
            for _ in range(100):
                link.send(Ping())
        await until(lambda: relay.relay.faults == {Fault.TOO_OFTEN: 1})
        assert len(relay.relay.reservations) == 0
        link.abort()


async def refusal_of(dialling: Awaitable[object]) -> str:
    """The text with which a dial fails."""
    try:
        await dialling
    except (PeerUnreachable, HandshakeFailed, ChannelClosed) as error:
        return error.detail or error.code
    return ""


def test_no_name_of_a_fault_is_missing_here() -> None:
    here = Path(__file__).read_text("utf-8")
    assert [fault for fault in Fault if f"Fault.{fault.name}: " not in here] == []
