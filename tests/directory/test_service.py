from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from idas_p2p.clock import SystemClock
from idas_p2p.directory.service import Directory
from idas_p2p.tasks import TaskOwner
from idas_p2p.wire.address import Address
from idas_p2p.wire.records import Record
from tests.directory.network import key, nodes, record, until


def written(count: int, *, size: int = 150) -> list[Record]:
    now = SystemClock().now()
    return [record(f"{n}", f"w{n}", bytes(size), now=now) for n in range(count)]


async def test_nodes_on_loopback_find_one_another_and_every_record() -> None:
    async with nodes() as group:
        running = await group.start_many(9)
        lot = written(20)
        assert await running[3].put(lot) == [9] * 20  # fewer nodes than hold a record elsewhere
        for number, one in enumerate(lot):
            assert await running[number % 9].get(one.key) == [one]
        assert running[5].observed_address() == group.running[running[5]].address
        status = running[5].status()
        assert (status.joined, status.contacts, status.refused) == (True, 8, ())
        assert dict(status.dropped).keys() <= {"unknown_reply"}  # who is slow is asked twice, and answers twice


async def test_every_record_is_found_while_a_third_of_the_nodes_is_dead() -> None:
    async with nodes() as group:
        running = await group.start_many(10)
        lot = written(10)
        await running[0].put(lot)
        for dead in running[2:5]:
            await group.stop(dead)
        for reader in (running[0], running[9]):
            for one in lot:
                assert await reader.get(one.key) == [one]
        fresh = written(12)[10:]
        assert min(await running[0].put(fresh)) >= 6


async def test_nodes_rejoin_a_bootstrap_node_that_restarted(tmp_path: Path) -> None:
    async with nodes() as group:
        first = await group.start("boot", folder=tmp_path)
        others = [await group.start(number, contacts=[group.running[first]]) for number in range(3)]
        await until(lambda: first.status().contacts == 3)
        (one,) = written(1)
        await others[0].put([one])
        contact = await group.stop(first)
        again = await group.start("boot", folder=tmp_path, port=contact.address.port)
        assert await again.wait_joined(10)
        await until(lambda: again.status().contacts == 3)
        assert await again.get(one.key) == [one]


async def test_held_records_and_known_contacts_survive_a_restart(tmp_path: Path) -> None:
    async with nodes() as group:
        holder = await group.start("holder", folder=tmp_path)
        other = await group.start("other", contacts=[group.running[holder]])
        await until(lambda: holder.status().joined)
        lot = written(5)
        assert await other.put(lot) == [2] * 5
        await group.stop(holder)
        again = await group.start("holder", folder=tmp_path)  # another port, and nobody told it whom to call
        assert again.status().records_stored == 5
        assert await again.wait_joined(10)
        await until(lambda: other.contacts() == [group.running[again]])
        assert await again.get(lot[0].key, quorum=1) == [lot[0]]


async def test_what_was_swept_to_disk_survives_without_a_clean_stop(tmp_path: Path) -> None:
    async with nodes() as group:
        holder = await group.start("holder", folder=tmp_path)
        await holder.put(written(3))
        journal = tmp_path / "holder.journal"
        await until(lambda: journal.stat().st_size > 3 * 150)
        (tmp_path / "copy.journal").write_bytes(journal.read_bytes() + b"half an ent")
        copy = await group.start("copy", folder=tmp_path)
        assert copy.status().records_stored == 3


async def test_limit_21_a_client_reads_and_writes_and_is_nobodys_contact() -> None:
    async with nodes() as group:
        first = await group.start("first")
        second = await group.start("second", contacts=[group.running[first]])
        client = await group.start("client", contacts=[group.running[first]], server=False)
        assert await client.wait_joined(10)
        await until(lambda: client.status().contacts == 2 and second.status().contacts == 1)
        (one,) = written(1)
        assert await client.put([one]) == [2]
        assert await client.get(one.key) == [one]
        assert client.status().records_stored == 0
        assert {first.status().contacts, second.status().contacts} == {1}


async def test_a_newcomer_receives_the_records_that_belong_to_it() -> None:
    async with nodes() as group:
        first = await group.start("first")
        lot = written(30)
        assert await first.put(lot) == [1] * 30
        newcomer = await group.start("newcomer", contacts=[group.running[first]])
        await until(lambda: newcomer.status().records_stored == 30)


async def test_more_slots_than_fit_one_datagram_are_read_in_full() -> None:
    async with nodes() as group:
        running = await group.start_many(3)
        now = SystemClock().now()
        slots = [record("crowded", writer, bytes(200), now=now) for writer in range(60)]
        assert await running[0].put(slots) == [3] * 60
        assert set(await running[2].get(slots[0].key)) == set(slots)


async def test_a_thousand_records_are_put_within_the_bounds_of_one_put() -> None:
    async with nodes() as group:
        running = await group.start_many(3)
        lot = written(300)
        assert await running[0].put(lot) == [3] * 300
        assert running[1].status().records_stored == 300


async def test_hostile_datagrams_are_counted_by_name_and_harm_nothing() -> None:
    async with nodes() as group:
        first = await group.start("first")
        second = await group.start("second", contacts=[group.running[first]])
        await until(lambda: second.status().joined and first.status().joined)
        where = group.running[first].address
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hostile:
            hostile.bind(("127.0.0.1", 0))
            for data in (
                b"",
                b"\x00",
                bytes([0x14]) + bytes(80),
                bytes([0x13]) + bytes(160),
                b"x" * 2_000,
                b"\x12" * 73,
            ):
                hostile.sendto(data, (where.host, where.port))
            await until(lambda: sum(count for _, count in first.status().dropped) >= 6)
        names = {name for name, _ in first.status().dropped}
        assert names == {"malformed", "unknown_session", "bad_cookie", "unexpected_challenge"}
        (one,) = written(1)
        assert await second.put([one]) == [2]


async def test_a_directory_that_was_never_started_stops() -> None:
    idle = Directory(key("idle"), clock=SystemClock(), storage_path=None, tasks=TaskOwner(limit=10))
    assert await idle.put(written(1)) == [1]
    await idle.stop()


async def test_a_client_that_is_alone_says_so() -> None:
    async with nodes() as group:
        alone = await group.start("alone", server=False)
        assert alone.status().lookup_ms_p50 == 0.0
        assert alone.observed_address() is None
        assert await alone.put(written(1)) == [0]
        assert not await alone.wait_joined(0.01)


async def test_limit_18_stopping_ends_every_task_and_frees_the_port() -> None:
    before = asyncio.all_tasks()
    async with nodes() as group:
        first = await group.start("first")
        await first.put(written(5))
        contact = await group.stop(first)
        assert asyncio.all_tasks() == before
        assert len(group.tasks) == 0
        again = await group.start("first", port=contact.address.port)
        assert group.running[again] == contact


async def test_no_datagram_holds_the_payload_or_the_keys_in_clear() -> None:
    seen: list[bytes] = []
    async with nodes() as group:
        running = await group.start_many(2)
        protocol = running[1]._main.server.protocol
        transmit = protocol._transmit

        def watched(data: bytes, endpoint: tuple[str, int]) -> None:
            seen.append(data)
            transmit(data, endpoint)

        protocol._transmit = watched  # type: ignore[method-assign]
        canary = record("here", payload=b"DOE^JANE-CANARY", now=SystemClock().now())
        await running[1].put([canary])
        await running[1].get(canary.key)
    everything = b"".join(seen)
    assert len(seen) >= 2
    for secret in (b"CANARY", canary.key, canary.location, canary.writer):
        assert secret not in everything


async def test_a_taken_port_is_refused_and_leaves_nothing_running() -> None:
    async with nodes() as group:
        first = await group.start("first")
        other = Directory(key("other"), clock=SystemClock(), storage_path=None, tasks=TaskOwner(limit=10))
        try:
            await other.start(Address("127.0.0.1", group.running[first].address.port))
        except OSError:
            await other.stop()
        else:
            raise AssertionError("two nodes on one port")


async def test_concurrent_puts_and_gets_do_not_disturb_one_another() -> None:
    async with nodes() as group:
        running = await group.start_many(4)
        lots = [written(40)[start : start + 10] for start in range(0, 40, 10)]
        stored = await asyncio.gather(*(node.put(lot) for node, lot in zip(running, lots, strict=True)))
        assert stored == [[4] * 10] * 4
        found = await asyncio.gather(*(running[0].get(one.key) for lot in lots for one in lot))
        assert all(len(slots) == 1 for slots in found)
