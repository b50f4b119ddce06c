"""Records go to a collector by TLS; nothing is lost while it is away, and nothing is believed that it did not confirm.

The collector here is a TLS server of this process; `tests/interop/test_rsyslog.py` uses the real one of Debian.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from idas_p2p.access.audit import events
from idas_p2p.access.audit.message import AuditSource
from idas_p2p.clock import SystemClock
from idas_p2p.crypto.keys import random_bytes
from idas_p2p.node import audit_sender
from idas_p2p.node.audit_sender import AuditSender, PositionFile
from idas_p2p.node.audit_settings import AuditSettings
from idas_p2p.node.auditing import Auditor
from idas_p2p.wire.address import Address
from tests.access.audit.logs import KEY
from tests.node.nodes import until
from tools.programs import free_port
from tools.rsyslog import make_certificates


async def run(function: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.to_thread(function, *arguments)


class Collector:
    """Takes frames and keeps the numbers of the records in them."""

    def __init__(self, folder: Path) -> None:
        make_certificates(folder)
        self.authority, self.port = folder / "ca.pem", free_port()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(folder / "server.pem", folder / "server.key")
        self.numbers: list[int] = []
        self._writers: list[asyncio.StreamWriter] = []

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._take, "127.0.0.1", self.port, ssl=self._context)
        try:
            yield
        finally:
            server.close()
            for writer in self._writers:
                writer.transport.abort()
            self._writers.clear()
            await asyncio.sleep(0)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while True:
                size = int(await reader.readuntil(b" "))
                frame = await reader.readexactly(size)
                match = re.search(rb'sequenceId="(\d+)"', frame)
                assert match is not None
                self.numbers.append(int(match[1]))
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


class Sending:
    """A log and its sender."""

    def __init__(self, folder: Path, port: int, authority: Path | None) -> None:
        self.folder, clock = folder, SystemClock()
        settings = AuditSettings(syslog=Address("127.0.0.1", port), syslog_ca=authority, segment_bytes=20_000)
        self.auditor = Auditor(folder, KEY, clock=clock, random_bytes=random_bytes, settings=settings, run=run)
        source = AuditSource(KEY.node_id, "City Hospital", "IDAS")
        position = PositionFile(self.auditor.folder)
        self.sender = AuditSender(self.auditor, source, position, settings=settings, run=run, clock=clock)

    async def note(self, count: int) -> None:
        for _ in range(count):
            self.auditor.note(events.started("1"))
        await self.auditor.settled()

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        async def turns() -> None:
            while True:
                await self.sender.turn()
                await asyncio.sleep(0.05)

        task = asyncio.get_running_loop().create_task(turns())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_sender, "GRACE", 0.2)
    monkeypatch.setattr(audit_sender, "LOOK_INTERVAL", 0.02)


async def test_every_record_reaches_the_collector_in_order_and_counts_as_delivered(
    tmp_path: Path, certificates: Path
) -> None:
    collector = Collector(certificates)
    sending = Sending(tmp_path, collector.port, collector.authority)
    await sending.note(300)
    async with collector.listening(), sending.going_on():
        await until(lambda: len(collector.numbers) == 300)
        await sending.note(5)
        await until(lambda: sending.sender.delivered == 305)
    assert collector.numbers == list(range(1, 306))
    assert PositionFile(sending.auditor.folder).read() == 305
    sending.auditor.close()


async def test_nothing_is_lost_while_the_collector_is_away_or_when_it_dies(tmp_path: Path, certificates: Path) -> None:
    collector = Collector(certificates)
    sending = Sending(tmp_path, collector.port, collector.authority)
    async with sending.going_on():
        await sending.note(50)
        async with collector.listening():
            await until(lambda: len(collector.numbers) >= 50)
        await sending.note(50)
        await until(lambda: not sending.sender.is_connected)
        async with collector.listening():
            await until(lambda: len(set(collector.numbers)) == 100)
    assert set(collector.numbers) == set(range(1, 101))
    sending.auditor.close()


async def test_a_node_that_starts_again_goes_on_where_the_collector_was(tmp_path: Path, certificates: Path) -> None:
    collector = Collector(certificates)
    first = Sending(tmp_path, collector.port, collector.authority)
    async with collector.listening():
        await first.note(20)
        async with first.going_on():
            await until(lambda: first.sender.delivered == 20)
        first.auditor.close()
        second = Sending(tmp_path, collector.port, collector.authority)
        await second.note(3)
        async with second.going_on():
            await until(lambda: len(collector.numbers) == 23)
    assert collector.numbers == list(range(1, 24))
    second.auditor.close()


async def test_a_collector_whose_certificate_is_not_trusted_gets_nothing(tmp_path: Path, certificates: Path) -> None:
    collector = Collector(certificates)
    sending = Sending(tmp_path, collector.port, None)
    await sending.note(3)
    async with collector.listening():
        await sending.sender.turn()
    assert collector.numbers == []
    assert "SSL" in sending.sender.error
    sending.auditor.close()


async def test_a_collector_that_is_away_is_tried_again_ever_more_rarely(tmp_path: Path) -> None:
    sending = Sending(tmp_path, free_port(), None)
    pauses = [await sending.sender.turn() for _ in range(8)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (audit_sender.FIRST_PAUSE, audit_sender.LONGEST_PAUSE)
    assert sending.sender.error
    sending.auditor.close()
