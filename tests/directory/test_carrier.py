from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from idas_p2p.clock import SystemClock
from idas_p2p.crypto.keys import random_bytes
from idas_p2p.directory import carrier as module
from idas_p2p.directory.addresses import AddressPolicy
from idas_p2p.directory.budgets import Budgets
from idas_p2p.directory.carriage import GREETING, FrameReader, frame
from idas_p2p.directory.carrier import MAX_CARRIED_PER_SITE, CarriageRefusal, Carrier
from idas_p2p.wire.address import Address
from idas_p2p.wire.datagrams import Challenge, Hello, parse_datagram
from idas_p2p.wire.rpc import Endpoint
from tests.directory.network import nodes, until

SEALED = bytes([0x14]) + bytes(80)


class Listening(asyncio.DatagramProtocol):
    """A UDP socket that answers no hello and keeps what it gets."""

    def __init__(self) -> None:
        self.got: list[bytes] = []

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.got.append(data)


@asynccontextmanager
async def carrier() -> AsyncIterator[tuple[Carrier, Address]]:
    made = Carrier(policy=AddressPolicy(allow_private=True), clock=SystemClock())
    bound = await made.start(Address("127.0.0.1", 0))
    try:
        yield made, bound
    finally:
        await made.stop()


@asynccontextmanager
async def stream(address: Address) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(GREETING)
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_hello_goes_out_and_its_challenge_comes_back() -> None:
    async with carrier() as (_, at), stream(at) as (reader, writer), nodes() as group:
        node = await group.start("node")
        where = group.running[node].address
        hello = Hello(random_bytes(16))
        writer.write(frame((where.host, where.port), hello.to_bytes()))
        ((endpoint, data),) = await _next(reader)
        assert endpoint == (where.host, where.port)
        challenge = parse_datagram(data)
        assert isinstance(challenge, Challenge)
        assert challenge.token == hello.token


async def test_who_answered_no_hello_gets_nothing_but_hellos() -> None:
    loop = asyncio.get_running_loop()
    transport, stranger = await loop.create_datagram_endpoint(Listening, local_addr=("127.0.0.1", 0))
    where: Endpoint = transport.get_extra_info("sockname")
    async with carrier() as (_, at), stream(at) as (_, writer):
        for data in (SEALED, b"spam", b"", Hello(bytes(16)).to_bytes(), SEALED):
            writer.write(frame(where, data))
        await until(lambda: len(stranger.got) > 0)
        await writer.drain()
    assert stranger.got == [Hello(bytes(16)).to_bytes()]
    transport.close()


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", GREETING + b"\xff\xff"])
async def test_who_does_not_speak_carriage_is_hung_up_on(said: bytes) -> None:
    async with carrier() as (serving, at):
        reader, writer = await asyncio.open_connection(at.host, at.port)
        writer.write(said)
        assert await reader.read() == b""
        writer.close()
        await until(lambda: len(serving) == 0)


async def test_one_site_gets_so_many_connections_and_no_more() -> None:
    async with carrier() as (serving, at):
        opened = [await asyncio.open_connection(at.host, at.port) for _ in range(MAX_CARRIED_PER_SITE)]
        await until(lambda: len(serving) == MAX_CARRIED_PER_SITE)
        reader, writer = await asyncio.open_connection(at.host, at.port)
        assert await reader.read() == b""
        for _, other in [*opened, (reader, writer)]:
            other.close()
        await until(lambda: len(serving) == 0)


async def test_what_is_not_carried_is_counted_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    async with carrier() as (serving, at), stream(at) as (_, writer):
        writer.write(frame(("127.0.0.1", 9), SEALED))
        await until(lambda: serving.refusals == {CarriageRefusal.NOT_ANSWERED: 1})
        monkeypatch.setattr(serving, "_budgets", Budgets(rate=1.0, burst=0.001))
        for _ in range(3):
            writer.write(frame(("127.0.0.1", 9), SEALED))
        await until(lambda: serving.refusals[CarriageRefusal.TOO_OFTEN] == 2)


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", CarriageRefusal.BAD_GREETING),
        (GREETING + b"\xff\xff", CarriageRefusal.BAD_FRAME),
        (GREETING[:5], CarriageRefusal.TIMED_OUT),
        (GREETING + b"\0", CarriageRefusal.SILENT),
    ],
    ids=lambda value: str(value) if isinstance(value, CarriageRefusal) else "",
)
async def test_who_is_hung_up_on_is_counted_by_its_name(
    said: bytes, refusal: CarriageRefusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GREETING_TIMEOUT", 0.1)
    monkeypatch.setattr(module, "IDLE_TIMEOUT", 0.1)
    async with carrier() as (serving, at):
        reader, writer = await asyncio.open_connection(at.host, at.port)
        writer.write(said)
        assert await reader.read() == b""
        assert serving.refusals == {refusal: 1}
        writer.close()


async def test_connections_beyond_those_of_a_site_and_of_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, refusal in (
        ("MAX_CARRIED_PER_SITE", CarriageRefusal.TOO_MANY_FROM_SITE),
        ("MAX_CARRIED", CarriageRefusal.TOO_MANY),
    ):
        monkeypatch.setattr(module, name, 0)
        async with carrier() as (serving, at):
            reader, writer = await asyncio.open_connection(at.host, at.port)
            assert await reader.read() == b""
            assert serving.refusals == {refusal: 1}
            writer.close()


async def test_an_answer_that_the_client_has_no_room_for_is_lost_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with carrier() as (serving, at), stream(at) as (_, writer), nodes() as group:
        monkeypatch.setattr(module, "MAX_WAITING", 0)
        where = group.running[await group.start("node")].address
        writer.write(frame((where.host, where.port), Hello(random_bytes(16)).to_bytes()))
        await until(lambda: serving.refusals == {CarriageRefusal.NOT_READING: 1})


async def _next(reader: asyncio.StreamReader) -> list[tuple[Endpoint, bytes]]:
    frames = FrameReader()
    while True:
        if found := frames.feed(await reader.read(4_096)):
            return found
