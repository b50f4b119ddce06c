"""One port for carriage, links and answers: who is passed on, who is turned away, and how many may stand there."""

from __future__ import annotations

import asyncio

import pytest

from bootstrap import door as door_module
from bootstrap.relay_link import Fault
from idas_p2p.directory.carriage import GREETING, FrameReader, frame
from idas_p2p.wire.datagrams import Challenge, Hello, parse_datagram
from idas_p2p.wire.relay import ANSWER_GREETING, LINK_GREETING
from tests.bootstrap.relaying import relaying, until
from tests.directory.network import nodes


async def test_a_greeting_that_nobody_knows_is_turned_away() -> None:
    async with relaying() as relay:
        assert await relay.raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") == b""
        assert relay.relay.faults == {Fault.BAD_GREETING: 1}


async def test_an_answer_with_a_nonce_that_was_not_given_is_turned_away() -> None:
    async with relaying() as relay:
        assert await relay.raw(ANSWER_GREETING + bytes(16)) == b""
        assert relay.relay.faults == {Fault.BAD_NONCE: 1}


async def test_a_greeting_may_come_byte_by_byte() -> None:
    async with relaying() as relay:
        _, writer = await asyncio.open_connection(relay.address.host, relay.address.port)
        for byte in LINK_GREETING:
            writer.write(bytes([byte]))
            await writer.drain()
        await until(lambda: len(relay.relay) == 1)
        writer.close()


async def test_whoever_takes_too_long_for_the_greeting_is_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "GREETING_TIMEOUT", 0.01)
    async with relaying() as relay:
        assert await relay.raw(LINK_GREETING[:5]) == b""
        assert relay.relay.faults == {Fault.TIMED_OUT: 1}


async def test_connections_of_one_host_that_say_nothing_are_bounded() -> None:
    async with relaying(max_per_host=2) as relay:
        silent = [await asyncio.open_connection(relay.address.host, relay.address.port) for _ in range(2)]
        assert await relay.raw(b"") == b""
        assert relay.relay.faults == {Fault.TOO_MANY_FROM_HOST: 1}
        for _, writer in silent:
            writer.close()


async def test_carriage_still_has_the_same_port() -> None:
    async with relaying() as relay:
        reader, writer = await asyncio.open_connection(relay.address.host, relay.address.port)
        async with nodes() as group:
            near = await group.start("near")
            address = group.running[near].address
            endpoint = (address.host, address.port)
            writer.write(GREETING + frame(endpoint, Hello(bytes(16)).to_bytes()))
            (answer,) = FrameReader().feed(await reader.read(65_536))
            assert answer[0] == endpoint
            assert isinstance(parse_datagram(answer[1]), Challenge)
        writer.close()
        assert relay.relay.faults == {}
