"""Nodes on this machine's loopback, for the tests of the transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from idas_p2p.crypto.handshake import Initiator, Responder
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.crypto.noise import Psk
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport import memory
from idas_p2p.transport.channel import Channel
from idas_p2p.transport.connection import Connection
from idas_p2p.transport.dialer import dial
from idas_p2p.transport.listener import Listener
from idas_p2p.transport.moving import MovingChannel
from idas_p2p.transport.secure import SecureChannel, accept, finish_dialling, prove_responder
from idas_p2p.wire.address import Address
from idas_p2p.wire.handshake import Purpose

ALICE, BOB, MALLORY = (SigningKey(bytes([n]) * 32) for n in (1, 2, 3))
PSK = Psk(b"federati", bytes(range(32)))
LOOPBACK = Address("127.0.0.1", 0)


async def echo(channel: Channel) -> None:
    """Send back whatever comes."""
    while True:
        await channel.send(await channel.receive())


@asynccontextmanager
async def listening(
    *, address: Address = LOOPBACK, on_channel: Callable[[Channel], Awaitable[None]] = echo, **options: Any
) -> AsyncIterator[tuple[Listener, Address]]:
    """BOB, who knows PSK and admits everybody, unless the options say otherwise. Leaves no task behind."""
    owner = TaskOwner(limit=64)
    options = {"find_psk": known_psk, "admits": lambda *_: True, "owner": owner, **options}
    listener = Listener(BOB, on_channel=on_channel, **options)
    try:
        yield listener, await listener.start(address)
    finally:
        await listener.stop()
        assert len(owner) == 0, "a task outlived its listener"
        assert listener.gate.half_open == listener.gate.channels == 0


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until it is so; the test's own timeout bounds it."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


def known_psk(_purpose: Purpose, psk_id: bytes) -> bytes | None:
    """Find PSK and no other."""
    return PSK.key if psk_id == PSK.psk_id else None


async def dial_bob(*addresses: Address, **options: Any) -> SecureChannel:
    """ALICE dials."""
    options = {"purpose": Purpose.IMAGE, "psk": PSK, "timeout": 10.0, **options}
    return await dial(ALICE, BOB.node_id, addresses, **options)


@asynccontextmanager
async def direct_pair() -> AsyncIterator[tuple[Channel, Channel]]:
    """Both ends of a channel over TCP."""
    accepted: asyncio.Queue[Channel] = asyncio.Queue(maxsize=1)
    finished = asyncio.Event()

    async def hold(channel: Channel) -> None:
        await accepted.put(channel)
        await finished.wait()

    async with listening(on_channel=hold) as (_, address):
        dialling = await dial_bob(address)
        yield dialling, await accepted.get()
        finished.set()
        await dialling.close()


@asynccontextmanager
async def movable_pair(
    *, purpose: Purpose = Purpose.CONTROL, **options: Any
) -> AsyncIterator[tuple[MovingChannel, Channel, Address]]:
    """Both ends of a channel that may move, and where to dial another connection for it."""
    accepted: asyncio.Queue[Channel] = asyncio.Queue(maxsize=1)
    finished = asyncio.Event()

    async def hold(channel: Channel) -> None:
        await accepted.put(channel)
        await finished.wait()

    async with listening(on_channel=hold, **options) as (_, address):
        dialling = MovingChannel(await dial_bob(address, purpose=purpose), is_ours=True)
        try:
            yield dialling, await accepted.get(), address
        finally:
            finished.set()
            await dialling.close()


async def move(channel: MovingChannel, address: Address) -> None:
    """Have a channel go on over another connection."""
    await channel.move_to(await dial_bob(address, purpose=Purpose.MOVE))


async def widen(channel: MovingChannel, address: Address) -> SecureChannel:
    """Have a channel use one more connection; returns the dialer's end of it."""
    lane = await dial_bob(address, purpose=Purpose.MOVE)
    assert channel.braid is not None
    channel.braid.ask(lane)
    return lane


@asynccontextmanager
async def braided_pair() -> AsyncIterator[tuple[Channel, Channel]]:
    """Both ends of a channel over four TCP connections, the end that carries most on them first."""
    async with movable_pair(purpose=Purpose.IMAGE) as (one, other, address):
        for _ in range(3):
            await widen(one, address)
        await until(lambda: isinstance(other, MovingChannel) and other.braid is not None and other.braid.width == 4)
        yield other, one


@asynccontextmanager
async def moved_pair() -> AsyncIterator[tuple[Channel, Channel]]:
    """Both ends of a channel over its third TCP connection."""
    async with movable_pair() as (one, other, address):
        for _ in range(2):
            await move(one, address)
            await other.send(b"over there")  # until this is taken the old connection is in use
            assert await one.receive() == b"over there"
        reading = asyncio.gather(other.receive())
        await one.send(b"over here")
        assert await reading == [b"over here"]
        yield Fresh(one), Fresh(other)


@asynccontextmanager
async def raw_pair(*, max_frame: int = 1_000) -> AsyncIterator[tuple[Connection, Connection]]:
    """Two connected ends without handshake."""
    loop = asyncio.get_running_loop()
    made: asyncio.Queue[Connection] = asyncio.Queue(maxsize=1)
    server = await loop.create_server(
        lambda: Connection(max_frame=max_frame, on_made=made.put_nowait), LOOPBACK.host, LOOPBACK.port
    )
    host, port = server.sockets[0].getsockname()
    _, one = await loop.create_connection(lambda: Connection(max_frame=max_frame), host, port)
    other = await made.get()
    try:
        yield one, other
    finally:
        await asyncio.gather(one.close(), other.close())
        server.close()
        await server.wait_closed()


async def shake_hands(one: Connection, other: Connection) -> tuple[SecureChannel, SecureChannel]:
    """ALICE at `one` dials BOB at `other`."""
    initiator = Initiator(ALICE, BOB.node_id, Purpose.CONTROL, PSK, random_bytes=random_bytes)
    responder = Responder(BOB, find_psk=known_psk, admits=lambda *_: True, random_bytes=random_bytes)

    async def dial_it() -> SecureChannel:
        await prove_responder(one, initiator)
        return await finish_dialling(one, initiator, path="direct")

    dialling, accepted = await asyncio.gather(dial_it(), accept(other, responder, path="direct"))
    return dialling, accepted


class Fresh:
    """A channel whose counters of messages begin here."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._before = (channel.messages_sent, channel.messages_received)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    @property
    def messages_sent(self) -> int:
        """From here on."""
        return self._channel.messages_sent - self._before[0]

    @property
    def messages_received(self) -> int:
        """From here on."""
        return self._channel.messages_received - self._before[1]


@asynccontextmanager
async def memory_pair() -> AsyncIterator[tuple[Channel, Channel]]:
    """Both ends of a channel in memory."""
    yield memory.make_pair()
