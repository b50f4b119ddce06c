"""A better path is looked for while a channel takes a poor one, and the transfer on it notices nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.relay_settings import RelaySettings
from idas_p2p.errors import PeerUnreachable
from idas_p2p.node import moving
from idas_p2p.node.moving import BEST, Mover
from idas_p2p.node.node import Node
from idas_p2p.node.views import peers, transfers
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.moving import MovingChannel
from idas_p2p.transport.secure import SecureChannel
from idas_p2p.wire.handshake import Purpose
from tests.bootstrap.relaying import relaying
from tests.node.nodes import data_of, fill, retrieve, until
from tests.node.test_relays import walled_pair
from tests.transport.pairs import dial_bob, movable_pair
from tests.transport.test_moving import relayed

SLOW = RelaySettings(enabled=True, rate=replace(RelaySettings().rate, total=2e6))  # bytes a second


@pytest.fixture(autouse=True)
def looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for purpose in moving.FIRST_LOOK:
        monkeypatch.setitem(moving.FIRST_LOOK, purpose, 0.05)
        monkeypatch.setitem(moving.LAST_LOOK, purpose, 0.05)


async def test_it_is_looked_for_until_it_stands_and_then_no_more() -> None:
    tasks, moved, tried = TaskOwner(limit=4), asyncio.Event(), list[str]()
    async with movable_pair(purpose=Purpose.IMAGE) as (channel, other, address):
        assert channel.braid is not None
        channel.braid._main._path = "relay"

        async def dial(channel: MovingChannel, but: frozenset[str]) -> SecureChannel:
            assert not but
            tried.append(channel.path)
            if len(tried) < 3:
                raise PeerUnreachable
            return await dial_bob(address, purpose=Purpose.MOVE)

        Mover(dial, on_moved=lambda _: moved.set(), tasks=tasks).watch(channel)
        async with asyncio.timeout(10):
            await moved.wait()
        await until(lambda: not len(tasks))
        assert (tried, channel.path) == (["relay"] * 3, "direct")
        await other.send(b"over there")
        assert await channel.receive() == b"over there"


async def test_nothing_is_looked_for_beyond_the_best_nor_for_a_channel_that_is_over() -> None:
    tasks = TaskOwner(limit=4)

    async def dial(channel: MovingChannel, but: frozenset[str]) -> SecureChannel:
        raise PeerUnreachable

    mover = Mover(dial, on_moved=lambda _: None, tasks=tasks)
    async with movable_pair() as (channel, _, _):
        assert channel.path in BEST
        mover.watch(channel)
        assert len(tasks) == 0
        channel._sending._path = "relay"
        mover.watch(channel)
        assert len(tasks) == 1
        await channel.close()
        await until(lambda: not len(tasks))


async def test_a_channel_that_is_faster_than_webrtc_is_not_moved_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "WEBRTC_RATE", 1e5)
    tasks, told = TaskOwner(limit=4), asyncio.Queue[frozenset[str]](maxsize=100)

    async def dial(channel: MovingChannel, but: frozenset[str]) -> SecureChannel:
        told.put_nowait(but)
        raise PeerUnreachable

    async with movable_pair(purpose=Purpose.IMAGE) as (channel, other, _):
        assert channel.braid is not None
        channel.braid._main._path = "relay"
        Mover(dial, on_moved=lambda _: None, tasks=tasks).watch(channel)
        async with asyncio.timeout(10):
            assert await told.get() == frozenset()
            taking = asyncio.gather(channel.receive())
            await other.send(bytes(1_000_000))
            await taking
            while not await told.get():
                pass


@asynccontextmanager
async def opened(anna: Node) -> AsyncIterator[None]:
    """Somebody opens the port at which nobody could reach a node."""
    (advertised,) = anna.whereabouts.addresses()
    async with relayed(anna.network_address, port=advertised.port):
        yield


async def test_a_transfer_that_began_on_a_relay_goes_on_directly_and_nothing_is_sent_twice(tmp_path: Path) -> None:
    async with relaying(SLOW) as relay, walled_pair(tmp_path, relay.contact) as (anna, berg):
        stored = await fill(anna, instances=12, size=2_000_000, is_noise=True)  # 12 s of the relay: three looks
        size = sum(map(len, stored.values()))
        retrieving = asyncio.gather(retrieve(berg))
        await until(lambda: any(one.wire_bytes > 3e5 for one in berg.transfers.running.values()))
        assert [one.path for one in berg.transfers.running.values()] == ["relay"]
        async with opened(anna):
            (events,) = await retrieving
            assert data_of(events) == stored
            (ours,), (theirs,) = transfers(berg)["transfers"], transfers(anna)["transfers"]
            assert (ours["path"], theirs["path"]) == ("direct", "direct")
            assert peers(berg)["peers"][0]["image_path"] == "direct"
            assert ours["wire_bytes"] < 1.05 * size
            carried = relay.relay.carried + sum(one.session.carried for one in relay.relay._splices.values())
            assert 3e5 < carried < 0.9 * size
