"""A node's link at the relay: hostile bytes, silence and floods, each by its name."""

from __future__ import annotations

import pytest

from bootstrap import relay as relay_module
from bootstrap.relay_link import Fault
from idas_p2p.crypto.keys import random_bytes
from idas_p2p.crypto.relaying import LinkInitiator
from idas_p2p.errors import ChannelClosed, HandshakeFailed
from idas_p2p.transport.framing import frame_header
from idas_p2p.transport.relay_link import open_link
from idas_p2p.wire.relay import LINK_GREETING, MAX_RELAY_FRAME, Incoming, Refused, RelayRefusal
from tests.bootstrap.relaying import relaying, until
from tests.transport.pairs import ALICE, MALLORY


async def test_an_oversized_frame_ends_the_connection_before_its_body_comes() -> None:
    async with relaying() as relay:
        assert await relay.raw(LINK_GREETING + frame_header(MAX_RELAY_FRAME + 1)) == b""
        assert relay.relay.faults == {Fault.TOO_LARGE: 1}


async def test_noise_instead_of_a_handshake_is_answered_by_nothing() -> None:
    async with relaying() as relay:
        assert await relay.raw(LINK_GREETING + frame_header(48) + bytes(48)) == b""
        assert relay.relay.faults == {Fault.BAD_HANDSHAKE: 1}


async def test_whoever_expects_another_relay_is_not_served() -> None:
    async with relaying() as relay:
        with pytest.raises(HandshakeFailed):
            await open_link(ALICE, MALLORY.node_id, relay.address)
        assert relay.relay.faults == {Fault.BAD_HANDSHAKE: 1}


async def test_a_recorded_opening_cannot_be_replayed() -> None:
    async with relaying() as relay:
        hello = LinkInitiator(ALICE, relay.contact.node_id, random_bytes=random_bytes).hello()
        replayed = LINK_GREETING + frame_header(len(hello)) + hello + frame_header(99) + bytes(99)
        answer = await relay.raw(replayed)
        assert len(answer) == 52  # a fresh answer to the first message, and the end
        assert relay.relay.faults == {Fault.BAD_HANDSHAKE: 1}


async def test_a_message_that_makes_no_sense_is_refused() -> None:
    async with relaying() as relay:
        answer = await relay.ask(ALICE, Incoming(nonce=bytes(16)))
        assert isinstance(answer, Refused)
        assert answer.reason is RelayRefusal.MALFORMED


async def test_whoever_asks_for_nothing_in_time_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "FIRST_REQUEST", 0.0)
    monkeypatch.setattr(relay_module, "SWEEP", 0.0)
    async with relaying() as relay:
        assert await relay.raw(LINK_GREETING) == b""
        assert relay.relay.faults[Fault.TIMED_OUT] == 1


async def test_a_node_that_waits_and_falls_silent_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    async with relaying() as relay:
        link, _ = await relay.reserved(ALICE)
        monkeypatch.setattr(relay_module, "IDLE_LINK", 0.0)
        monkeypatch.setattr(relay_module, "SWEEP", 0.0)
        with pytest.raises(ChannelClosed):
            await link.receive()
        await until(lambda: relay.relay.faults[Fault.SILENT] == 1)
        assert not len(relay.relay.reservations)
