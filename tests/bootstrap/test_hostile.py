"""A running bootstrap node under attack: it stays served, bounded, and true."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from bootstrap.config import CONFIG_FILE
from idas_p2p.crypto.records import Refusal
from idas_p2p.directory.carriage import GREETING
from idas_p2p.directory.protocol import OUTCOMES
from idas_p2p.directory.service import Directory
from idas_p2p.limits import WORK_BURST, WORK_RATE
from idas_p2p.wire.address import Contact
from idas_p2p.wire.datagrams import HANDSHAKE, HELLO, Hello
from idas_p2p.wire.rpc import FindNode, Nodes, Ping, Pong, Store, Stored
from tests.bootstrap.hostile import CLOCK, Stranger, forged_handshakes, nonsense, rubbish
from tests.bootstrap.processes import command, running
from tests.directory.network import key, nodes, record

MEMORY = 60 * 2**20  # bytes
SEED = 7
TRIES = 10  # of the honest client; a flood on a busy machine costs datagrams of everybody


class Scene:
    """The process, an honest client, and as many strangers as a test wants."""

    def __init__(self, process: psutil.Process, honest: Directory, target: Contact) -> None:
        self.process, self.honest = process, honest
        self._target, self._strangers = target, list[Stranger]()

    @property
    def address(self) -> tuple[str, int]:
        return self._target.address.host, self._target.address.port

    def stranger(self, name: object) -> Stranger:
        made = Stranger(self._target, key(f"stranger {name}"))
        self._strangers.append(made)
        return made

    async def is_served(self) -> bool:
        """Whether the honest client is served, if not at once then when it asks again, as every client does."""
        for _ in range(TRIES):
            if await self._writes_and_reads():
                return True
        return False

    async def _writes_and_reads(self) -> bool:
        """Whether it can write, and reads what it wrote before the attack and what it wrote now."""
        now = record(f"written {CLOCK.now()}", now=CLOCK.now())
        stored = await self.honest.put([now])
        return stored == [1] and await self.honest.get(now.key) == [now] and await self.honest.get(EARLY.key) == [EARLY]

    def close(self) -> None:
        for stranger in self._strangers:
            stranger.close()


EARLY = record("early", now=CLOCK.now())


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    command("init", str(tmp_path), "--listen", "127.0.0.1:0")
    with running(tmp_path) as (process, contact):
        async with nodes() as group:
            honest = await group.start("honest", contacts=[contact], server=False)
            assert await honest.wait_joined(10)
            assert await honest.put([EARLY]) == [1]
            scene = Scene(psutil.Process(process.pid), honest, contact)
            yield scene
            assert await scene.is_served()
            assert scene.process.memory_info().rss < MEMORY
            scene.close()


@asynccontextmanager
async def under(*floods: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run floods while the block runs."""
    async with asyncio.TaskGroup() as group:
        for flood in floods:
            group.create_task(flood)
        yield


async def test_malformed_and_oversized_datagrams_do_not_keep_others_from_service(scene: Scene) -> None:
    strangers = [scene.stranger(number) for number in range(4)]
    async with under(*(one.flood(rubbish(random.Random(SEED + n), 5_000)) for n, one in enumerate(strangers))):
        assert await scene.is_served()


async def test_a_flood_of_hellos_gets_no_more_bytes_than_it_sent_and_opens_nothing(scene: Scene) -> None:
    stranger, rng = scene.stranger(1), random.Random(SEED)
    async with under(stranger.flood(Hello(rng.randbytes(16)).to_bytes() for _ in range(20_000))):
        assert await scene.is_served()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            while True:
                await stranger.receive()
    assert 0 < stranger.bytes_in <= stranger.bytes_out


async def test_forged_names_and_replayed_handshakes_open_no_session(scene: Scene) -> None:
    stranger = scene.stranger(1)
    assert isinstance(await stranger.ask(Ping()), Pong)
    recorded = list(stranger.sent)
    victim = key("victim").node_id
    await stranger.flood(forged_handshakes(recorded, victim, 2_000))
    await stranger.flood(iter(recorded * 500))
    elsewhere = scene.stranger("elsewhere")
    await elsewhere.flood(iter(recorded * 500))
    assert await scene.is_served()
    assert isinstance(await stranger.ask(Ping()), Pong)


async def test_requests_beyond_the_budget_of_an_address_are_dropped_and_others_served(scene: Scene) -> None:
    stranger = scene.stranger(1)
    assert isinstance(await stranger.ask(Ping()), Pong)
    asked = int(WORK_BURST + 4 * WORK_RATE)
    question = b"\x95\x00\xc4\x08" + bytes(8) + b"\xc2\x02\x91\xc4\x14" + bytes(20)
    async with under(stranger.flood(_sealed(stranger, question, asked))):
        assert await scene.is_served()
    answers = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            while True:
                await stranger.receive()
                answers += 1
    assert answers < asked


async def test_nonsense_within_a_session_is_dropped_and_the_session_goes_on(scene: Scene) -> None:
    stranger = scene.stranger(1)
    assert isinstance(await stranger.ask(Ping()), Pong)
    for message in nonsense(random.Random(SEED), 2_000):
        stranger.send(stranger.seal(message) or b"")
    assert isinstance(await stranger.ask(FindNode(target=bytes(20))), Nodes)


async def test_many_identities_of_one_host_cost_bounded_memory(scene: Scene) -> None:
    before = scene.process.memory_info().rss
    for number in range(600):
        stranger = scene.stranger(number)
        assert isinstance(await stranger.ask(Ping()), Pong)
        stranger.close()
    assert scene.process.memory_info().rss - before < 10 * 2**20


async def test_forged_stale_eternal_and_too_many_records_are_refused_by_name(scene: Scene) -> None:
    stranger, now = scene.stranger(1), CLOCK.now()
    old, new = record("slot", now=now - 60), record("slot", payload=b"new", now=now)
    forged = replace(new, payload=b"forged", sequence=new.sequence + 1)
    stolen = replace(record("slot", "thief", now=now + 60), writer=new.writer)
    eternal = record("slot", now=now + 1, lifetime=1e9)
    dead = record("slot", now=now - 9_000, lifetime=10)
    assert await _outcomes(stranger, new.to_bytes()) == [None]
    offered = [one.to_bytes() for one in (old, forged, stolen, eternal, dead)]
    assert await _outcomes(stranger, *offered[:3]) == [
        Refusal.STALE_SEQUENCE,
        Refusal.BAD_SIGNATURE,
        Refusal.BAD_SIGNATURE,
    ]
    assert await _outcomes(stranger, *offered[3:], b"\xc1") == [
        Refusal.TOO_LONG_LIVED,
        Refusal.STALE_SEQUENCE,
        Refusal.MALFORMED,
    ]
    assert await scene.honest.get(new.key) == [new]


async def test_no_kind_of_datagram_draws_more_bytes_than_it_has_from_a_running_node(scene: Scene) -> None:
    proved = scene.stranger("proved")
    assert isinstance(await proved.ask(FindNode(target=bytes(20))), Nodes)
    kinds = {data[0]: data for data in proved.sent if data}
    assert set(kinds) == {HELLO, HANDSHAKE}
    rng = random.Random(SEED)
    samples = [*kinds.values(), Hello(bytes(16)).to_bytes(), proved.seal(b"\x95\x00") or b"", *rubbish(rng, 120)]
    for number, data in enumerate(samples):
        unproved = scene.stranger(f"unproved {number}")
        unproved.send(data)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.02):
                while True:
                    await unproved.receive()
        assert unproved.bytes_in <= len(data)
        unproved.close()


async def test_records_beyond_what_the_operator_allows_are_refused_as_quota(tmp_path: Path) -> None:
    command("init", str(tmp_path), "--listen", "127.0.0.1:0")
    config = tmp_path / CONFIG_FILE
    config.write_text(config.read_text().replace("records = 1000000", "records = 5"))
    with running(tmp_path) as (_, contact):
        stranger = Stranger(contact, key("greedy"))
        lot = [record(number, number, now=CLOCK.now()).to_bytes() for number in range(7)]
        assert [(await _outcomes(stranger, data))[0] for data in lot] == [None] * 5 + [Refusal.QUOTA] * 2
        stranger.close()


async def test_rubbish_on_streams_ends_them_and_datagrams_are_served_meanwhile(scene: Scene) -> None:
    rng = random.Random(SEED)

    async def pester(start: bytes) -> None:
        for _ in range(20):
            reader, writer = await asyncio.open_connection(*scene.address)
            writer.write(start + rng.randbytes(3_000))
            async with asyncio.timeout(20):
                with contextlib.suppress(OSError):
                    while await reader.read(65_536):
                        pass
            writer.close()

    async with under(pester(b""), pester(GREETING), pester(GREETING + b"\xff\xff")):
        assert await scene.is_served()


def _sealed(stranger: Stranger, message: bytes, count: int) -> Iterator[bytes]:
    return (stranger.seal(message) or b"" for _ in range(count))


async def _outcomes(stranger: Stranger, *records: bytes) -> list[Refusal | None]:
    reply = await stranger.ask(Store(records=records))
    assert isinstance(reply, Stored)
    return [OUTCOMES[number] for number in reply.outcomes]
